// Prism stands between a caller and the service and holds every answer against
// an OpenAPI document: the one that OASIS' converter makes of $metadata, and the
// service's own, which tells of more and describes requests as well.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { closed, converted, published, throughPrism } from "./openapi.mjs";
import { Receiver } from "./receiver.mjs";
import { connection, developmentSubscription, draft, graphClient, origin } from "./service.mjs";

const set = "/deviceManagement/cloudPkiSubscriptions";

const receiver = new Receiver();
before(() => receiver.start());
after(() => receiver.stop());

const hence = (hours) => new Date(Date.now() + hours * 3_600_000).toISOString();

/** answering wraps a caller: the status is as wanted, and Prism has nothing to say. */
function answering(call) {
  return async (status, method, path, body, headers) => {
    const answer = await call(method, path, body, headers);
    const told = `${method} ${path}: ${answer.status} ${answer.violations ?? ""} ${JSON.stringify(answer.body).slice(0, 2000)}`;
    assert.equal(answer.violations, null, told);
    assert.ok([status].flat().includes(answer.status), told);
    assert.ok(!String(answer.body?.type).includes("stoplight"), told);
    return answer;
  };
}

test("a document that is wrong is found out", async () => {
  for (const document of [await converted(), await published()]) {
    document.components.schemas["microsoft.graph.cloudPkiSubscription"].properties.version = { type: "string" };
    await throughPrism(document, async (call) => {
      const answer = await call("GET", `${set}?$top=1`);
      assert.equal(answer.status, 500);
      assert.match(answer.violations, /version/);
    });
  }
});

test("the document made from $metadata", async () => {
  await throughPrism(await converted(), async (call) => {
    const want = answering(call);
    const { body } = await want(201, "POST", set, draft("contract"));
    const one = `/cloudPkiSubscriptions/${body.id}`;
    await want(200, "GET", one);
    await want(200, "GET", `${one}?$select=id,credentialInfo,nextSyncDateTime`);
    await want(204, "PATCH", one, { description: "x" }, { prefer: "return=minimal" });
    await want(200, "GET", `${set}?$filter=${encodeURIComponent("startswith(displayName,'contract')")}&$count=true&$top=1`);
    await want(400, "GET", `${set}?$filter=colour`);
    await want(204, "DELETE", one);
    const gone = await want(404, "GET", one);
    assert.equal(gone.body.error.code, "ResourceNotFound");
    await want(200, "GET", "/deviceManagement/auditEvents?$top=5");
  });
});

