"""An application with streaQ: `driver` answers the test, `worker` works."""

import asyncio
import sys

import coredis
from common import URL, serve, wait_at_gate_async
from streaq import Worker

worker = Worker(redis_url=URL, concurrency=1)


@worker.task(name="ok")
async def ok():
    pass


class Gate(coredis.Redis):
    """EXISTS takes a list of keys here."""

    async def exists(self, key):
        return await super().exists([key])


@worker.task(name="slow")
async def slow():
    async with Gate.from_url(URL) as connection:
        await wait_at_gate_async(connection)


async def enqueue():
    async with worker:
        await slow.enqueue()
        await ok.enqueue().start(delay=600)
        for _ in range(5):
            await ok.enqueue()


async def counts():
    async with worker:
        ready = await worker.queue_size(include_scheduled=False)
        return {"ready": ready, "scheduled": await worker.queue_size() - ready}


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        worker.run_sync()
    else:
        serve({"enqueue": lambda: asyncio.run(enqueue()), "counts": lambda: asyncio.run(counts())})
