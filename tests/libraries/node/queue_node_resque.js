// Queues of node-resque, which writes what Resque and its scheduler write: `driver` answers the test, `worker` works
// on both.
"use strict";

const Redis = require("ioredis");
const { Queue, Scheduler, Worker } = require("node-resque");
const { CONNECTION, serve, waitAtGate } = require("./common");

// It ends its connection itself.
const connection = () => ({ redis: new Redis(CONNECTION) });
const redis = new Redis(CONNECTION);

const jobs = {
  ok: { perform: async () => {} },
  boom: {
    perform: async () => {
      throw new Error("as asked");
    },
  },
  flaky: {
    perform: async () => {
      if (!(await redis.exists("mended"))) throw new Error("not yet");
    },
  },
  slow: { perform: () => waitAtGate(redis) },
};

async function driver() {
  const queue = new Queue({ connection: connection() }, jobs);
  await queue.connect();
  const names = ["mail", "math"];
  const delayed = async () => Object.values(await queue.allDelayed()).flat();
  serve({
    enqueue: async () => {
      for (const job of ["boom", "ok", "slow", "ok", "ok", "ok", "ok"]) await queue.enqueue("mail", job);
      for (const job of ["ok", "ok"]) await queue.enqueue("math", job);
      // Two for the same second, of different queues.
      const later = Date.now() + 600_000;
      await queue.enqueueAt(later, "mail", "ok", [1]);
      await queue.enqueueAt(later, "math", "ok", [2]);
      await queue.enqueueAt(later + 60_000, "math", "ok", [3]);
    },
    counts: async () => {
      const working = Object.values(await queue.allWorkingOn()).filter((work) => work.queue);
      const workers = Object.values(await queue.workers());
      const later = await delayed();
      const all = {};
      for (const name of names) {
        all[name] = {
          waiting: await queue.length(name),
          in_flight: working.filter((work) => work.queue === name).length,
          scheduled: later.filter((job) => job.queue === name).length,
          workers: workers.filter((queues) => queues.split(",").includes(name)).length,
        };
      }
      return all;
    },
    flakies: async (ids) => {
      for (const id of ids) await queue.enqueue("mail", "flaky", [id, 1.5]);
      await queue.enqueue("math", "flaky", ["other"]);
    },
    retry: async (id) => {
      const failed = await queue.failed(0, -1);
      await queue.retryAndRemoveFailed(failed.find((job) => job.payload.args[0] === id));
    },
    waits: async (id) => {
      const all = await queue.queued("mail", 0, -1);
      return { ...all.find((job) => job.args[0] === id), args: 0 };
    },
    failed: () => queue.failedCount(),
    // Pretends that so many seconds went by since a worker's last sign of life.
    age: async (seconds) => {
      const [key] = await redis.keys("resque:worker:ping:*");
      const told = JSON.parse(await redis.get(key));
      await redis.set(key, JSON.stringify({ ...told, time: told.time - seconds }));
    },
    lead: async () => {
      const scheduler = new Scheduler({ connection: connection(), name: "scheduler-1" });
      await scheduler.connect();
      await scheduler.poll();
    },
  });
}

async function worker() {
  const worker = new Worker({ connection: connection(), queues: ["mail", "math"], timeout: 50 }, jobs);
  worker.on("error", () => {});
  await worker.connect();
  await worker.start();
  process.on("SIGTERM", () => process.exit(0));
}

({ driver, worker })[process.argv[2]]();
