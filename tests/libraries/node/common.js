// What the programs of the tests share: answering the test, and a gate at which jobs wait.
"use strict";

const readline = require("node:readline");

const CONNECTION = { host: "127.0.0.1", port: Number(process.env.REDIS_PORT) };

// Answers each line of stdin, a list of a command and its arguments in JSON, with one line of JSON.
function serve(commands) {
  const lines = readline.createInterface({ input: process.stdin });
  lines.on("line", async (line) => {
    const [name, ...given] = JSON.parse(line);
    let answer;
    try {
      answer = { ok: (await commands[name](...given)) ?? null };
    } catch (error) {
      answer = { error: String(error.stack ?? error) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  });
  // The test is gone, whatever connections are open.
  lines.on("close", () => process.exit(0));
}

// What became of a call: what it resolved to, or the name of the error.
function attempt(call) {
  return async () => {
    try {
      return await call();
    } catch (error) {
      return error.name;
    }
  };
}

// `acquire` takes the lock at once or not at all, `wait` waits until it has it; both say if they got it.
function serveLock({ acquire, wait, ...others }) {
  let outcome = null;
  const commands = {
    acquire: attempt(acquire),
    wait: () => {
      attempt(wait)().then((got) => (outcome = got));
    },
    waited: () => outcome,
  };
  for (const [name, call] of Object.entries(others)) {
    commands[name] = attempt(call);
  }
  serve(commands);
}

// Resolves once the test has opened the gate; gives up after a minute.
async function waitAtGate(redis) {
  await redis.incr("gate-started");
  for (const end = Date.now() + 60_000; Date.now() < end && !(await redis.exists("gate-open")); ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

// The jobs that Bull and BullMQ both get: one that fails, one that waits at the gate, and six that just run.
async function addUsual(queue) {
  await queue.add("boom", {});
  await queue.add("ok", {});
  await queue.add("slow", {});
  for (let n = 0; n < 5; n++) await queue.add("ok", {});
}

// What such a job does; "flaky" fails until the test says that it is mended.
async function doUsual(redis, name) {
  if (name === "boom") throw new Error("as asked");
  if (name === "flaky" && !(await redis.exists("mended"))) throw new Error("not yet");
  if (name === "slow") await waitAtGate(redis);
}

module.exports = { CONNECTION, addUsual, attempt, doUsual, serve, serveLock, waitAtGate };
