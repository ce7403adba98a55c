// A queue of bee-queue: `driver` answers the test, `worker` works.
"use strict";

const Queue = require("bee-queue");
const Redis = require("ioredis");
const { CONNECTION, serve, waitAtGate } = require("./common");

const options = { redis: CONNECTION, removeOnSuccess: false, activateDelayedJobs: true };

function driver() {
  const queue = new Queue("mail", { ...options, isWorker: false });
  const add = (what) => queue.createJob({ what });
  serve({
    enqueue: async () => {
      await add("boom").save();
      await add("ok").save();
      await add("slow").save();
      for (let n = 0; n < 5; n++) await add("ok").save();
      await add("ok").delayUntil(Date.now() + 600_000).save();
    },
    flakies: async (ids) => {
      for (const id of ids) await add("flaky").setId(id).save();
    },
    retry: async (id) => {
      await (await queue.getJob(id)).retry();
    },
    waits: async (id) => ({ status: (await queue.getJob(id)).status }),
    counts: async () => {
      const { newestJob, ...counts } = await queue.checkHealth();
      return counts;
    },
  });
}

function worker() {
  const redis = new Redis(CONNECTION);
  new Queue("mail", options).process(async (job) => {
    if (job.data.what === "boom") throw new Error("as asked");
    if (job.data.what === "flaky" && !(await redis.exists("mended"))) throw new Error("not yet");
    if (job.data.what === "slow") await waitAtGate(redis);
  });
  process.on("SIGTERM", () => process.exit(0));
}

({ driver, worker })[process.argv[2]]();
