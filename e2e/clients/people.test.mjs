// People sign in: by device code and by authorization code with PKCE, with the
// libraries that programs on their machines use.
import assert from "node:assert/strict";
import { test } from "node:test";
import { DeviceCodeCredential } from "@azure/identity";
import { PublicClientApplication, CryptoProvider } from "@azure/msal-node";
import { createRemoteJWKSet, decodeJwt, jwtVerify } from "jose";
import * as openid from "openid-client";
import { Browser, enter } from "./browser.mjs";
import { connection, graphClient, identityOptions, origin, set } from "./service.mjs";

const permission = "DeviceManagementConfiguration.ReadWrite.All";
const scopes = [`${origin}/${permission}`];
const redirectUri = "http://localhost:49152/"; // any port, for a program on the person's machine
const issuer = `${origin}/${connection.tenant}/v2.0`;

function application() {
  return new PublicClientApplication({
    auth: { clientId: connection.public_client_id, authority: `${origin}/${connection.tenant}`, knownAuthorities: [new URL(origin).host] },
  });
}

/** assertActs calls the service with a person's token, and returns its claims. */
async function assertActs(token) {
  const claims = decodeJwt(token);
  assert.ok(claims.scp.split(" ").includes(permission), claims.scp);
  assert.equal(claims.roles, undefined, "a person's token has no application roles");
  assert.equal(claims.tid, connection.tenant);
  const { value } = await graphClient({ getToken: async () => ({ token, expiresOnTimestamp: Date.now() + 60_000 }) }).api(set).top(1).get();
  assert.equal(value.length, 1);
  return claims;
}

test("@azure/msal-node", async (t) => {
  await t.test("by code with PKCE, then silently", async () => {
    const app = application();
    const { verifier, challenge } = await new CryptoProvider().generatePkceCodes();
    const address = await app.getAuthCodeUrl({ scopes, redirectUri, codeChallenge: challenge, codeChallengeMethod: "S256", state: "state-1", nonce: "nonce-1" });
    const browser = new Browser();
    const { elsewhere } = await browser.signIn(await browser.open(address));
    assert.equal(elsewhere.origin + elsewhere.pathname, redirectUri);
    assert.equal(elsewhere.searchParams.get("state"), "state-1");
    const code = elsewhere.searchParams.get("code");
    const result = await app.acquireTokenByCode({ scopes, redirectUri, code, codeVerifier: verifier }, { code, nonce: "nonce-1" });
    assert.equal(result.idTokenClaims.nonce, "nonce-1");
    assert.equal(result.idTokenClaims.aud, connection.public_client_id);
    const claims = await assertActs(result.accessToken);
    assert.equal(claims.oid, result.idTokenClaims.oid);

    const kept = await app.acquireTokenSilent({ scopes, account: result.account });
    assert.equal(kept.accessToken, result.accessToken);
    const fresh = await app.acquireTokenSilent({ scopes, account: result.account, forceRefresh: true });
    assert.notEqual(fresh.accessToken, result.accessToken, "the refresh token gives another");
    await assertActs(fresh.accessToken);

    // A code is good once.
    await assert.rejects(application().acquireTokenByCode({ scopes, redirectUri, code, codeVerifier: verifier }), { errorCode: "invalid_grant" });
  });

  await t.test("a code is nothing without its verifier", async () => {
    const { challenge } = await new CryptoProvider().generatePkceCodes();
    const { verifier: another } = await new CryptoProvider().generatePkceCodes();
    const app = application();
    const browser = new Browser();
    const { elsewhere } = await browser.signIn(await browser.open(await app.getAuthCodeUrl({ scopes, redirectUri, codeChallenge: challenge, codeChallengeMethod: "S256" })));
    await assert.rejects(app.acquireTokenByCode({ scopes, redirectUri, code: elsewhere.searchParams.get("code"), codeVerifier: another }), { errorCode: "invalid_grant" });
  });
});

