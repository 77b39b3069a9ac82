// JetStream with the official Node clients: `node jetstream.mjs nats://127.0.0.1:4222`.
//
// `@nats-io/jetstream`, `@nats-io/kv` and `@nats-io/obj`, and a little of the older `nats` package,
// which makes its consumers in the older way. Prints `ok` or `FAILED` for every case and exits with
// 0 only when all passed. Every case works on streams and buckets of its own name.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { connect, nanos } from "@nats-io/transport-node";
import {
  AckPolicy,
  DeliverPolicy,
  jetstream,
  jetstreamManager,
  RetentionPolicy,
} from "@nats-io/jetstream";
import { Kvm } from "@nats-io/kv";
import { Objm } from "@nats-io/obj";
import legacy from "nats";

const servers = process.argv[2];

// A stream `name` on `name.>` with `count` messages that say their number, from 1.
async function filled({ js, jsm }, name, count, config = {}) {
  await jsm.streams.add({ name, subjects: [`${name}.>`], ...config });
  for (let n = 1; n <= count; n++) {
    assert.equal((await js.publish(`${name}.${n}`, String(n))).seq, n);
  }
}

async function collect(messages, most = Infinity) {
  const got = [];
  for await (const message of messages) {
    got.push(message);
    if (got.length === most) break;
  }
  return got;
}

const seqs = (messages) => messages.map((message) => message.seq);
const upTo = (count) => Array.from({ length: count }, (_, n) => n + 1);

async function until(probe) {
  while (!(await probe())) await new Promise((resolve) => setTimeout(resolve, 5));
}

