// The worker of BullMQ beside ours: `PORT N C` adds N jobs that do nothing and works them off, C at once. Prints how
// many seconds the work took, the filling left out.
"use strict";

const { Queue, Worker } = require("bullmq");

const [port, n, concurrency] = process.argv.slice(2).map(Number);
const connection = { host: "127.0.0.1", port };
const removed = { removeOnComplete: true };

async function main() {
  const queue = new Queue("bench", { connection });
  for (let left = n; left > 0; left -= 500) {
    const jobs = Array.from({ length: Math.min(left, 500) }, () => ({ name: "noop", data: {}, opts: removed }));
    await queue.addBulk(jobs);
  }
  const worker = new Worker("bench", async () => {}, { connection, concurrency, autorun: false });
  await worker.waitUntilReady();
  let done = 0;
  const begun = performance.now();
  const all = new Promise((resolve) => worker.on("completed", () => ++done === n && resolve()));
  worker.run();
  await all;
  console.log((performance.now() - begun) / 1000);
  process.exit(0);
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
