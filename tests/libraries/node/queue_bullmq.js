// A queue of BullMQ: `driver` answers the test, `worker` works.
"use strict";

const Redis = require("ioredis");
const { FlowProducer, Queue, Worker } = require("bullmq");
const { CONNECTION, serve, waitAtGate } = require("./common");

const options = { connection: CONNECTION };

function driver() {
  const queue = new Queue("mail", options);
  serve({
    enqueue: async () => {
      await queue.add("boom", {});
      await queue.add("ok", {});
      await queue.add("slow", {});
      for (let n = 0; n < 5; n++) await queue.add("ok", {});
      await queue.add("ok", {}, { priority: 7 });
      await queue.add("ok", {}, { priority: 1 });
      await queue.add("ok", {}, { delay: 600_000 });
      // A parent that waits for a job in the same queue.
      const child = { name: "ok", queueName: "mail", data: {} };
      await new FlowProducer(options).add({ name: "ok", queueName: "mail", children: [child] });
    },
    one: () => queue.add("ok", {}).then((job) => job.id),
    counts: () => queue.getJobCounts(),
    pause: () => queue.pause(),
    resume: () => queue.resume(),
  });
}

function worker() {
  const redis = new Redis(CONNECTION);
  const run = async (job) => {
    if (job.name === "boom") throw new Error("as asked");
    if (job.name === "slow") await waitAtGate(redis);
    if (job.name === "ping") await redis.set("pinged", JSON.stringify(job.data));
  };
  const worker = new Worker("mail", run, { ...options, name: process.argv[3] });
  process.on("SIGTERM", () => worker.close(true).then(() => process.exit(0)));
}

({ driver, worker })[process.argv[2]]();
