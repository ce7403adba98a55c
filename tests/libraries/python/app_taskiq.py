"""An application with taskiq, by list or (`stream`) by stream, with `results` or none: `driver` answers the test, `worker` works.

The library counts nothing: what is sent and what is done is counted here.
"""

import asyncio
import sys

import redis.asyncio
from common import URL, serve, wait_at_gate_async
from taskiq.api import run_receiver_task
from taskiq_redis import ListQueueBroker, RedisAsyncResultBackend, RedisStreamBroker

broker = (RedisStreamBroker if "stream" in sys.argv else ListQueueBroker)(URL)
if "results" in sys.argv:
    broker = broker.with_result_backend(RedisAsyncResultBackend(URL))


async def count(key):
    async with redis.asyncio.Redis.from_url(URL) as connection:
        await connection.incr(key)


@broker.task(task_name="app:ok")
async def ok():
    await count("tasks-done")


@broker.task(task_name="app:boom")
async def boom():
    raise ValueError("as asked")


@broker.task(task_name="app:slow")
async def slow():
    async with redis.asyncio.Redis.from_url(URL) as connection:
        await wait_at_gate_async(connection)
    await count("tasks-done")


async def enqueue():
    await broker.startup()
    await slow.kiq()
    for _ in range(5):
        await ok.kiq()
    await broker.shutdown()


async def prepare():
    """A stream's group begins at its end: without it nothing that is sent before the worker arrives."""
    await broker.startup()
    await broker.shutdown()


async def counts():
    async with redis.asyncio.Redis.from_url(URL) as connection:
        return {"open": 6 - int(await connection.get("tasks-done") or 0)}


async def work():
    await broker.startup()
    await run_receiver_task(broker, max_async_tasks=1, max_prefetch=0)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        broker.is_worker_process = True
        asyncio.run(work())
    else:
        commands = {"enqueue": enqueue, "counts": counts, "prepare": prepare}
        loop = asyncio.new_event_loop()
        serve({name: lambda run=run: loop.run_until_complete(run()) for name, run in commands.items()})
