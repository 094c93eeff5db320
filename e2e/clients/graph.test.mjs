// An unmodified @microsoft/microsoft-graph-client, as an administrator's script
// uses it.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientSecretCredential } from "@azure/identity";
import { GraphError, PageIterator } from "@microsoft/microsoft-graph-client";
import { assertNoSecret, connection, developmentSubscription, draft, graphClient, guid, identityOptions, origin, set, withObjects } from "./service.mjs";

const admin = graphClient();

test("create, read, change and delete", async () => {
  const created = await admin.api(set).post(draft("graph-js"));
  assert.equal(created["@odata.context"], `${origin}/beta/$metadata#deviceManagement/cloudPkiSubscriptions/$entity`);
  assert.match(created.id, guid);
  assert.equal(created.version, 1);
  assert.equal(created.syncStatus, "unKnown");
  assert.equal(created.lastSyncDateTime, "0001-01-01T00:00:00Z");
  assert.deepEqual(created.credentials, draft("").credentials, "the 201 gives back what was sent");
  assert.match(created.createdDateTime, /^20.*Z$/);

  const read = await admin.api(`${set}/${created.id}`).get();
  assert.equal(read.displayName, "graph-js");
  assert.equal(read.credentials.adminUserName, "admin");
  assert.equal(read.credentials.adminPassword, null);
  assertNoSecret(read);

  // The other path family and the other key form are the same object.
  for (const path of [`/cloudPkiSubscriptions/${created.id}`, `/cloudPkiSubscriptions('${created.id}')`]) {
    assert.equal((await admin.api(path).get()).id, created.id);
  }

  // Read, edit, write back the whole object: nothing is lost.
  read.description = "changed";
  const changed = await admin.api(`${set}/${created.id}`).update(read);
  assert.equal(changed.description, "changed");
  assert.equal(changed.version, 2);
  assert.equal(changed.credentials.adminUserName, "admin");
  assertNoSecret(changed);
  const info = await admin.api(`${set}/${created.id}`).select("id,credentialInfo").get();
  assert.deepEqual(Object.keys(info).filter((key) => !key.startsWith("@")), ["id", "credentialInfo"]);
  assert.equal(info.credentialInfo.hasAdminPassword, true);
  assert.equal(info.credentialInfo.hasAuthenticationCertificate, true);

  assert.equal(await admin.api(`${set}/${created.id}`).delete(), undefined);
  await assert.rejects(admin.api(`${set}/${created.id}`).get(), { statusCode: 404, code: "ResourceNotFound" });
});

test("a change on the grounds of an old read is refused", async () => {
  await withObjects(admin, "graph-etag-", 1, async ([{ id }]) => {
    const read = await admin.api(`${set}/${id}`).get();
    await admin.api(`${set}/${id}`).header("If-Match", read["@odata.etag"]).update({ description: "first" });
    await assert.rejects(admin.api(`${set}/${id}`).header("If-Match", read["@odata.etag"]).update({ description: "second" }), { statusCode: 412, code: "resourceModified" });
    assert.equal((await admin.api(`${set}/${id}`).get()).description, "first");
  });
});

test("list: filter, order, select, count, pages", async () => {
  const prefix = "graph-page-";
  await withObjects(admin, prefix, 7, async () => {
    const named = () => admin.api(set).filter(`startswith(displayName,'${prefix}')`);
    const page = await named().orderby("displayName desc").select("id,displayName").top(3).count(true).get();
    assert.equal(page["@odata.count"], 7);
    assert.deepEqual(page.value.map((v) => v.displayName), ["graph-page-6", "graph-page-5", "graph-page-4"]);
    for (const item of page.value) assert.deepEqual(Object.keys(item).filter((key) => !key.startsWith("@")), ["id", "displayName"]);
    const seen = [];
    await new PageIterator(admin, page, (item) => seen.push(item.displayName) > 0).iterate();
    assert.deepEqual(seen, [6, 5, 4, 3, 2, 1, 0].map((i) => `${prefix}${i}`));
    assert.equal((await named().get())["@odata.nextLink"], undefined, "the last page has no next link");

    // An iterator that was stopped goes on where it was.
    const half = [];
    const iterator = new PageIterator(admin, await named().orderby("displayName").top(2).get(), (item) => half.push(item.displayName) !== 3);
    await iterator.iterate();
    assert.equal(half.length, 3);
    await iterator.resume();
    assert.deepEqual(half, [0, 1, 2, 3, 4, 5, 6].map((i) => `${prefix}${i}`));

    assert.equal(Number(await admin.api(`${set}/$count`).filter(`startswith(displayName,'${prefix}')`).header("ConsistencyLevel", "eventual").get()), 7);
    const middle = await named().orderby("displayName").skip(2).top(2).get();
    assert.deepEqual(middle.value.map((v) => v.displayName), ["graph-page-2", "graph-page-3"]);
    assertNoSecret([page, middle]);
  });
});

