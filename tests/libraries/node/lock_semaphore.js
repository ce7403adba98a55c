// redis-semaphore: `lock_semaphore.js driver mutex|semaphore`; one place, a lease of ten seconds,
// renewed after eight.
"use strict";

const Redis = require("ioredis");
const { Mutex, Semaphore } = require("redis-semaphore");
const { CONNECTION, serveLock } = require("./common");

const redis = new Redis(CONNECTION);
const make = (options) =>
  process.argv[3] === "mutex" ? new Mutex(redis, "orders", options) : new Semaphore(redis, "orders", 1, options);
let lock;

async function take(options) {
  lock = make(options);
  await lock.acquire();
  return true;
}

serveLock({
  acquire: () => take({ acquireAttemptsLimit: 1 }),
  wait: () => take({ acquireTimeout: 60_000 }),
  release: async () => void (await lock.release()),
});
