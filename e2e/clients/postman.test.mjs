// The Postman collection of the documentation, run as a user runs it.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import newman from "newman";
import { connection, origin } from "./service.mjs";

test("the collection runs from top to bottom", async () => {
  const collection = JSON.parse(readFileSync("../../docs/clients/cloudpki.postman_collection.json", "utf8"));
  const values = { origin, tenant: connection.tenant, client_id: connection.client_id, client_secret: connection.client_secret };
  const { run } = await new Promise((resolve, reject) => {
    newman.run({ collection, envVar: Object.entries(values).map(([key, value]) => ({ key, value })), sslExtraCaCerts: connection.ca_pem, timeoutRequest: 20_000 }, (error, summary) => (error ? reject(error) : resolve(summary)));
  });
  assert.deepEqual(run.failures.map(({ error, source }) => `${source.name}: ${error.message}`), []);
  assert.equal(run.stats.requests.total, collection.item.length);
  assert.equal(run.stats.assertions.total, collection.item.length, "each request has a test");
});