test("the service's own document, which tells of every member", async (t) => {
  const synced = await developmentSubscription(graphClient());
  const run = async (call) => {
    const want = answering(call);
    let one;
    await t.test("create, read, change", async () => {
      const { body, headers } = await want(201, "POST", set, draft("contract-own"));
      assert.ok(headers.get("location").endsWith(body.id));
      one = `${set}/${body.id}`;
      await want(204, "POST", set, draft("contract-minimal"), { prefer: "return=minimal" });
      await want(200, "GET", one);
      await want(200, "GET", `/cloudPkiSubscriptions/${body.id}`);
      await want(200, "GET", `${one}?$select=id,credentialInfo,nextSyncDateTime`);
      const moved = { description: "x", syncSchedule: "PT6H", providerSettings: [{ name: "a", value: "b" }], serviceUri: "https://ca.example.com/" };
      await want(400, "PATCH", one, moved); // the stored password was given for another server
      await want(200, "PATCH", one, { ...moved, credentials: { adminPassword: "canary-password-5d1c" } });
      await want(204, "PATCH", one, { description: "y" }, { prefer: "return=minimal" });
    });
    await t.test("lists with options", async () => {
      for (const query of ["", "?$top=1", "?$count=true&$select=id,displayName", `?$filter=${encodeURIComponent("startswith(displayName,'contract') and paused eq true")}&$orderby=displayName desc`, "?$search=contract", "?$skip=1&$top=1"]) {
        await want(200, "GET", set + query);
      }
      await want(200, "GET", `${set}/$count`);
      const expanded = await want(200, "GET", `${set}?$expand=syncRuns($top=1)&$top=2`);
      assert.ok(Array.isArray(expanded.body.value[0].syncRuns));
    });
    await t.test("what a sync has found", async () => {
      const from = `${set}/${synced.id}`;
      for (const navigation of ["syncRuns", "certificateAuthorities", "certificates", "skippedItems"]) {
        const { body } = await want(200, "GET", `${from}/${navigation}?$top=3`);
        if (navigation !== "skippedItems") {
          assert.ok(body.value.length > 0, navigation);
          await want(200, "GET", `${from}/${navigation}/${body.value[0].id}`);
        }
        await want(200, "GET", `${from}/${navigation}/$count`);
      }
      await want(202, "POST", `${from}/sync`);
      await want([202, 204], "POST", `${from}/cancelSync`); // by whether it has begun, or has ended already
      await want(404, "POST", `${set}/absent/sync`);
      await want(200, "GET", "/deviceManagement/auditEvents?$top=5");
    });
    await t.test("delta", async () => {
      const { body } = await want(200, "GET", `${set}/delta()`);
      const link = new URL(body["@odata.nextLink"] ?? body["@odata.deltaLink"]);
      await want(200, "GET", link.pathname.slice("/beta".length) + link.search);
    });
    await t.test("batch", async () => {
      const { body } = await want(200, "POST", "/$batch", {
        requests: [
          { id: "1", method: "GET", url: `${set}?$top=1` },
          { id: "2", method: "PATCH", url: `${set}/absent`, headers: { "Content-Type": "application/json" }, body: { description: "x" }, dependsOn: ["1"] },
          { id: "3", method: "GET", url: `${set}/$count`, dependsOn: ["2"] },
        ],
      });
      assert.deepEqual(Object.fromEntries(body.responses.map(({ id, status }) => [id, status])), { 1: 200, 2: 404, 3: 424 });
    });
    await t.test("notifications", async () => {
      const { body } = await want(201, "POST", "/subscriptions", { changeType: "updated,deleted", notificationUrl: receiver.address + "/", lifecycleNotificationUrl: receiver.address + "/", resource: set, expirationDateTime: hence(1), clientState: "state" });
      const subscription = `/subscriptions/${body.id}`;
      await want(200, "GET", "/subscriptions");
      await want(200, "GET", subscription);
      await want(200, "GET", `${subscription}/deadLetters`);
      await want(200, "PATCH", subscription, { expirationDateTime: hence(2) });
      await want(204, "POST", `${subscription}/reauthorize`);
      await want(204, "DELETE", subscription);
      await want(404, "GET", subscription);
    });
    await t.test("every address that can be read", async () => {
      const document = await published();
      const readable = Object.keys(document.paths).filter((path) => document.paths[path].get && !document.paths[path].servers); // those that are not below /beta have a test of their own
      assert.ok(readable.length > 30, `${readable}`);
      await want(201, "POST", "/deviceManagement/trustBundles", { name: "contract" });
      await want(201, "POST", "/deviceManagement/estEndpoints", { displayName: "contract", subscriptionId: synced.id, userName: "device", password: "a password of devices" });
      const keyIn = async (set) => (set.endsWith("/cloudPkiSubscriptions") ? synced.id : ((await want(200, "GET", set)).body.value[0]?.id ?? "absent"));
      for (const path of readable) {
        if (path === "/$metadata") continue; // XML, which has a schema of its own
        let address = path;
        while (address.includes("{") && !address.includes("absent")) {
          const [set] = address.split("/{");
          address = address.replace(/\{.*?\}/, await keyIn(set));
        }
        address = address.replace(/\{.*?\}/g, "absent");
        await want(address.includes("absent") ? 404 : 200, "GET", address);
      }
    });
    await t.test("delete", async () => {
      await want(204, "DELETE", one);
      await want(404, "GET", one);
      const { body } = await want(200, "GET", `${set}?$filter=${encodeURIComponent("displayName eq 'contract-minimal'")}`);
      for (const { id } of body.value) await want(204, "DELETE", `${set}/${id}`);
    });
  };
  await throughPrism(closed(await published()), run, { requests: true });
});

