// The embedded issuer as clients of OpenID Connect see it that know nothing of
// Microsoft: openid-client, oauth4webapi and jose check what they are given.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createRemoteJWKSet, importPKCS8, jwtVerify } from "jose";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { connection, origin, scope, set } from "./service.mjs";

const issuer = new URL(`${origin}/${connection.tenant}/v2.0`);
const role = "DeviceManagementConfiguration.ReadWrite.All";

/** verified checks an access token by the published keys, uses it, and returns its claims. */
async function verified(token, metadata) {
  const keys = createRemoteJWKSet(new URL(metadata.jwks_uri));
  const { payload, protectedHeader } = await jwtVerify(token, keys, { issuer: issuer.href, audience: origin, algorithms: ["RS256"], requiredClaims: ["sub", "tid", "exp", "nbf", "iat"] });
  assert.ok(protectedHeader.kid);
  const response = await fetch(`${connection.base_url}${set}?$top=1`, { headers: { authorization: `Bearer ${token}` } });
  assert.equal(response.status, 200);
  assert.equal((await response.json()).value.length, 1);
  return payload;
}

async function privateKey(alg) {
  const [key] = readFileSync(connection.client_certificate_pem, "utf8").match(/-----BEGIN PRIVATE KEY-----[^]+?-----END PRIVATE KEY-----/);
  return importPKCS8(key, alg);
}

test("openid-client, client credentials", async (t) => {
  const proofs = {
    "secret in the body": openid.ClientSecretPost(connection.client_secret),
    "secret by Basic": openid.ClientSecretBasic(connection.client_secret),
    "assertion RS256": openid.PrivateKeyJwt(await privateKey("RS256")),
    "assertion PS256": openid.PrivateKeyJwt(await privateKey("PS256")),
  };
  for (const [name, proof] of Object.entries(proofs)) {
    await t.test(name, async () => {
      const configuration = await openid.discovery(issuer, connection.client_id, undefined, proof);
      const metadata = configuration.serverMetadata();
      assert.equal(metadata.issuer, issuer.href);
      const tokens = await openid.clientCredentialsGrant(configuration, { scope });
      assert.equal(tokens.token_type, "bearer");
      assert.equal(tokens.refresh_token, undefined);
      const claims = await verified(tokens.access_token, metadata);
      assert.deepEqual(claims.roles, [role]);
      assert.equal(claims.azp ?? claims.appid, connection.client_id);
    });
  }
  await t.test("a wrong secret", async () => {
    const configuration = await openid.discovery(issuer, connection.client_id, undefined, openid.ClientSecretBasic("wrong"));
    await assert.rejects(openid.clientCredentialsGrant(configuration, { scope }), (error) => {
      // RFC 6749 section 5.2: Basic is answered with a challenge.
      const cause = error.cause;
      const told = error.error ?? cause?.error ?? cause?.[0]?.scheme ?? JSON.stringify(cause);
      assert.match(String(told), /invalid_client|basic/i);
      return true;
    });
  });
});

test("oauth4webapi, client credentials by Basic", async () => {
  const response = await oauth.discoveryRequest(issuer);
  const as = await oauth.processDiscoveryResponse(issuer, response);
  const client = { client_id: connection.client_id };
  const answer = await oauth.clientCredentialsGrantRequest(as, client, oauth.ClientSecretBasic(connection.client_secret), { scope });
  assert.equal(answer.headers.get("cache-control"), "no-store");
  const result = await oauth.processClientCredentialsResponse(as, client, answer);
  assert.ok(result.expires_in > 0);
  await verified(result.access_token, as);
});
