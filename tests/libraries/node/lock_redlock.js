// Locks of node-redlock on two resources: `lock_redlock.js driver 4|5 [PORT...]`, the version and further servers.
"use strict";

const Redis = require("ioredis");
const { CONNECTION, serveLock } = require("./common");

const RESOURCES = ["lock:orders:1", "lock:orders:2"];
const TTL = 60_000;
const further = process.argv.slice(4).map((port) => ({ ...CONNECTION, port: Number(port) }));
const servers = [CONNECTION, ...further].map((at) => new Redis(at));
const old = process.argv[3] === "4";
const Redlock = old ? require("redlock4") : require("redlock").default;
const once = new Redlock(servers, { retryCount: 0 });
const patient = new Redlock(servers, { retryCount: 300, retryDelay: 200 });
let lock;

async function take(redlock, resources) {
  lock = await (old ? redlock.lock(resources, TTL) : redlock.acquire(resources, TTL));
  return true;
}

serveLock({
  acquire: () => take(once, RESOURCES),
  // Only the first one: the second is still the holder's when the first was released.
  wait: () => take(patient, RESOURCES.slice(0, 1)),
  extend: async () => void (await lock.extend(TTL)),
  release: async () => void (await (old ? lock.unlock() : lock.release())),
});