test("what is published beside the API", async () => {
  const document = await published();
  const beside = Object.keys(document.paths).filter((path) => document.paths[path].servers);
  assert.deepEqual(beside.toSorted(), ["/trust/{tenant}/{file}", "/trust/{tenant}/{name}/{file}"]);
  for (const path of beside) assert.deepEqual(document.paths[path].servers, [{ url: origin }]);
  await throughPrism(document, async (call) => {
    await answering(call)(201, "POST", "/deviceManagement/trustBundles", { name: "published", access: "public" });
    await answering(call)(201, "POST", "/deviceManagement/trustBundles", { name: "closed" });
  });
  document.paths = Object.fromEntries(beside.map((path) => [path, document.paths[path]]));
  await throughPrism(document, async (call) => {
    const want = answering(call);
    const [, formats] = /\((.*)\)\$$/.exec(document.paths[beside[0]].parameters.at(-1).schema.pattern);
    const folder = `/trust/${connection.tenant}`;
    const anonymous = { authorization: undefined };
    let fetched = 0;
    for (const format of formats.replaceAll("\\", "").split("|")) {
      const { status } = await want([200, 409], "GET", `${folder}/published.${format}`, undefined, anonymous); // 409: several roots, or no signer
      fetched += status === 200;
    }
    assert.ok(fetched >= 12, `${fetched} formats`);
    const { headers } = await want(200, "GET", `${folder}/published/1.pem`, undefined, anonymous);
    await want(304, "GET", `${folder}/published.pem`, undefined, { ...anonymous, "if-none-match": headers.get("etag") });
    await want(304, "GET", `${folder}/published.pem`, undefined, { ...anonymous, "if-modified-since": headers.get("last-modified") });
    await want(412, "GET", `${folder}/published.pem`, undefined, { ...anonymous, "if-match": '"other"' });
    await want(404, "GET", `${folder}/published/999.pem`, undefined, anonymous);
    await want(401, "GET", `${folder}/closed.pem`, undefined, anonymous);
    await want(200, "GET", `${folder}/closed.pem`);
    const unknown = await call("GET", `${folder}/published.exe`, undefined, anonymous);
    assert.match(`${unknown.status} ${unknown.violations} ${JSON.stringify(unknown.body)}`, /pattern/, "Prism knows the formats");
  }, { requests: true, base: origin });
});

test("errors are described as well", async () => {
  await throughPrism(closed(await published()), async (call) => {
    const want = answering(call);
    const { body } = await want(201, "POST", set, draft("contract-errors"));
    const one = `${set}/${body.id}`;
    await want(404, "GET", `${set}/absent`);
    await want(400, "GET", `${set}?$filter=colour`);
    await want(400, "GET", `${set}?$top=0.5`);
    await want(400, "POST", set, { colour: "red" });
    await want(415, "POST", set, { displayName: "x" }, { "content-type": "text/plain" });
    await want(412, "PATCH", one, { description: "z" }, { "if-match": 'W/"0.0.x"' });
    await want(401, "GET", set, undefined, { authorization: "Bearer none" });
    await want(409, "POST", one, draft("taken"));
    await want(400, "POST", "/$batch", { requests: [{ id: "1", method: "GET", url: set }, { id: "1", method: "GET", url: set }] });
    await want(400, "POST", "/subscriptions", { changeType: "updated", notificationUrl: "http://plain.example/", resource: set, expirationDateTime: hence(1) });
    await want(204, "DELETE", one);
    await want(404, "GET", one);
  });
});
