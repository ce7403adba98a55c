// Jobs of BullMQ and a worker that runs them; a second one takes over what the first left.
"use strict";

const Redis = require("ioredis");
const { Queue, Worker } = require("bullmq");
const { CONNECTION, serve, waitAtGate } = require("./common");

const redis = new Redis(CONNECTION);
const done = [];

serve({
  add: async (queue, name) => {
    await new Queue(queue, { connection: CONNECTION }).add(name, {});
  },
  work: (queue, lockDuration, name) => {
    const run = async (job) => {
      await waitAtGate(redis);
      done.push(`${queue}:${job.id}`);
    };
    new Worker(queue, run, { connection: CONNECTION, lockDuration, stalledInterval: 1_000, name });
  },
  done: () => done,
});
