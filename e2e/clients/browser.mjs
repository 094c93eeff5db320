// A person with a browser in front of the pages of the embedded issuer: keeps
// cookies, reads forms, follows redirects as long as they stay at the service.
import assert from "node:assert/strict";
import { connection, origin } from "./service.mjs";

const unescape = (text) => text.replaceAll("&#34;", '"').replaceAll("&#39;", "'").replaceAll("&#43;", "+").replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&amp;", "&");

/** attributes reads those of one tag. */
function attributes(tag) {
  return Object.fromEntries([...tag.matchAll(/([a-z-]+)="([^"]*)"/g)].map(([, name, value]) => [name, unescape(value)]));
}

export class Browser {
  #cookies = new Map();

  /** open goes to an address and returns where it ends: a page, or an address elsewhere. */
  async open(address, form) {
    for (;;) {
      const headers = { accept: "text/html", cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ") };
      if (form) Object.assign(headers, { origin, "sec-fetch-site": "same-origin" });
      const response = await fetch(address, { redirect: "manual", headers, ...(form && { method: "POST", body: new URLSearchParams(form) }) });
      for (const cookie of response.headers.getSetCookie()) {
        assert.match(cookie, /;\s*Secure/i, "cookies are for https alone");
        assert.match(cookie, /;\s*HttpOnly/i, "no script reads a cookie");
        const [name, value] = cookie.split(";")[0].split(/=(.*)/s);
        this.#cookies.set(name, value);
      }
      const location = response.headers.get("location");
      if (response.status >= 300 && response.status < 400) {
        address = new URL(location, address);
        form = undefined;
        if (address.origin !== origin) return { elsewhere: address };
        continue;
      }
      const text = await response.text();
      const page = { address, status: response.status, text, error: unescape(/id="error"[^>]*>([^<]*)</.exec(text)?.[1] ?? "") };
      const found = /<form[^>]*>/.exec(text);
      if (found) {
        page.action = new URL(attributes(found[0]).action, address);
        page.fields = Object.fromEntries([...text.matchAll(/<input[^>]*>/g)].map(([tag]) => attributes(tag)).map(({ name, value }) => [name, value ?? ""]));
      }
      return page;
    }
  }

  /** submit sends the form of a page with what a person fills in. */
  submit(page, filled) {
    assert.ok(page.action, `no form on the page: ${page.text}`);
    return this.open(page.action, { ...page.fields, ...filled });
  }

  /** signIn goes through the pages as the person of dev.json, until the browser is led elsewhere or all is said. */
  async signIn(page, password = connection.password) {
    if (page.fields && "password" in page.fields) page = await this.submit(page, { username: connection.user, password });
    if (page.action && !("password" in page.fields)) page = await this.submit(page, { answer: "accept" });
    return page;
  }
}

/** enter types a device code as a person does, and says yes or no. */
export async function enter(address, code, answer = "accept") {
  const browser = new Browser();
  let page = await browser.open(address);
  if (page.fields && "code" in page.fields) page = await browser.submit(page, { code });
  if ("password" in page.fields) page = await browser.submit(page, { username: connection.user, password: connection.password });
  assert.match(page.text, new RegExp(code.replace("-", "-?")), "the page shows the code, so that nobody enters another's");
  page = await browser.submit(page, { answer });
  assert.equal(page.error, "");
}
