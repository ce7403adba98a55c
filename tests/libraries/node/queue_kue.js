// Jobs of Kue, of two types: `driver` answers the test, `worker` works on both.
"use strict";

const kue = require("kue");
const Redis = require("ioredis");
const { CONNECTION, serve, waitAtGate } = require("./common");

const queue = kue.createQueue({ redis: CONNECTION });
const call = (method, ...given) =>
  new Promise((resolve, reject) => {
    queue[method](...given, (error, result) => (error ? reject(error) : resolve(result)));
  });

function add(type, what, change = (job) => job) {
  return new Promise((resolve, reject) => {
    change(queue.create(type, { what })).save((error) => (error ? reject(error) : resolve()));
  });
}

function driver() {
  serve({
    enqueue: async () => {
      await add("mail", "boom", (job) => job.priority("critical"));
      await add("mail", "ok", (job) => job.priority("high"));
      await add("mail", "slow", (job) => job.priority("high"));
      for (let n = 0; n < 5; n++) await add("mail", "ok");
      await add("mail", "ok", (job) => job.delay(600_000));
      await add("report", "ok", (job) => job.delay(600_000));
    },
    counts: async () => {
      const all = {};
      for (const type of ["mail", "report"]) {
        all[type] = {
          waiting: await call("inactiveCount", type),
          in_flight: await call("activeCount", type),
          scheduled: await call("delayedCount", type),
          failed: await call("failedCount", type),
          complete: await call("completeCount", type),
        };
      }
      return all;
    },
  });
}

function worker() {
  const redis = new Redis(CONNECTION);
  const run = (job, done) => {
    if (job.data.what === "boom") return done(new Error("as asked"));
    if (job.data.what === "slow") return waitAtGate(redis).then(() => done());
    done();
  };
  queue.process("mail", run);
  queue.process("report", run);
  process.on("SIGTERM", () => process.exit(0));
}

({ driver, worker })[process.argv[2]]();
