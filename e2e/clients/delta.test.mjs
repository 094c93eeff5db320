// Following changes with delta, as graph-js users do: page through, keep the
// delta link, ask again later.
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertNoSecret, developmentSubscription, draft, graphClient, set } from "./service.mjs";

const admin = graphClient();

/** follow reads pages from a link until the delta link, and returns both. */
async function follow(link) {
  const items = [];
  for (;;) {
    const page = await admin.api(link).get();
    items.push(...page.value);
    if (!page["@odata.nextLink"]) {
      assert.ok(page["@odata.deltaLink"], "the last page has a delta link");
      return { items, deltaLink: page["@odata.deltaLink"] };
    }
    assert.equal(page["@odata.deltaLink"], undefined, "a page has one of the two links");
    link = page["@odata.nextLink"];
  }
}

test("a delta link tells what was created, changed and deleted since", async () => {
  const made = [];
  for (let i = 0; i < 3; i++) made.push(await admin.api(set).post(draft(`delta-${i}`)));
  const [kept, changed, gone] = made;

  const first = await follow(`${set}/delta?$top=2`);
  for (const { id } of made) assert.equal(first.items.filter((item) => item.id === id).length, 1, "the first round has every object once");
  assertNoSecret(first.items);

  const quiet = await follow(first.deltaLink);
  assert.deepEqual(quiet.items.filter((item) => made.some(({ id }) => id === item.id)), [], "nothing has changed");

  await admin.api(`${set}/${changed.id}`).update({ description: "changed" });
  await admin.api(`${set}/${gone.id}`).delete();
  const { id: fresh } = await admin.api(set).post(draft("delta-fresh"));

  const second = await follow(quiet.deltaLink);
  const byId = Object.fromEntries(second.items.map((item) => [item.id, item]));
  assert.equal(byId[kept.id], undefined, "what did not change is not told");
  assert.equal(byId[changed.id].description, "changed");
  assert.equal(byId[fresh].displayName, "delta-fresh");
  assert.deepEqual(byId[gone.id]["@removed"], { reason: "deleted" });
  assertNoSecret(second.items);

  // An old link still tells all since it was handed out.
  const again = await follow(first.deltaLink);
  for (const id of [changed.id, fresh, gone.id]) assert.ok(again.items.some((item) => item.id === id));

  for (const id of [kept.id, changed.id, fresh]) await admin.api(`${set}/${id}`).delete();
  const last = await follow(second.deltaLink);
  for (const id of [kept.id, changed.id, fresh]) assert.deepEqual(last.items.find((item) => item.id === id)["@removed"], { reason: "deleted" });
});

test("a first round may be left out, and the form is kept", async () => {
  const { items, deltaLink } = await follow(`${set}/delta?$deltatoken=latest&$select=displayName`);
  assert.deepEqual(items, []);
  const { id } = await admin.api(set).post(draft("delta-latest"));
  try {
    const { items } = await follow(deltaLink);
    const found = items.find((item) => item.id === id);
    assert.equal(found.displayName, "delta-latest");
    assert.ok(!("version" in found), "$select of the first request counts for all");
  } finally {
    await admin.api(`${set}/${id}`).delete();
  }
});

test("certificates of a subscription are followed as well", async () => {
  const { id } = await developmentSubscription(admin);
  const { items, deltaLink } = await follow(`${set}/${id}/certificates/delta`);
  const count = Number(await admin.api(`${set}/${id}/certificates/$count`).get());
  assert.equal(new Set(items.map((item) => item.id)).size, count, "the first round has every certificate");
  assert.equal(items.length, count, "and each once");
  assert.deepEqual((await follow(deltaLink)).items, []);
});

test("a delta token that is none is refused", async () => {
  await assert.rejects(admin.api(`${set}/delta?$deltatoken=nonsense`).get(), (error) => {
    assert.equal(error.statusCode, 400);
    assert.equal(error.code, "BadRequest");
    assert.match(error.message, /deltatoken/i);
    return true;
  });
});
