// A queue of Bull: `driver` answers the test, `worker` works.
"use strict";

const Queue = require("bull");
const Redis = require("ioredis");
const { CONNECTION, addUsual, doUsual, serve } = require("./common");

const queue = new Queue("mail", { redis: CONNECTION });

function driver() {
  serve({
    enqueue: async () => {
      await addUsual(queue);
      await queue.add("ok", {}, { delay: 600_000 });
    },
    flakies: async (ids) => {
      for (const jobId of ids) await queue.add("flaky", { n: 1 }, { jobId });
    },
    retry: async (id) => (await queue.getJob(id)).retry(),
    waits: async (id) => {
      const { timestamp, opts, retriedOn, ...all } = await queue.client.hgetall("bull:mail:" + id);
      return { state: await (await queue.getJob(id)).getState(), again: Number(retriedOn) > 1.7e12, ...all };
    },
    counts: () => queue.getJobCounts(),
    pause: () => queue.pause(),
    resume: () => queue.resume(),
  });
}

function worker() {
  const redis = new Redis(CONNECTION);
  queue.process("*", (job) => doUsual(redis, job.name));
  process.on("SIGTERM", () => process.exit(0));
}

({ driver, worker })[process.argv[2]]();
