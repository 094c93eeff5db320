// A receiver of change notifications: a web server over TLS with a certificate
// that the service trusts, named by RECEIVER_CERTIFICATE and RECEIVER_KEY.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

/** Receiver is a web server with a path for each way to behave. */
export class Receiver {
  handshakes = [];
  deliveries = []; // { path, headers, text, value }
  #waiting = [];
  #server = createServer({ cert: readFileSync(process.env.RECEIVER_CERTIFICATE), key: readFileSync(process.env.RECEIVER_KEY) }, async (request, response) => {
    const url = new URL(request.url, this.address);
    let text = "";
    for await (const chunk of request) text += chunk;
    const token = url.searchParams.get("validationToken");
    if (token !== null) {
      this.handshakes.push(url.pathname);
      if (url.pathname === "/wrong") return response.writeHead(200, { "content-type": "text/plain" }).end("something else");
      return response.writeHead(200, { "content-type": "text/plain" }).end(token);
    }
    this.deliveries.push({ path: url.pathname, headers: request.headers, text, value: JSON.parse(text).value });
    response.writeHead(url.pathname === "/failing" ? 500 : 202).end();
    for (const look of this.#waiting) look();
  });

  async start() {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    this.address = `https://127.0.0.1:${this.#server.address().port}`;
  }

  stop() {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  /** at returns the notifications that have come to a path, each once. */
  at(path) {
    const all = this.deliveries.filter((delivery) => delivery.path === path).flatMap((delivery) => delivery.value);
    return [...new Map(all.map((notification) => [notification.id, notification])).values()];
  }

  /** until waits for notifications at a path that satisfy a condition. */
  until(path, condition) {
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`not delivered to ${path} in time: ${JSON.stringify(this.at(path))}`)), 30_000);
      const look = () => {
        const found = this.at(path);
        if (!condition(found)) return;
        clearTimeout(late);
        this.#waiting = this.#waiting.filter((other) => other !== look);
        resolve(found);
      };
      this.#waiting.push(look);
      look();
    });
  }
}
