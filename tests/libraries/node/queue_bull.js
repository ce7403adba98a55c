// A queue of Bull: `driver` answers the test, `worker` works.
"use strict";

const Queue = require("bull");
const Redis = require("ioredis");
const { CONNECTION, serve, waitAtGate } = require("./common");

const queue = new Queue("mail", { redis: CONNECTION });

function driver() {
  serve({
    enqueue: async () => {
      await queue.add("boom", {});
      await queue.add("ok", {});
      await queue.add("slow", {});
      for (let n = 0; n < 5; n++) await queue.add("ok", {});
      await queue.add("ok", {}, { delay: 600_000 });
    },
    counts: () => queue.getJobCounts(),
    pause: () => queue.pause(),
    resume: () => queue.resume(),
  });
}

function worker() {
  const redis = new Redis(CONNECTION);
  queue.process("*", async (job) => {
    if (job.name === "boom") throw new Error("as asked");
    if (job.name === "slow") await waitAtGate(redis);
  });
  process.on("SIGTERM", () => process.exit(0));
}

({ driver, worker })[process.argv[2]]();
