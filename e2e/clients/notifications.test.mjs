// Change notifications, from outside: the handshake as Microsoft's documentation
// tells it, and what then arrives.
import assert from "node:assert/strict";
import { createPublicKey, verify } from "node:crypto";
import { after, before, test } from "node:test";
import { Receiver } from "./receiver.mjs";
import { connection, draft, graphClient, guid, origin, set } from "./service.mjs";

const admin = graphClient();
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

const receiver = new Receiver();
before(() => receiver.start());
after(() => receiver.stop());

/** subscribe follows all subscriptions for the time of the test. */
async function subscribe(t, path, more = {}) {
  const made = await admin.api("/subscriptions").post({
    changeType: "created,updated,deleted",
    notificationUrl: receiver.address + path,
    resource: set.slice(1),
    expirationDateTime: inAnHour(),
    clientState: "canary-client-state",
    ...more,
  });
  t.after(() => admin.api(`/subscriptions/${made.id}`).delete().catch(() => {}));
  return made;
}

test("an object's life is told, in order, signed", async (t) => {
  const subscription = await subscribe(t, "/life");
  assert.deepEqual(receiver.handshakes, ["/life"]);
  assert.match(subscription.id, guid);
  assert.equal(subscription.resource, set.slice(1));
  assert.equal(subscription.changeType, "created,updated,deleted");
  assert.equal(subscription.applicationId, connection.client_id);
  const read = await admin.api(`/subscriptions/${subscription.id}`).get();
  assert.equal(read.notificationUrl, `${receiver.address}/life`);
  assert.ok(!JSON.stringify(read).includes("canary-client-state"), "a read does not give clientState away");
  assert.ok((await admin.api("/subscriptions").get()).value.some(({ id }) => id === subscription.id));

  const { id } = await admin.api(set).post(draft("notified"));
  const mine = (found) => found.filter(({ resourceData }) => resourceData.id === id);
  const [created] = mine(await receiver.until("/life", (found) => mine(found).length >= 1));
  assert.equal(created.changeType, "created");
  assert.equal((await admin.api(`/${created.resource}`).get()).id, id, "the notification says where to read");
  await admin.api(`${set}/${id}`).update({ description: "changed" });
  await receiver.until("/life", (found) => mine(found).length >= 2);
  await admin.api(`${set}/${id}`).delete();
  const found = mine(await receiver.until("/life", (all) => mine(all).some(({ changeType }) => changeType === "deleted")));
  assert.deepEqual(found.map(({ changeType }) => changeType), ["created", "updated", "deleted"]);
  for (const notification of found) {
    assert.equal(notification.subscriptionId, subscription.id);
    assert.equal(notification.clientState, "canary-client-state");
    assert.equal(notification.tenantId, connection.tenant);
    assert.equal(new Date(notification.subscriptionExpirationDateTime).getTime(), new Date(subscription.expirationDateTime).getTime());
    assert.equal(notification.resourceData["@odata.type"], "#microsoft.graph.cloudPkiSubscription");
  }

  // Signed as Standard Webhooks has it, by the published key.
  const { keys } = await (await fetch(`${origin}/.well-known/notification-keys`)).json();
  const key = createPublicKey({ key: keys[0], format: "jwk" });
  const delivered = receiver.deliveries.filter(({ path }) => path === "/life");
  for (const { headers, text } of delivered) {
    const [version, signature] = headers["webhook-signature"].split(",");
    assert.equal(version, "v1a");
    const signed = `${headers["webhook-id"]}.${headers["webhook-timestamp"]}.${text}`;
    assert.ok(verify(null, Buffer.from(signed), key, Buffer.from(signature, "base64")));
    assert.ok(!verify(null, Buffer.from(`${signed} `), key, Buffer.from(signature, "base64")));
  }
});

test("only what was asked for is told", async (t) => {
  await subscribe(t, "/deleted", { changeType: "deleted" });
  await subscribe(t, "/all");
  const { id } = await admin.api(set).post(draft("notified-deleted"));
  await admin.api(`${set}/${id}`).delete();
  const mine = (found) => found.filter(({ resourceData }) => resourceData.id === id);
  await receiver.until("/all", (found) => mine(found).some(({ changeType }) => changeType === "deleted"));
  const found = mine(await receiver.until("/deleted", (all) => mine(all).length > 0));
  assert.deepEqual(found.map(({ changeType }) => changeType), ["deleted"]);
});

test("renewed, and ended", async (t) => {
  const subscription = await subscribe(t, "/renewed");
  const expirationDateTime = new Date(Date.now() + 7_200_000).toISOString();
  const renewed = await admin.api(`/subscriptions/${subscription.id}`).update({ expirationDateTime });
  assert.equal(new Date(renewed.expirationDateTime).getTime(), new Date(expirationDateTime).getTime());

  await subscribe(t, "/control");
  await admin.api(`/subscriptions/${subscription.id}`).delete();
  await assert.rejects(admin.api(`/subscriptions/${subscription.id}`).get(), { statusCode: 404 });
  const { id } = await admin.api(set).post(draft("notified-after-the-end"));
  await admin.api(`${set}/${id}`).delete();
  await receiver.until("/control", (found) => found.some(({ resourceData, changeType }) => resourceData.id === id && changeType === "deleted"));
  assert.deepEqual(receiver.at("/renewed").filter(({ resourceData }) => resourceData.id === id), []);
});

test("who does not agree gets nothing", async () => {
  const before = (await admin.api("/subscriptions").get()).value.length;
  const wish = { changeType: "updated", resource: set.slice(1), expirationDateTime: inAnHour() };
  const cases = {
    "another answer than the token": ["ValidationError", "notificationUrl", { ...wish, notificationUrl: `${receiver.address}/wrong` }],
    "nobody there": ["ValidationError", "notificationUrl", { ...wish, notificationUrl: "https://127.0.0.1:9/" }],
    "no TLS": ["BadRequest", "notificationUrl", { ...wish, notificationUrl: "http://127.0.0.1/" }],
    "a resource that is none": ["BadRequest", "resource", { ...wish, notificationUrl: `${receiver.address}/never`, resource: "users" }],
    "an end in the past": ["BadRequest", "expirationDateTime", { ...wish, notificationUrl: `${receiver.address}/never`, expirationDateTime: "2020-01-01T00:00:00Z" }],
  };
  for (const [name, [code, target, body]] of Object.entries(cases)) {
    await assert.rejects(admin.api("/subscriptions").post(body), (error) => {
      assert.equal(error.statusCode, 400, `${name}: ${error.message}`);
      assert.deepEqual([error.code, JSON.parse(error.body).target], [code, target], name);
      assert.match(error.requestId, guid);
      return true;
    });
  }
  assert.equal((await admin.api("/subscriptions").get()).value.length, before);
  assert.ok(!receiver.handshakes.includes("/never"), "what is wrong in itself is not asked about");
});

test("a receiver that fails holds up no other", async (t) => {
  await subscribe(t, "/failing");
  await subscribe(t, "/well");
  for (let i = 0; i < 3; i++) {
    const { id } = await admin.api(set).post(draft(`notified-${i}`));
    await receiver.until("/well", (found) => found.some(({ resourceData }) => resourceData.id === id));
    await admin.api(`${set}/${id}`).delete();
  }
  assert.ok((await receiver.until("/failing", (found) => found.length > 0)).length > 0, "it was tried");
});
