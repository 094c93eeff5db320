// OData clients that know nothing of Microsoft Graph: o.js, @odata/client and
// odata-query. Both clients address by key in parentheses.
import assert from "node:assert/strict";
import { test } from "node:test";
import { OData } from "@odata/client";
import { o } from "odata";
import queryModule from "odata-query";
import { assertNoSecret, connection, draft, graphClient, guid, tokenOf, withObjects } from "./service.mjs";

const buildQuery = queryModule.default ?? queryModule;
const admin = graphClient();
const authorization = `Bearer ${await tokenOf()}`;
const names = (items) => items.map((item) => item.displayName);

/** assertRefusesMultipart checks the answer to a batch in the form that Graph does not have. */
function assertRefusesMultipart(status, body) {
  assert.equal(status, 415);
  assert.match(body.error.message, /application\/json/);
  assert.match(body.error.innerError["request-id"], guid);
}

test("o.js", async (t) => {
  const service = () => o(`${connection.base_url}/`, { headers: { authorization, "content-type": "application/json" } });
  await t.test("create, read, change and delete", async () => {
    const created = await service().post("cloudPkiSubscriptions", draft("o.js")).query();
    assert.equal(created.displayName, "o.js");
    assert.equal(created.version, 1);
    const key = `cloudPkiSubscriptions('${created.id}')`;
    const read = await service().get(key).query();
    assert.equal(read.id, created.id);
    assertNoSecret(read);
    const changed = await service().patch(key, { description: "by o.js" }).query();
    assert.equal(changed.description, "by o.js");
    assert.equal((await service().get(key).query({ $select: "description" })).description, "by o.js");
    assert.equal((await service().delete(key).fetch()).status, 204);
    await assert.rejects(service().get(key).query(), (response) => {
      assert.equal(response.status, 404);
      return true;
    });
  });
  await t.test("lists, with the options that odata-query builds", async () => {
    await withObjects(admin, "o.js-", 5, async () => {
      const filter = { displayName: { startswith: "o.js-" } };
      assert.deepEqual(names(await service().get("cloudPkiSubscriptions").query({ $filter: "startswith(displayName,'o.js-')", $orderby: "displayName desc", $top: 3 })), ["o.js-4", "o.js-3", "o.js-2"]);
      const built = buildQuery({ filter: { and: [filter, { not: { displayName: "o.js-1" } }, { paused: true }] }, select: ["displayName"], orderBy: ["displayName"], skip: 1, top: 9 });
      assert.deepEqual(names(await service().get(`cloudPkiSubscriptions${built}`).query()), ["o.js-2", "o.js-3", "o.js-4"]);
      const either = buildQuery({ filter: { displayName: { in: ["o.js-0", "o.js-3"] } }, orderBy: "displayName" });
      assert.deepEqual(names(await service().get(`cloudPkiSubscriptions${either}`).query()), ["o.js-0", "o.js-3"]);
      const counted = await (await service().get(`cloudPkiSubscriptions${buildQuery({ filter, count: true, top: 1 })}`).fetch()).json();
      assert.equal(counted["@odata.count"], 5);
      assert.equal(await service().get("cloudPkiSubscriptions/$count").query({ $filter: "startswith(displayName,'o.js-')" }), 5);
    });
  });
  await t.test("its multipart batch is refused cleanly", async () => {
    const handler = o(`${connection.base_url}/`, { headers: { authorization }, batch: { headers: new Headers({ authorization }), endpoint: "$batch", boundaryPrefix: "batch_" } });
    await assert.rejects(handler.get("cloudPkiSubscriptions").get("cloudPkiSubscriptions/$count").batch(), (response) => {
      assert.ok(response instanceof Response, `${response}`);
      t.refused = response;
      return true;
    });
    assertRefusesMultipart(t.refused.status, await t.refused.json());
  });
});

test("@odata/client", async (t) => {
  let last;
  const client = OData.New4({
    serviceEndpoint: `${connection.base_url}/`,
    commonHeaders: { Authorization: authorization },
    // The library's own way to see the responses.
    fetchProxy: async (url, init) => {
      const response = await fetch(url, init);
      const text = await response.text();
      const content = response.headers.get("content-type")?.startsWith("application/json") ? JSON.parse(text) : text;
      last = { status: response.status, content };
      return { response, content };
    },
  });
  const subscriptions = client.getEntitySet("cloudPkiSubscriptions");
  await t.test("create, read, change and delete", async () => {
    const created = await subscriptions.create(draft("odata-client"));
    assert.match(created.id, guid);
    const read = await subscriptions.retrieve(created.id);
    assert.equal(read.displayName, "odata-client");
    assertNoSecret(read);
    await subscriptions.update(created.id, { description: "by @odata/client" });
    assert.equal((await subscriptions.retrieve(created.id, client.newOptions().select("description"))).description, "by @odata/client");
    await subscriptions.delete(created.id);
    assert.equal(last.status, 204);
    await assert.rejects(subscriptions.retrieve(created.id), (error) => {
      assert.equal(last.status, 404);
      assert.match(error.message, new RegExp(created.id));
      return true;
    });
  });
  await t.test("lists", async () => {
    await withObjects(admin, "odata-client-", 5, async () => {
      const filter = () => client.newFilter().property("displayName").ge("'odata-client-'").property("displayName").lt("'odata-client-z'");
      const options = client.newOptions().filter(filter()).orderby("displayName", "desc").skip(1).top(2).select("displayName");
      assert.deepEqual(names(await subscriptions.query(options)), ["odata-client-3", "odata-client-2"]);
      assert.deepEqual(names(await subscriptions.find({ displayName: "odata-client-1" })), ["odata-client-1"]);
      assert.equal(await subscriptions.count(filter()), 5);
    });
  });
  await t.test("its multipart batch is refused cleanly", async () => {
    await assert.rejects(client.execBatchRequests([client.newBatchRequest({ collection: "cloudPkiSubscriptions", method: "GET" })]));
    assertRefusesMultipart(last.status, last.content);
  });
});
