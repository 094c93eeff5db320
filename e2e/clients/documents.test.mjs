// The service's documents, judged by tools that were not written for it: OASIS'
// schema and converters, libxml2, Spectral.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { xml2json } from "odata-csdl";
import { connection, origin } from "./service.mjs";
import { converted } from "./openapi.mjs";

const folder = mkdtempSync(join(tmpdir(), "documents-"));
after(() => rmSync(folder, { recursive: true }));

async function text(address, headers = {}) {
  const response = await fetch(address, { headers });
  assert.equal(response.status, 200, address);
  return { body: await response.text(), type: response.headers.get("content-type") };
}

/** lint runs Spectral's rules for OpenAPI, of which the document's own schema is one; only errors count. */
function lint(name, document) {
  const file = join(folder, `${name}.json`);
  const rules = join(folder, "rules.json");
  writeFileSync(file, JSON.stringify(document));
  writeFileSync(rules, JSON.stringify({ extends: ["spectral:oas"] }));
  const run = spawnSync("node_modules/.bin/spectral", ["lint", file, "--ruleset", rules, "--fail-severity", "error", "--format", "json", "--quiet"], { encoding: "utf8", maxBuffer: 1 << 26 });
  const found = JSON.parse(run.stdout);
  assert.deepEqual(found.filter(({ severity }) => severity === 0).map(({ code, path, message }) => `${code} ${path.join("/")}: ${message}`), []);
  assert.equal(run.status, 0, run.stderr);
  return found;
}

test("$metadata is valid by the OASIS schema", async () => {
  const { body, type } = await text(`${connection.base_url}/$metadata`);
  assert.match(type, /^application\/xml/);
  const file = join(folder, "metadata.xml");
  writeFileSync(file, body);
  execFileSync("xmllint", ["--nonet", "--noout", "--schema", "node_modules/odata-csdl/schemas/edmx.xsd", file], { stdio: "pipe" });

  const damaged = join(folder, "damaged.xml");
  writeFileSync(damaged, body.replace("<EntityType ", "<EntityTipe "));
  assert.throws(() => execFileSync("xmllint", ["--nonet", "--noout", "--schema", "node_modules/odata-csdl/schemas/edmx.xsd", damaged], { stdio: "pipe" }), /EntityTipe/);
});

test("CSDL JSON is what OASIS' converter makes of the XML", async () => {
  const wanted = xml2json((await text(`${connection.base_url}/$metadata`)).body);
  for (const [address, headers] of [[`${connection.base_url}/$metadata?$format=json`, {}], [`${connection.base_url}/$metadata`, { accept: "application/json" }]]) {
    const { body, type } = await text(address, headers);
    assert.match(type, /^application\/json/);
    assert.deepEqual(JSON.parse(body), wanted);
  }
});

test("OpenAPI made from $metadata lints", async () => {
  lint("converted", await converted());
});

test("/openapi.json lints and tells of every entity set", async () => {
  const { body, type } = await text(`${origin}/openapi.json`);
  assert.match(type, /^application\/(openapi\+)?json/);
  const document = JSON.parse(body);
  assert.match(document.openapi, /^3\.1\./);
  const findings = lint("openapi", document);
  assert.deepEqual(findings.filter((finding) => finding.severity === 0), []);
  const { value } = JSON.parse((await text(`${connection.base_url}/`)).body);
  for (const { kind, url } of value.filter((entry) => entry.kind === "EntitySet")) {
    assert.ok(Object.keys(document.paths).some((path) => path.endsWith(`/${url}`)), `${kind} ${url}`);
  }
  assert.throws(() => lint("damaged", { ...document, paths: { "/x": { get: { responses: 7 } } } }), "a document that is none is found out");
});
