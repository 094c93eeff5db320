// Pages of a set that changes while it is read: PageIterator sees every object
// that existed throughout exactly once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { PageIterator } from "@microsoft/microsoft-graph-client";
import { absent, draft, graphClient, set, withObjects } from "./service.mjs";

const reader = graphClient();
const writer = graphClient();
const prefix = "pages-";

/** A Traffic creates and deletes objects all over the order, three at a time, until it is stopped. */
class Traffic {
  writes = 0;
  #stopped = false;
  #done = Promise.all([this.#write(), this.#write(), this.#write()]);

  async #write() {
    const passing = [];
    while (!this.#stopped) {
      // Names before, between and after those that stay.
      const { id } = await writer.api(set).post(draft(`${prefix}${String.fromCharCode(48 + (this.writes++ % 75))}x`));
      passing.push(id);
      if (passing.length > 3) await writer.api(`${set}/${passing.splice(this.writes % 3, 1)[0]}`).delete();
    }
    for (const id of passing) await writer.api(`${set}/${id}`).delete().catch(absent);
  }

  stop() {
    this.#stopped = true;
    return this.#done;
  }
}

for (const order of ["displayName", "displayName desc", "lastModifiedDateTime desc", "createdDateTime", "id"]) {
  test(`ordered by ${order}`, async () => {
    await withObjects(writer, `${prefix}kept-`, 20, async (kept) => {
      const traffic = new Traffic();
      try {
        for (let round = 0; traffic.writes < 30; round++) {
          const seen = new Map();
          const page = await reader.api(set).filter(`startswith(displayName,'${prefix}')`).orderby(order).select("id").top(4).get();
          await new PageIterator(reader, page, ({ id }) => Boolean(seen.set(id, (seen.get(id) ?? 0) + 1))).iterate();
          for (const { id, displayName } of kept) assert.equal(seen.get(id), 1, `${displayName} in round ${round}`);
        }
      } finally {
        await traffic.stop();
      }
    });
  });
}
