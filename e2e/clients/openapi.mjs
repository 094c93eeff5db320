// OpenAPI documents of the service, and Prism as a proxy that holds each answer
// against one of them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { xml2json } from "odata-csdl";
import { csdl2openapi } from "odata-openapi";
import { connection, origin, tokenOf } from "./service.mjs";

/** converted is what OASIS' converter makes of $metadata. */
export async function converted() {
  const xml = await (await fetch(`${connection.base_url}/$metadata`)).text();
  return csdl2openapi(xml2json(xml), { scheme: "https", host: new URL(origin).host, basePath: "/beta", openapiVersion: "3.0.3" });
}

/** published is the service's own document. */
export async function published() {
  return (await fetch(`${origin}/openapi.json`)).json();
}

/** closed is a document by which an answer may have no member that it does not tell of, but for annotations of members. */
export function closed(document) {
  const copy = structuredClone(document);
  for (const schema of Object.values(copy.components.schemas)) {
    if (schema.properties && schema.additionalProperties === undefined) {
      schema.additionalProperties = false;
      schema.patternProperties = { "^[a-zA-Z]+@odata\\.": {} };
    }
  }
  return copy;
}

/** throughPrism starts Prism between a caller and the service for the time of use; it checks answers, and requests where asked. Paths of the document are below base. */
export async function throughPrism(document, use, { requests = false, base = connection.base_url } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "prism-"));
  const file = join(folder, "openapi.json");
  writeFileSync(file, JSON.stringify(document));
  const prism = spawn("node_modules/.bin/prism", ["proxy", "--errors", "--validate-request", String(requests), "--port", "0", file, base]);
  let log = "";
  try {
    const address = await new Promise((resolve, reject) => {
      createInterface(prism.stdout).on("line", (line) => {
        log += `${line}\n`;
        const found = /listening on (http:\S+)/.exec(line);
        if (found) resolve(found[1]);
      });
      prism.stderr.on("data", (text) => (log += text));
      prism.on("exit", () => reject(new Error(`Prism has ended: ${log}`)));
    });
    const authorization = `Bearer ${await tokenOf()}`;
    return await use(async (method, path, body, headers = {}) => {
      const fields = { authorization, ...(body !== undefined && { "content-type": "application/json" }), ...headers };
      const response = await fetch(address + path, {
        method,
        headers: Object.entries(fields).filter(([, value]) => value !== undefined),
        body: body === undefined ? undefined : JSON.stringify(body),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, violations: response.headers.get("sl-violations"), body: text && response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : text };
    });
  } finally {
    if (prism.exitCode === null) {
      prism.kill();
      await once(prism, "exit");
    }
    rmSync(folder, { recursive: true });
  }
}
