// JSON $batch as @microsoft/microsoft-graph-client writes and reads it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { BatchRequestContent, BatchResponseContent } from "@microsoft/microsoft-graph-client";
import { absent, assertNoSecret, draft, graphClient, guid, origin, set, withObjects } from "./service.mjs";

const admin = graphClient();
const json = { "Content-Type": "application/json" };

/** request is one step; the client strips "https://host/" from its address. */
function request(id, method, path, body, dependsOn) {
  return { id, request: new Request(`${origin}${path}`, { method, ...(body && { headers: json, body: JSON.stringify(body) }) }), ...(dependsOn && { dependsOn }) };
}

async function batch(...steps) {
  const content = await new BatchRequestContent(steps).getContent();
  return new BatchResponseContent(await admin.api("/$batch").post(content));
}

test("steps are answered each by its own status, headers and body", async () => {
  await withObjects(admin, "batch-", 3, async (made) => {
    const answer = await batch(
      request("list", "GET", `${set}?$filter=startswith(displayName,'batch-')&$top=2&$orderby=displayName`),
      request("one", "GET", `${set}/${made[1].id}`),
      request("none", "GET", `${set}/absent`),
      request("change", "PATCH", `${set}/${made[2].id}`, { description: "by a batch" }),
      request("count", "GET", `${set}/$count?$filter=startswith(displayName,'batch-')`),
    );
    assert.deepEqual([...answer.getResponses().keys()].sort(), ["change", "count", "list", "none", "one"]);

    const list = answer.getResponseById("list");
    assert.equal(list.status, 200);
    assert.match(list.headers.get("content-type"), /^application\/json/);
    const page = await list.json();
    assert.deepEqual(page.value.map((v) => v.displayName), ["batch-0", "batch-1"]);
    const next = await admin.api(page["@odata.nextLink"]).get();
    assert.deepEqual(next.value.map((v) => v.displayName), ["batch-2"], "the next link of a step can be followed outside of the batch");

    const one = await answer.getResponseById("one").json();
    assert.equal(one.id, made[1].id);
    assertNoSecret([page, one]);

    const none = answer.getResponseById("none");
    assert.equal(none.status, 404);
    const { error } = await none.json();
    assert.equal(error.code, "ResourceNotFound");
    assert.match(error.innerError["request-id"], guid);

    assert.equal((await answer.getResponseById("change").json()).description, "by a batch");
    assert.equal((await admin.api(`${set}/${made[2].id}`).get()).description, "by a batch");
    const count = answer.getResponseById("count");
    assert.equal(count.status, 200);
    assert.equal(await count.text(), "3");
  });
});

test("a step waits for another, and is not done when that has failed", async () => {
  const id = `batch-${crypto.randomUUID()}`;
  const answer = await batch(
    request("create", "POST", `${set}/${id}`, draft("batch-depends")),
    request("change", "PATCH", `${set}/${id}`, { description: "after" }, ["create"]),
    request("wrong", "PATCH", `${set}/absent`, { description: "never" }, ["change"]),
    request("after", "DELETE", `${set}/${id}`, undefined, ["wrong"]),
  );
  try {
    const statuses = Object.fromEntries([...answer.getResponses()].map(([step, response]) => [step, response.status]));
    assert.deepEqual(statuses, { create: 201, change: 200, wrong: 404, after: 424 });
    const created = await answer.getResponseById("create").json();
    assert.equal(created.id, id);
    assert.equal(created.version, 1);
    const { error } = await answer.getResponseById("after").json();
    assert.match(error.message, /depends on/);
    const read = await admin.api(`${set}/${id}`).get();
    assert.equal(read.description, "after", "the step that depended on a failed one was not done");
  } finally {
    await admin.api(`${set}/${id}`).delete().catch(absent);
  }
});

test("a group of changes is done wholly or not at all", async () => {
  const id = `batch-${crypto.randomUUID()}`;
  const change = (step, method, path, body) => ({ id: step, atomicityGroup: "g", method, url: path, headers: json, body });
  const statuses = async (requests) => Object.fromEntries((await admin.api("/$batch").post({ requests })).responses.map((r) => [r.id, r.status]));
  const failed = await statuses([change("1", "POST", `${set}/${id}`, draft("batch-group")), change("2", "PATCH", `${set}/absent`, { description: "x" })]);
  assert.deepEqual(failed, { 1: 424, 2: 404 });
  await assert.rejects(admin.api(`${set}/${id}`).get(), { statusCode: 404 });

  const done = await statuses([change("1", "POST", `${set}/${id}`, draft("batch-group")), change("2", "PATCH", `${set}/${id}`, { description: "both" })]);
  try {
    assert.deepEqual(done, { 1: 201, 2: 200 });
    assert.equal((await admin.api(`${set}/${id}`).get()).description, "both");
  } finally {
    await admin.api(`${set}/${id}`).delete().catch(absent);
  }
});

test("a delete in a batch has no body", async () => {
  const { id } = await admin.api(set).post(draft("batch-delete"));
  const answer = await batch(request("gone", "DELETE", `${set}/${id}`));
  assert.equal(answer.getResponseById("gone").status, 204);
  assert.equal(await answer.getResponseById("gone").text(), "");
  await assert.rejects(admin.api(`${set}/${id}`).get(), { statusCode: 404 });
});

test("a batch that is none is refused as a whole", async () => {
  const step = { id: "1", method: "GET", url: `${set}?$top=1` };
  const cases = {
    "21 steps": { requests: Array.from({ length: 21 }, (_, i) => ({ ...step, id: `${i}` })) },
    "two steps of one id": { requests: [step, step] },
    "a dependency that is none": { requests: [{ ...step, dependsOn: ["2"] }] },
    "no requests": {},
  };
  for (const [name, body] of Object.entries(cases)) {
    await assert.rejects(admin.api("/$batch").post(body), (error) => {
      assert.equal(error.statusCode, 400, name);
      assert.equal(error.code, "BadRequest", name);
      assert.match(error.requestId, guid, name);
      return true;
    });
  }
});

test("what clients put into steps besides", async () => {
  // As kiota and graph-js write them: null bodies, empty dependencies, header
  // names in lower case, the version or no slash before the path.
  const { responses } = await admin.api("/$batch").post({
    requests: [
      { id: "null", method: "GET", url: `${set}?$top=1`, body: null, dependsOn: [], headers: { accept: "application/json" } },
      { id: "version", method: "GET", url: `/beta${set}?$top=1` },
      { id: "no slash", method: "GET", url: `${set.slice(1)}?$top=1` },
      { id: "plus", method: "GET", url: `${set}?%24top=1&$select=id` },
    ],
  });
  assert.deepEqual(responses.map((r) => r.id).sort(), ["no slash", "null", "plus", "version"]);
  for (const response of responses) {
    assert.equal(response.status, 200, JSON.stringify(response));
    assert.match(response.headers["Content-Type"], /^application\/json/);
    assert.equal(response.body.value.length, 1);
  }
});