test("search and expand", async () => {
  const { id } = await developmentSubscription(admin);
  const { value } = await admin.api(set).search('"Simulated"').expand("syncRuns($top=1)").get();
  const found = value.find((item) => item.id === id);
  assert.equal(found.syncRuns.length, 1);
  const [latest] = found.syncRuns;
  assert.deepEqual(await admin.api(`${set}/${id}/syncRuns/${latest.id}`).select("id").get().then((run) => run.id), latest.id);
  assert.deepEqual((await admin.api(set).search('"nothing is called so"').get()).value, []);
});

test("a quote and reserved characters in a literal", async () => {
  const name = "graph O'Hara + Sons 100% (é)";
  const { id } = await admin.api(set).post(draft(name));
  try {
    const { value } = await admin.api(set).filter(`displayName eq '${encodeURIComponent(name).replaceAll("'", "''")}'`).get();
    assert.deepEqual(value.map((v) => v.id), [id]);
  } finally {
    await admin.api(`${set}/${id}`).delete();
  }
});

test("a sync on demand is told by its run", async () => {
  const { id } = await developmentSubscription(admin);
  const response = await admin.api(`${set}/${id}/sync`).responseType("raw").post({});
  assert.equal(response.status, 202);
  const location = response.headers.get("location");
  let run;
  do {
    await new Promise((resolve) => setTimeout(resolve, 200));
    run = await admin.api(location).get();
  } while (run.status === "notStarted" || run.status === "running");
  assert.equal(run.status, "succeeded");
  assert.equal(run.foundCount, run.newCount + run.changedCount + run.unchangedCount + run.skippedCount);
  assert.ok(run.foundCount > 100);

  const certificates = await admin.api(`${set}/${id}/certificates`).filter("status eq 'revoked'").select("id,serialNumber,status").top(5).get();
  assert.ok(certificates.value.length > 0);
  for (const certificate of certificates.value) {
    assert.equal(certificate.status, "revoked");
    assert.match(certificate.serialNumber, /^[0-9a-f]+$/i);
  }
});

test("errors are GraphErrors that say what was wrong", async () => {
  const cases = [
    { request: () => admin.api(`${set}/absent`).get(), status: 404, code: "ResourceNotFound", message: /absent/ },
    { request: () => admin.api(set).filter("colour eq 'red'").get(), status: 400, code: "BadRequest", message: /colour/ },
    { request: () => admin.api(set).orderby("credentials/adminPassword").get(), status: 400, code: "BadRequest", message: /adminPassword/ },
    { request: () => admin.api(set).post({ displayName: 7 }), status: 400, code: "BadRequest", message: /displayName/ },
    { request: () => admin.api(set).post({ colour: "red" }), status: 400, code: "BadRequest", message: /colour/ },
    { request: () => admin.api("/nowhere").get(), status: 404, code: "ResourceNotFound", message: /nowhere/ },
    { request: () => admin.api(set).put({}), status: 405, code: "Request_BadRequest", message: /PUT/ },
  ];
  for (const { request, status, code, message } of cases) {
    await assert.rejects(request(), (error) => {
      assert.ok(error instanceof GraphError);
      assert.equal(error.statusCode, status);
      assert.equal(error.code, code);
      assert.match(error.message, message);
      assert.match(error.requestId, guid);
      const body = JSON.parse(error.body);
      assert.equal(body.innerError["request-id"], error.requestId);
      assert.match(body.innerError.date, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
      assert.equal(error.headers.get("request-id"), error.requestId);
      return true;
    });
  }
});

test("a client without roles is told which scope would do", async () => {
  const client = graphClient(new ClientSecretCredential(connection.tenant, connection.norole_client_id, connection.norole_client_secret, identityOptions));
  await assert.rejects(client.api(set).get(), (e) => {
    assert.equal(e.statusCode, 403);
    assert.equal(e.code, "Authorization_RequestDenied");
    assert.match(e.message, /DeviceManagementConfiguration\.Read\.All/);
    return true;
  });
});

test("a throttled client waits as told and succeeds", async () => {
  const client = graphClient(new ClientSecretCredential(connection.tenant, connection.limited_client_id, connection.limited_client_secret, identityOptions));
  // The client may ask ten times at once, then once a second. Each refusal says
  // how long to wait, and the client itself does.
  const waits = [];
  const { fetch } = globalThis;
  globalThis.fetch = async (...request) => {
    const response = await fetch(...request);
    if (response.status === 429) waits.push(response.headers.get("retry-after"));
    return response;
  };
  try {
    for (let i = 0; i < 30 && waits.length === 0; i++) {
      const { value } = await client.api(set).top(1).select("id").get();
      assert.equal(value.length, 1);
    }
  } finally {
    globalThis.fetch = fetch;
  }
  assert.ok(waits.length > 0, "the client was never refused");
  for (const seconds of waits) assert.match(seconds, /^[1-9]\d*$/);
});
