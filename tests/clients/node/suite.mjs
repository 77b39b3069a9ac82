// The official Node clients against a running server: `node suite.mjs nats://127.0.0.1:4222`.
//
// The same cases run with `@nats-io/transport-node` and with the older `nats` package. Prints `ok`
// or `FAILED` for every case and exits with 0 only when all passed.

import assert from "node:assert/strict";
import * as current from "@nats-io/transport-node";
import legacy from "nats";

const servers = process.argv[2];

const cases = {
  async "publish and subscribe"({ nc, other }) {
    const sub = nc.subscribe("js.greet.*", { max: 500 });
    await nc.flush();
    for (let n = 0; n < 500; n++) other.publish(`js.greet.${n}`, String(n));
    let n = 0;
    for await (const msg of sub) {
      assert.equal(msg.subject, `js.greet.${n}`);
      assert.equal(msg.string(), String(n));
      n++;
    }
    assert.equal(n, 500);
  },

  async "request and reply"({ nc, other }) {
    nc.subscribe("js.double", { callback: (_err, msg) => msg.respond(msg.string().repeat(2)) });
    await nc.flush();
    for (let n = 0; n < 100; n++) {
      assert.equal((await other.request("js.double", String(n))).string(), `${n}${n}`);
    }
  },

  async "request without multiplexing"({ nc, other }) {
    nc.subscribe("js.once", { callback: (_err, msg) => msg.respond("yes") });
    await nc.flush();
    const answer = await other.request("js.once", "", { timeout: 5000, noMux: true });
    assert.equal(answer.string(), "yes");
  },

  async "a request to nobody fails at once"({ nc, noResponders }) {
    await assert.rejects(nc.request("js.nobody", "", { timeout: 5000 }), noResponders);
  },

  async "queue members share"({ nc, other }) {
    const seen = { a: [], b: [] };
    let finished;
    const all = new Promise((resolve) => (finished = resolve));
    for (const name of ["a", "b"]) {
      nc.subscribe("js.work", {
        queue: "crew",
        callback: (_err, msg) => {
          seen[name].push(Number(msg.string()));
          if (seen.a.length + seen.b.length === 200) finished();
        },
      });
    }
    await nc.flush();
    for (let n = 0; n < 200; n++) other.publish("js.work", String(n));
    await all;
    const numbers = [...seen.a, ...seen.b].sort((x, y) => x - y);
    assert.deepEqual(numbers, [...Array(200).keys()]);
    assert.ok(Math.min(seen.a.length, seen.b.length) > 30);
  },

  async "headers arrive"({ nc, other, lib }) {
    const sub = nc.subscribe("js.headers", { max: 1 });
    await nc.flush();
    const headers = lib.headers();
    headers.append("Colour", "red");
    headers.append("Colour", "blue");
    other.publish("js.headers", "body", { headers });
    for await (const msg of sub) {
      assert.deepEqual(msg.headers.values("Colour"), ["red", "blue"]);
      assert.equal(msg.string(), "body");
    }
  },

  async "unsubscribe after a number"({ nc, other }) {
    const sub = nc.subscribe("js.few");
    sub.unsubscribe(2);
    await nc.flush();
    for (let n = 0; n < 5; n++) other.publish("js.few", String(n));
    const got = [];
    for await (const msg of sub) got.push(msg.string());
    assert.deepEqual(got, ["0", "1"]);
  },

  async "the payload limit is known"({ nc, other }) {
    const limit = nc.info.max_payload;
    assert.throws(() => nc.publish("js.big", new Uint8Array(limit + 1)));
    const sub = other.subscribe("js.big", { max: 1 });
    await other.flush();
    nc.publish("js.big", new Uint8Array(limit));
    for await (const msg of sub) assert.equal(msg.data.length, limit);
  },

  async "drain hands over what is under way"({ lib, other }) {
    const third = await lib.connect({ servers });
    let got = 0;
    third.subscribe("js.drain", { callback: () => got++ });
    await third.flush();
    for (let n = 0; n < 300; n++) other.publish("js.drain", String(n));
    await other.flush();
    await third.drain();
    assert.equal(got, 300);
    assert.ok(third.isClosed());
  },

  async "round trips are measured"({ nc }) {
    assert.ok((await nc.rtt()) < 5000);
  },
};

const libraries = [
  {
    name: "@nats-io/transport-node",
    lib: current,
    noResponders: (error) => error.isNoResponders?.() || error.cause?.isNoResponders?.() ||
      error instanceof current.errors.NoRespondersError,
  },
  { name: "nats", lib: legacy, noResponders: (error) => error.code === "503" },
];

let failed = 0;
for (const { name, lib, noResponders } of libraries) {
  for (const [title, run] of Object.entries(cases)) {
    const nc = await lib.connect({ servers, name: title });
    const other = await lib.connect({ servers });
    let timer;
    try {
      const late = new Promise((_resolve, reject) => {
        timer = setTimeout(() => reject(new Error("took too long")), 20_000);
      });
      await Promise.race([run({ lib, nc, other, noResponders }), late]);
      console.log(`ok ${name}: ${title}`);
    } catch (error) {
      failed++;
      console.log(`FAILED ${name}: ${title}\n${error.stack}`);
    } finally {
      clearTimeout(timer);
      await nc.close();
      await other.close();
    }
  }
}
console.log(failed === 0 ? "all passed" : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
