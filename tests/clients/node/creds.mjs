// The official Node clients, new and old, show who they are: `node creds.mjs creds|nkey FILE URL`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import * as current from "@nats-io/transport-node";
import legacy from "nats";

const [kind, file, servers] = process.argv.slice(2);
const secret = readFileSync(file);

for (const client of [current, legacy]) {
  const authenticator = kind === "creds"
    ? client.credsAuthenticator(secret)
    : client.nkeyAuthenticator(secret);
  const nc = await client.connect({ servers, authenticator, reconnect: false });
  const sub = nc.subscribe("a", { max: 1 });
  nc.publish("a", "hello");
  for await (const message of sub) assert.equal(message.string(), "hello");
  await nc.drain();
}
