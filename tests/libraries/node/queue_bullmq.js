// A queue of BullMQ: `driver` answers the test, `worker` works.
"use strict";

const Redis = require("ioredis");
const { FlowProducer, Queue, Worker } = require("bullmq");
const { CONNECTION, addUsual, doUsual, serve } = require("./common");

const options = { connection: CONNECTION };

const known = new Redis(CONNECTION);

// What a job's hash says, without its times and its own id.
async function fields(id) {
  const { timestamp, opts, ...all } = await known.hgetall("bull:mail:" + id);
  return all;
}

function driver() {
  const queue = new Queue("mail", options);
  serve({
    enqueue: async () => {
      await addUsual(queue);
      await queue.add("ok", {}, { priority: 7 });
      await queue.add("ok", {}, { priority: 1 });
      await queue.add("ok", {}, { delay: 600_000 });
      // A parent that waits for a job in the same queue.
      const child = { name: "ok", queueName: "mail", data: {} };
      await new FlowProducer(options).add({ name: "ok", queueName: "mail", children: [child] });
    },
    // Fail until the test says that it is mended; the first goes back by the library itself.
    flakies: async (ids) => {
      for (const jobId of ids) await queue.add("flaky", { n: 1 }, { jobId });
      await queue.add("flaky", {}, { jobId: "urgent", priority: 3 });
    },
    retry: async (id) => (await queue.getJob(id)).retry(),
    waits: async (id) => ({ state: await (await queue.getJob(id)).getState(), ...(await fields(id)) }),
    one: () => queue.add("ok", {}).then((job) => job.id),
    counts: () => queue.getJobCounts(),
    pause: () => queue.pause(),
    resume: () => queue.resume(),
  });
}

function worker() {
  const redis = new Redis(CONNECTION);
  const run = async (job) => {
    await doUsual(redis, job.name);
    if (job.name === "ping") await redis.set("pinged", JSON.stringify(job.data));
  };
  const worker = new Worker("mail", run, { ...options, name: process.argv[3] });
  process.on("SIGTERM", () => worker.close(true).then(() => process.exit(0)));
}

({ driver, worker })[process.argv[2]]();
