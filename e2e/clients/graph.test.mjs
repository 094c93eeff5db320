// An unmodified @microsoft/microsoft-graph-client with @azure/identity, as an
// administrator's script would use them. CONNECTION names a dev.json; the CA of
// the service is given to Node.js by NODE_EXTRA_CA_CERTS.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ClientCertificateCredential, ClientSecretCredential } from "@azure/identity";
import { Client, PageIterator } from "@microsoft/microsoft-graph-client";
import { TokenCredentialAuthenticationProvider } from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";

const connection = JSON.parse(readFileSync(process.env.CONNECTION, "utf8"));
const origin = new URL(connection.base_url).origin;
const options = { authorityHost: connection.authority, disableInstanceDiscovery: true };
const scope = origin + "/.default";
const set = "/deviceManagement/cloudPkiSubscriptions";
const canaries = ["canary-password-5d1c", "canary-pfx-password-8a70"];
const pfx = Buffer.from("canary-certificate-41be").toString("base64");

function clientFor(credential) {
  return Client.initWithMiddleware({
    baseUrl: origin + "/",
    defaultVersion: "beta",
    customHosts: new Set([new URL(origin).hostname]),
    authProvider: new TokenCredentialAuthenticationProvider(credential, { scopes: [scope] }),
  });
}

const admin = clientFor(new ClientSecretCredential(connection.tenant, connection.client_id, connection.client_secret, options));

function draft(name) {
  return {
    "@odata.type": "#microsoft.graph.cloudPkiSubscription",
    cloudPkiProvider: "symantec",
    displayName: name,
    paused: true,
    credentials: {
      "@odata.type": "microsoft.graph.cloudPkiAdministratorCredentials",
      adminUserName: "admin",
      adminPassword: canaries[0],
      authenticationCertificate: pfx,
      authenticationCertificatePassword: canaries[1],
    },
  };
}

function assertNoSecret(answer) {
  const text = JSON.stringify(answer);
  for (const canary of [...canaries, pfx]) assert.ok(!text.includes(canary), `an answer holds ${canary}`);
}

test("create, read, change and delete", async () => {
  const created = await admin.api(set).post(draft("graph-js"));
  assert.equal(created["@odata.context"], `${origin}/beta/$metadata#deviceManagement/cloudPkiSubscriptions/$entity`);
  assert.match(created.id, /^[0-9a-f-]{36}$/);
  assert.equal(created.version, 1);
  assert.equal(created.credentials.adminPassword, canaries[0], "the 201 gives back what was sent");
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
  assert.equal(info.credentialInfo.hasAdminPassword, true);
  assert.equal(info.credentialInfo.hasAuthenticationCertificate, true);

  assert.equal(await admin.api(`${set}/${created.id}`).delete(), undefined);
  await assert.rejects(admin.api(`${set}/${created.id}`).get(), (e) => {
    assert.equal(e.statusCode, 404);
    assert.equal(e.code, "ResourceNotFound");
    assert.match(e.requestId, /^[0-9a-f-]{36}$/);
    return true;
  });
});

test("list: filter, order, select, count, pages", async () => {
  const prefix = "page-";
  const ids = [];
  for (let i = 0; i < 7; i++) ids.push((await admin.api(set).post(draft(`${prefix}${i}`))).id);
  try {
    const page = await admin.api(set).filter(`startswith(displayName,'${prefix}')`).orderby("displayName desc").select("id,displayName").top(3).count(true).get();
    assert.equal(page["@odata.count"], 7);
    assert.deepEqual(page.value.map((v) => v.displayName), ["page-6", "page-5", "page-4"]);
    assert.ok(!("version" in page.value[0]));
    const seen = [];
    const iterator = new PageIterator(admin, page, (item) => seen.push(item.displayName) > 0);
    await iterator.iterate();
    assert.deepEqual(seen, [6, 5, 4, 3, 2, 1, 0].map((i) => `${prefix}${i}`));
    assertNoSecret(page);
  } finally {
    for (const id of ids) await admin.api(`${set}/${id}`).delete();
  }
});

test("a sync on demand is told by its run", async () => {
  const { value } = await admin.api(set).filter("cloudPkiProvider eq 'symantec' and syncStatus eq 'succeeded'").get();
  assert.ok(value.length >= 1, "the development subscription is there");
  const response = await admin.api(`${set}/${value[0].id}/sync`).responseType("raw").post({});
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
});

test("a certificate logs in as well", async () => {
  const client = clientFor(new ClientCertificateCredential(connection.tenant, connection.client_id, { certificatePath: connection.client_certificate_pem }, options));
  const { value } = await client.api(set).top(1).get();
  assert.equal(value.length, 1);
});

test("a client without roles is told which scope would do", async () => {
  const client = clientFor(new ClientSecretCredential(connection.tenant, connection.norole_client_id, connection.norole_client_secret, options));
  await assert.rejects(client.api(set).get(), (e) => {
    assert.equal(e.statusCode, 403);
    assert.equal(e.code, "Authorization_RequestDenied");
    assert.match(e.message, /DeviceManagementConfiguration\.Read\.All/);
    return true;
  });
});

test("a throttled client waits as told and succeeds", async () => {
  const client = clientFor(new ClientSecretCredential(connection.tenant, connection.limited_client_id, connection.limited_client_secret, options));
  // More than the client may ask at once: it retries by itself on 429.
  for (let i = 0; i < 14; i++) {
    const { value } = await client.api(set).top(1).select("id").get();
    assert.equal(value.length, 1);
  }
});

test("a wrong secret is told as Entra ID tells it", async () => {
  const client = clientFor(new ClientSecretCredential(connection.tenant, connection.client_id, "wrong", options));
  await assert.rejects(client.api(set).get(), /AADSTS7000215/);
});
