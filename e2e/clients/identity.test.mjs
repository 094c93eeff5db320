// Logging in with Microsoft's identity libraries for Node.js: @azure/identity
// and @azure/msal-node. Each token is used for a call.
import assert from "node:assert/strict";
import { X509Certificate, createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ClientCertificateCredential, ClientSecretCredential } from "@azure/identity";
import { ConfidentialClientApplication } from "@azure/msal-node";
import { decodeJwt } from "jose";
import { connection, graphClient, identityOptions, origin, scope, set } from "./service.mjs";

const pem = readFileSync(connection.client_certificate_pem, "utf8");
const certificate = new X509Certificate(pem);
const role = "DeviceManagementConfiguration.ReadWrite.All";
const knownAuthorities = [new URL(origin).host]; // the port is part of it

/** assertWorks calls the service with an access token. */
async function assertWorks(token) {
  const { value } = await graphClient({ getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 60_000 }) }).api(set).top(1).get();
  assert.equal(value.length, 1);
}

test("@azure/identity", async (t) => {
  const credentials = {
    "by a secret": new ClientSecretCredential(connection.tenant, connection.client_id, connection.client_secret, identityOptions),
    "by a certificate": new ClientCertificateCredential(connection.tenant, connection.client_id, { certificatePath: connection.client_certificate_pem }, identityOptions),
  };
  for (const [name, credential] of Object.entries(credentials)) {
    await t.test(name, async () => {
      const { token, expiresOnTimestamp } = await credential.getToken(scope, { enableCae: true });
      const claims = decodeJwt(token);
      assert.equal(claims.tid, connection.tenant);
      assert.equal(claims.aud, origin);
      assert.equal(claims.iss, `${origin}/${connection.tenant}/v2.0`);
      assert.deepEqual(claims.roles, [role]);
      assert.ok(Math.abs(expiresOnTimestamp / 1000 - claims.exp) < 5);
      await assertWorks(token);
    });
  }
  await t.test("a configured audience", async () => {
    const { token } = await credentials["by a secret"].getToken("https://graph.microsoft.com/.default");
    assert.equal(decodeJwt(token).aud, "https://graph.microsoft.com");
    await assertWorks(token);
  });
  const refusals = {
    "a wrong secret": [connection.tenant, connection.client_id, "wrong", scope, /AADSTS7000215/],
    "an unknown client": [connection.tenant, "a1b2c3d4-0000-0000-0000-000000000000", "wrong", scope, /AADSTS700016/],
    "an unknown tenant": ["a1b2c3d4-0000-0000-0000-000000000000", connection.client_id, connection.client_secret, scope, /AADSTS90002|endpoints_resolution|could not resolve/i],
    "a scope that is no resource's": [connection.tenant, connection.client_id, connection.client_secret, `${origin}/Read`, /AADSTS1002012/],
    "a foreign resource": [connection.tenant, connection.client_id, connection.client_secret, "https://elsewhere.example/.default", /AADSTS500011/],
  };
  for (const [name, [tenant, id, secret, wanted, message]] of Object.entries(refusals)) {
    await t.test(name, () => assert.rejects(new ClientSecretCredential(tenant, id, secret, identityOptions).getToken(wanted), message));
  }
});

test("@azure/msal-node, client credentials", async (t) => {
  const thumbprintSha256 = createHash("sha256").update(certificate.raw).digest("hex");
  const proofs = {
    "by a secret": { clientSecret: connection.client_secret },
    "by an assertion": { clientCertificate: { thumbprintSha256, privateKey: pem } },
    "by an assertion with x5c": { clientCertificate: { thumbprintSha256, privateKey: pem, x5c: certificate.toString() } },
  };
  for (const [name, proof] of Object.entries(proofs)) {
    await t.test(name, async () => {
      const app = new ConfidentialClientApplication({
        auth: { clientId: connection.client_id, authority: `${origin}/${connection.tenant}`, knownAuthorities, ...proof },
      });
      const result = await app.acquireTokenByClientCredential({ scopes: [scope] });
      assert.equal(result.fromCache, false);
      assert.equal(result.tokenType, "Bearer");
      assert.deepEqual(decodeJwt(result.accessToken).roles, [role]);
      await assertWorks(result.accessToken);
      const again = await app.acquireTokenByClientCredential({ scopes: [scope] });
      assert.equal(again.fromCache, true, "expires_in lets the library keep the token");
      assert.equal(again.accessToken, result.accessToken);
    });
  }
  await t.test("an assertion of another key", async () => {
    const app = new ConfidentialClientApplication({
      auth: { clientId: connection.norole_client_id, authority: `${origin}/${connection.tenant}`, knownAuthorities, ...proofs["by an assertion"] },
    });
    await assert.rejects(app.acquireTokenByClientCredential({ scopes: [scope] }), (error) => {
      assert.equal(error.errorCode, "invalid_client");
      assert.match(error.message, /AADSTS700027/);
      return true;
    });
  });
});
