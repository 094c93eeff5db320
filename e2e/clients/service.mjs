// What the tests share: the connection of the running service, clients for it,
// and objects to send. CONNECTION names a dev.json; the CA of the service is
// given to Node.js by NODE_EXTRA_CA_CERTS.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ClientSecretCredential } from "@azure/identity";
import { Client } from "@microsoft/microsoft-graph-client";
import { TokenCredentialAuthenticationProvider } from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";

export const connection = JSON.parse(readFileSync(process.env.CONNECTION, "utf8"));
export const origin = new URL(connection.base_url).origin;
export const set = "/deviceManagement/cloudPkiSubscriptions";
export const scope = origin + "/.default";
export const identityOptions = { authorityHost: connection.authority, disableInstanceDiscovery: true };
export const guid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** secretOf logs in as the administrator of dev.json. */
export function secretOf(tenant = connection.tenant) {
  return new ClientSecretCredential(tenant, connection.client_id, connection.client_secret, identityOptions);
}

/** tokenOf returns an access token of the administrator. */
export async function tokenOf() {
  return (await secretOf().getToken(scope)).token;
}

/** graphClient is a microsoft-graph-client that calls the service as a credential does. */
export function graphClient(credential = secretOf()) {
  return Client.initWithMiddleware({
    baseUrl: origin + "/",
    defaultVersion: "beta",
    customHosts: new Set([new URL(origin).hostname]),
    authProvider: new TokenCredentialAuthenticationProvider(credential, { scopes: [scope] }),
  });
}

const secrets = ["canary-password-5d1c", "canary-pfx-password-8a70", Buffer.from("canary-certificate-41be").toString("base64")];

/** draft is a subscription as an administrator writes it, with three secrets. */
export function draft(displayName, more = {}) {
  return {
    "@odata.type": "#microsoft.graph.cloudPkiSubscription",
    cloudPkiProvider: "symantec",
    displayName,
    paused: true,
    credentials: {
      "@odata.type": "microsoft.graph.cloudPkiAdministratorCredentials",
      adminUserName: "admin",
      adminPassword: secrets[0],
      authenticationCertificate: secrets[2],
      authenticationCertificatePassword: secrets[1],
    },
    ...more,
  };
}

/** assertNoSecret fails when an answer holds a secret of a draft. */
export function assertNoSecret(answer) {
  const text = JSON.stringify(answer);
  for (const secret of secrets) assert.ok(!text.includes(secret), `an answer holds ${secret}`);
}

/** withObjects creates n drafts, named prefix0, prefix1..., for the time of use. */
export async function withObjects(client, prefix, n, use) {
  const made = [];
  for (let i = 0; i < n; i++) made.push(await client.api(set).post(draft(`${prefix}${i}`)));
  try {
    return await use(made);
  } finally {
    for (const { id } of made) await client.api(`${set}/${id}`).delete().catch(absent);
  }
}

/** absent passes over an object that is gone already. */
export function absent(error) {
  if (error.statusCode !== 404) throw error;
}

/** developmentSubscription is the one that the service has synced from its simulated CA. */
export async function developmentSubscription(client) {
  const { value } = await client.api(set).filter("cloudPkiProvider eq 'symantec' and syncStatus eq 'succeeded'").get();
  assert.ok(value.length >= 1, "the development subscription is there");
  return value[0];
}
