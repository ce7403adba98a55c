// Jobs of Bull and a worker that runs them; a second one takes over what the first left.
"use strict";

const Queue = require("bull");
const Redis = require("ioredis");
const { CONNECTION, serve, waitAtGate } = require("./common");

const redis = new Redis(CONNECTION);
const done = [];

serve({
  add: async (queue, name) => {
    await new Queue(queue, { redis: CONNECTION }).add(name, {});
  },
  work: (queue, lockDuration) => {
    const settings = { lockDuration, lockRenewTime: lockDuration / 2, stalledInterval: 1_000 };
    new Queue(queue, { redis: CONNECTION, settings }).process("*", async (job) => {
      await waitAtGate(redis);
      done.push(`${queue}:${job.id}`);
    });
  },
  done: () => done,
});