const cases = {
  async "streams are managed"(it) {
    const { jsm } = it;
    await filled(it, "managed", 6);
    assert.equal(await jsm.streams.find("managed.x"), "managed");
    const info = await jsm.streams.update("managed", { max_msgs: 4 });
    assert.deepEqual([info.config.max_msgs, info.state.messages], [4, 4]);
    const detailed = await jsm.streams.info("managed", { subjects_filter: ">" });
    assert.equal(Object.keys(detailed.state.subjects).length, 4);
    assert.ok((await jsm.streams.names().next()).includes("managed"));
    assert.equal((await jsm.streams.purge("managed", { filter: "managed.3" })).purged, 1);
    assert.ok(await jsm.streams.deleteMessage("managed", 4));
    const message = await jsm.streams.getMessage("managed", { last_by_subj: "managed.6" });
    assert.deepEqual([message.seq, message.string()], [6, "6"]);
    assert.equal(await jsm.streams.getMessage("managed", { seq: 4 }), null);
    assert.ok((await jsm.getAccountInfo()).streams > 0);
    assert.ok(await jsm.streams.delete("managed"));
    await assert.rejects(jsm.streams.info("managed"), { code: 10059 });
  },

  async "publishing is acknowledged and checked"(it) {
    const { js } = it;
    await filled(it, "checked", 1);
    const first = await js.publish("checked.a", "x", { msgID: "one" });
    const again = await js.publish("checked.a", "x", { msgID: "one" });
    assert.deepEqual([first.seq, first.duplicate, again.seq, again.duplicate], [2, false, 2, true]);
    await assert.rejects(js.publish("checked.a", "", { expect: { lastSequence: 7 } }), {
      code: 10071,
      message: "wrong last sequence: 2",
    });
    await js.publish("checked.a", "", { expect: { lastSubjectSequence: 2, streamName: "checked" } });
    const many = upTo(200).map((n) => js.publish("checked.many", String(n)));
    assert.deepEqual((await Promise.all(many)).map((ack) => ack.seq), upTo(200).map((n) => n + 3));
  },

  async "batches are stored whole"(it) {
    const { js, jsm } = it;
    await filled(it, "atomic", 0, { allow_atomic: true });
    const batch = await js.startBatch("atomic.a", "1");
    batch.add("atomic.b", "2");
    await batch.add("atomic.b", "3", { ack: true });
    assert.equal((await jsm.streams.info("atomic")).state.messages, 0);
    const ack = await batch.commit("atomic.c", "4");
    assert.deepEqual([ack.count, ack.seq, ack.batch], [4, 4, batch.id]);
    assert.equal((await jsm.streams.info("atomic")).state.messages, 4);
  },

  async "messages are read directly"(it) {
    const { jsm } = it;
    await filled(it, "direct", 5, { allow_direct: true });
    const one = await jsm.direct.getMessage("direct", { last_by_subj: "direct.2" });
    assert.deepEqual([one.seq, one.string(), one.subject], [2, "2", "direct.2"]);
    const some = await collect(await jsm.direct.getBatch("direct", { seq: 2, batch: 3 }));
    assert.deepEqual(seqs(some), [2, 3, 4]);
    const options = { multi_last: ["direct.1", "direct.4"] };
    const last = await collect(await jsm.direct.getLastMessagesFor("direct", options));
    assert.deepEqual(seqs(last), [1, 4]);
  },

  async "pull: next, fetch and consume"(it) {
    const { js, jsm } = it;
    await filled(it, "pulled", 10);
    await jsm.consumers.add("pulled", { durable_name: "c", ack_policy: AckPolicy.Explicit });
    const consumer = await js.consumers.get("pulled", "c");
    const first = await consumer.next();
    assert.deepEqual([first.seq, first.string(), first.info.pending], [1, "1", 9]);
    assert.ok(await first.ackAck());
    const some = await collect(await consumer.fetch({ max_messages: 3, expires: 2000 }));
    assert.deepEqual(seqs(some), [2, 3, 4]);
    for (const message of some) assert.ok(await message.ackAck());
    const messages = await consumer.consume({ max_messages: 4 });
    for await (const message of messages) {
      message.ack();
      if (message.seq === 10) await js.publish("pulled.last", "11");
      if (message.seq === 11) break;
    }
    await until(async () => (await consumer.info()).ack_floor.stream_seq === 11);
    assert.equal(await consumer.next({ expires: 1000 }), null);
  },

  async "a fetch for bytes"(it) {
    const { js, jsm } = it;
    await filled(it, "bytes", 0);
    for (let n = 0; n < 4; n++) await js.publish("bytes.x", "x".repeat(1000));
    await jsm.consumers.add("bytes", { durable_name: "c", ack_policy: AckPolicy.Explicit });
    const consumer = await js.consumers.get("bytes", "c");
    const some = [];
    const read = async () => {
      const messages = await consumer.fetch({ max_bytes: 2500, expires: 1000 });
      for await (const message of messages) some.push(message.seq);
    };
    await assert.rejects(read(), /message size exceeds maxbytes/);
    assert.deepEqual(some, [1, 2]);
  },

  async "acknowledgements of every kind"(it) {
    const { js, jsm } = it;
    await filled(it, "acks", 4);
    await jsm.consumers.add("acks", { durable_name: "c", ack_policy: AckPolicy.Explicit });
    const consumer = await js.consumers.get("acks", "c");
    const [one, two, three, four] = await collect(await consumer.fetch({ max_messages: 4 }), 4);
    one.nak();
    two.term("not for me");
    three.working();
    four.nak(200);
    const again = await collect(await consumer.fetch({ max_messages: 2, expires: 5000 }), 2);
    assert.deepEqual(again.map((m) => [m.seq, m.info.deliveryCount]), [[1, 2], [4, 2]]);
    assert.ok(again.every((m) => m.redelivered));
    for (const message of [...again, three]) assert.ok(await message.ackAck());
    assert.equal((await consumer.info()).ack_floor.stream_seq, 4);
  },

  async "push, alone and in a group"(it) {
    const { js, jsm } = it;
    await filled(it, "pushed", 10);
    await jsm.consumers.add("pushed", {
      durable_name: "c",
      deliver_subject: "push.to.me",
      ack_policy: AckPolicy.Explicit,
      idle_heartbeat: nanos(500),
      flow_control: true,
    });
    const consumer = await js.consumers.getPushConsumer("pushed", "c");
    const got = await collect(await consumer.consume(), 10);
    assert.deepEqual(seqs(got), upTo(10));
    await jsm.consumers.add("pushed", {
      durable_name: "g",
      deliver_subject: "push.to.us",
      deliver_group: "crew",
      ack_policy: AckPolicy.None,
    });
    const seen = { a: [], b: [] };
    for (const name of ["a", "b"]) {
      const member = await js.consumers.getPushConsumer("pushed", "g");
      await member.consume({ callback: (message) => seen[name].push(message.seq) });
    }
    for (let n = 11; n <= 60; n++) await js.publish("pushed.x", String(n));
    await until(() => seen.a.length + seen.b.length === 60);
    assert.deepEqual([...seen.a, ...seen.b].sort((a, b) => a - b), upTo(60));
    assert.ok(seen.b.length > 0);
  },

  async "ordered consumers survive their deletion"(it) {
    const { js, jsm } = it;
    await filled(it, "ordered", 5);
    const pull = await (await js.consumers.get("ordered")).consume({
      expires: 2000,
      idle_heartbeat: 500,
    });
    const push = await (await js.consumers.getPushConsumer("ordered")).consume();
    for (const messages of [pull, push]) assert.deepEqual(seqs(await take(messages, 5)), upTo(5));
    for (const { name } of await jsm.consumers.list("ordered").next()) {
      assert.ok(await jsm.consumers.delete("ordered", name));
    }
    await js.publish("ordered.6", "6");
    assert.deepEqual(seqs(await take(pull, 1)), [6]);
  },

  async "consumers are managed"(it) {
    const { js, jsm } = it;
    await filled(it, "consumers", 6);
    const config = {
      durable_name: "c",
      ack_policy: AckPolicy.Explicit,
      filter_subjects: ["consumers.2", "consumers.4", "consumers.5"],
    };
    assert.equal((await jsm.consumers.add("consumers", config)).num_pending, 3);
    await jsm.consumers.add("consumers", {
      durable_name: "new",
      deliver_policy: DeliverPolicy.New,
    });
    const changed = await jsm.consumers.update("consumers", "c", { max_deliver: 3 });
    assert.equal(changed.config.max_deliver, 3);
    const names = (await jsm.consumers.list("consumers").next()).map((info) => info.name);
    assert.deepEqual(names.sort(), ["c", "new"]);
    const until = new Date(Date.now() + 3_600_000);
    assert.ok((await jsm.consumers.pause("consumers", "c", until)).paused);
    assert.ok(!(await jsm.consumers.resume("consumers", "c")).paused);
    const consumer = await js.consumers.get("consumers", "c");
    assert.deepEqual(seqs(await collect(await consumer.fetch({ max_messages: 3 }), 3)), [2, 4, 5]);
    assert.equal((await jsm.consumers.reset("consumers", "c", 4)).reset_seq, 4);
    assert.deepEqual(seqs(await collect(await consumer.fetch({ max_messages: 2 }), 2)), [4, 5]);
    assert.ok(await consumer.delete());
    await assert.rejects(jsm.consumers.info("consumers", "c"), { code: 10014 });
  },

  async "a work queue empties"(it) {
    const { js, jsm } = it;
    await filled(it, "work", 5, { retention: RetentionPolicy.Workqueue });
    await jsm.consumers.add("work", { durable_name: "c", ack_policy: AckPolicy.Explicit });
    const consumer = await js.consumers.get("work", "c");
    for await (const message of await consumer.fetch({ max_messages: 5 })) {
      assert.ok(await message.ackAck());
      if (message.seq === 5) break;
    }
    await until(async () => (await jsm.streams.info("work")).state.messages === 0);
  },

  // === key-value ===

  async "keys and values"({ nc }) {
    const kv = await new Kvm(nc).create("values", { history: 5 });
    assert.equal(await kv.put("a.b", "one"), 1);
    assert.equal((await kv.get("a.b")).string(), "one");
    assert.equal(await kv.get("none"), null);
    assert.equal(await kv.create("c", "two"), 2);
    await assert.rejects(kv.create("c", "again"), { code: 10071 });
    await assert.rejects(kv.update("a.b", "no", 7), { code: 10071 });
    assert.equal(await kv.update("a.b", "three", 1), 3);
    assert.equal((await kv.get("a.b", { revision: 1 })).string(), "one");
    await kv.delete("a.b");
    assert.equal((await kv.get("a.b")).operation, "DEL");
    assert.equal(await kv.create("a.b", "four"), 5);
    const history = await collect(await kv.history({ key: "a.b" }));
    assert.deepEqual(history.map((e) => [e.revision, e.operation]), [
      [1, "PUT"],
      [3, "PUT"],
      [4, "DEL"],
      [5, "PUT"],
    ]);
    assert.deepEqual((await collect(await kv.keys())).sort(), ["a.b", "c"]);
    await kv.purge("a.b");
    const purged = await collect(await kv.history({ key: "a.b" }));
    assert.deepEqual(purged.map((e) => e.operation), ["PURGE"]);
    assert.deepEqual(await collect(await kv.keys()), ["c"]);
    const status = await kv.status();
    assert.deepEqual([status.bucket, status.history, status.values], ["values", 5, 2]);
    assert.ok(await kv.destroy());
    await assert.rejects(async () => (await new Kvm(nc).open("values")).status());
  },

  async "a bucket is watched"({ nc }) {
    const kv = await new Kvm(nc).create("watched", { history: 3 });
    for (let n = 1; n <= 3; n++) await kv.put("old", String(n));
    const seen = (entries) => entries.map((e) => [e.key, e.operation, e.revision]);
    const latest = await kv.watch();
    const all = await kv.watch({ include: "history" });
    const news = await kv.watch({ include: "updates" });
    assert.deepEqual(seen(await take(latest, 1)), [["old", "PUT", 3]]);
    await kv.put("new", "x");
    await kv.delete("old");
    const changes = [["new", "PUT", 4], ["old", "DEL", 5]];
    assert.deepEqual(seen(await take(latest, 2)), changes);
    assert.deepEqual(seen(await take(news, 2)), changes);
    const history = [1, 2, 3].map((n) => ["old", "PUT", n]);
    assert.deepEqual(seen(await take(all, 5)), [...history, ...changes]);
  },

  async "a key expires and leaves a mark"({ nc }) {
    const kv = await new Kvm(nc).create("expiring", { markerTTL: 60_000 });
    const watch = await kv.watch();
    await kv.create("short", "x", "1s");
    await kv.put("long", "y");
    const got = await take(watch, 3);
    assert.deepEqual(got.map((e) => [e.key, e.operation]), [
      ["short", "PUT"],
      ["long", "PUT"],
      ["short", "PURGE"],
    ]);
  },

  // === object store ===

  async "objects come back whole"({ nc, jsm }) {
    const store = await new Objm(nc).create("objects");
    const data = new Uint8Array(3_000_000).map((_, n) => (n * 2_654_435_761) >>> 24);
    const info = await store.putBlob({ name: "large" }, data);
    const digest = createHash("sha256").update(data).digest("base64url");
    assert.equal(info.digest.replace(/=+$/, ""), `SHA-256=${digest}`);
    assert.deepEqual([info.size, info.chunks], [data.length, 23]);
    assert.ok(Buffer.from(await store.getBlob("large")).equals(Buffer.from(data)));
    await store.putBlob({ name: "small" }, new TextEncoder().encode("small"));
    await store.putBlob({ name: "small" }, new TextEncoder().encode("smaller"));
    assert.equal(new TextDecoder().decode(await store.getBlob("small")), "smaller");
    const names = (await store.list()).map((info) => info.name).sort();
    assert.deepEqual(names, ["large", "small"]);
    await store.update("small", { name: "tiny", description: "d" });
    assert.equal((await store.info("tiny")).description, "d");
    await store.link("link", await store.info("tiny"));
    assert.equal(new TextDecoder().decode(await store.getBlob("link")), "smaller");
    await store.delete("large");
    assert.equal(await store.getBlob("large"), null);
    const { state } = await jsm.streams.info("OBJ_objects", { subjects_filter: "$O.objects.C.>" });
    assert.equal(Object.values(state.subjects).reduce((sum, n) => sum + n, 0), 1);
    assert.ok((await store.seal()).sealed);
    await assert.rejects(store.putBlob({ name: "late" }, new Uint8Array(1)));
    assert.ok(await store.destroy());
  },

  async "objects are watched"({ nc }) {
    const store = await new Objm(nc).create("watched");
    await store.putBlob({ name: "old" }, new Uint8Array(1));
    const watch = await store.watch({ includeHistory: true });
    await store.putBlob({ name: "new" }, new Uint8Array(2));
    await store.delete("old");
    const seen = await take(watch, 3);
    assert.deepEqual(seen.map((info) => [info.name, info.deleted ?? false]), [
      ["old", false],
      ["new", false],
      ["old", true],
    ]);
  },

  // === the older package ===

  async "the older client"() {
    const nc = await legacy.connect({ servers });
    const jsm = await nc.jetstreamManager();
    const js = nc.jetstream();
    await jsm.streams.add({ name: "older", subjects: ["older.>"] });
    for (let n = 1; n <= 5; n++) await js.publish(`older.${n}`, String(n));
    await jsm.consumers.add("older", { durable_name: "c", ack_policy: legacy.AckPolicy.Explicit });
    const consumer = await js.consumers.get("older", "c");
    for await (const message of await consumer.fetch({ max_messages: 5 })) {
      assert.ok(await message.ackAck());
      if (message.seq === 5) break;
    }
    const sub = await js.subscribe("older.>", { config: { deliver_subject: legacy.createInbox() } });
    assert.deepEqual(seqs(await collect(sub, 5)), upTo(5));
    const kv = await js.views.kv("older", { history: 2 });
    await kv.put("k", "v");
    assert.equal((await kv.get("k")).string(), "v");
    const os = await js.views.os("older");
    await os.putBlob({ name: "o" }, new Uint8Array(300_000));
    assert.equal((await os.getBlob("o")).length, 300_000);
    await nc.close();
  },
};

// So many more of what stays open: breaking out of a loop over it would close it.
const opened = new WeakMap();
async function take(messages, count) {
  if (!opened.has(messages)) opened.set(messages, messages[Symbol.asyncIterator]());
  const inner = opened.get(messages);
  const got = [];
  while (got.length < count) got.push((await inner.next()).value);
  return got;
}

let failed = 0;
for (const [title, run] of Object.entries(cases)) {
  const nc = await connect({ servers, name: title });
  let timer;
  try {
    const late = new Promise((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error("took too long")), 20_000);
    });
    const it = { nc, js: jetstream(nc), jsm: await jetstreamManager(nc) };
    await Promise.race([run(it), late]);
    console.log(`ok ${title}`);
  } catch (error) {
    failed++;
    console.log(`FAILED ${title}\n${error.stack}`);
  } finally {
    clearTimeout(timer);
    await nc.close();
  }
}
console.log(failed === 0 ? "all passed" : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