test("by device code", async () => {
  // Both at once: each waits five seconds before it asks.
  const entered = [];
  const withMsal = application().acquireTokenByDeviceCode({
    scopes,
    deviceCodeCallback: ({ verificationUri, userCode }) => entered.push(enter(verificationUri, userCode)),
  });
  const withIdentity = new DeviceCodeCredential({
    tenantId: connection.tenant,
    clientId: connection.public_client_id,
    userPromptCallback: ({ verificationUri, userCode }) => entered.push(enter(verificationUri, userCode)),
    ...identityOptions,
  }).getToken(scopes);
  const refused = application().acquireTokenByDeviceCode({
    scopes,
    deviceCodeCallback: ({ verificationUri, userCode }) => entered.push(enter(verificationUri, userCode, "deny")),
  });
  const [msal, identity] = await Promise.all([withMsal, withIdentity, assert.rejects(refused, /declined|AADSTS70000/i)]);
  await Promise.all(entered);
  assert.equal(msal.account.username, connection.user);
  const claims = await assertActs(msal.accessToken);
  assert.equal((await assertActs(identity.token)).oid, claims.oid);
});

test("openid-client by code with PKCE", async () => {
  const configuration = await openid.discovery(new URL(issuer), connection.public_client_id, undefined, openid.None());
  const verifier = openid.randomPKCECodeVerifier();
  const state = openid.randomState();
  const nonce = openid.randomNonce();
  const address = openid.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: `openid profile offline_access ${scopes[0]}`,
    code_challenge: await openid.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256",
    state,
    nonce,
  });
  const browser = new Browser();
  const { elsewhere } = await browser.signIn(await browser.open(address));
  const tokens = await openid.authorizationCodeGrant(configuration, elsewhere, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce });
  const claims = tokens.claims();
  assert.equal(claims.iss, issuer);
  assert.equal(claims.preferred_username, connection.user);
  const keys = createRemoteJWKSet(new URL(configuration.serverMetadata().jwks_uri));
  await jwtVerify(tokens.access_token, keys, { issuer, audience: origin, algorithms: ["RS256"] });
  await assertActs(tokens.access_token);
  const fresh = await openid.refreshTokenGrant(configuration, tokens.refresh_token, { scope: scopes[0] });
  await assertActs(fresh.access_token);
});

test("a wrong password, and a person who says no", async () => {
  const configuration = await openid.discovery(new URL(issuer), connection.public_client_id, undefined, openid.None());
  const address = openid.buildAuthorizationUrl(configuration, {
    redirect_uri: redirectUri,
    scope: `openid ${scopes[0]}`,
    code_challenge: await openid.calculatePKCECodeChallenge(openid.randomPKCECodeVerifier()),
    code_challenge_method: "S256",
    state: "no",
  });
  const browser = new Browser();
  const again = await browser.submit(await browser.open(address), { username: connection.user, password: "wrong" });
  assert.notEqual(again.error, "", again.text);
  assert.ok("password" in again.fields, "the page asks again");
  assert.ok((await browser.submit(again, { username: connection.user, password: connection.password })).elsewhere.searchParams.get("code"));

  // Whoever is signed in is asked before a program on the machine gets a code.
  const { elsewhere } = await browser.submit(await browser.open(address), { answer: "deny" });
  assert.equal(elsewhere.searchParams.get("error"), "access_denied");
  assert.equal(elsewhere.searchParams.get("state"), "no");
  assert.equal(elsewhere.searchParams.get("code"), null);
});

test("nobody is sent to an address that is not the client's", async () => {
  const query = new URLSearchParams({ client_id: connection.public_client_id, response_type: "code", redirect_uri: "https://elsewhere.example/", scope: "openid", code_challenge: "x".repeat(43), code_challenge_method: "S256" });
  const page = await new Browser().open(`${origin}/${connection.tenant}/oauth2/v2.0/authorize?${query}`);
  assert.equal(page.elsewhere, undefined);
  assert.ok(page.status >= 400, `${page.status}`);
});
