"""An application with SAQ: `driver` answers the test, `worker` works."""

import asyncio
import sys
import time

from common import URL, serve, wait_at_gate_async
from saq import Queue, Worker


async def ok(_):
    pass


async def boom(_):
    raise ValueError("as asked")


async def slow(context):
    await wait_at_gate_async(context["worker"].queue.redis)


async def enqueue():
    queue = Queue.from_url(URL)
    await queue.enqueue("boom")
    await queue.enqueue("slow", timeout=90)
    await queue.enqueue("ok", scheduled=time.time() + 600)
    for _ in range(5):
        await queue.enqueue("ok")
    await queue.disconnect()


async def counts():
    queue = Queue.from_url(URL)
    info = await queue.info()
    await queue.disconnect()
    return {
        "waiting": info["queued"],
        "in_flight": info["active"],
        "scheduled": info["scheduled"],
        "workers": len(info["workers"]),
        "failed": sum(worker["stats"]["failed"] for worker in info["workers"].values()),
    }


async def work():
    functions = [ok, boom, slow]
    await Worker(Queue.from_url(URL), functions=functions, concurrency=1, timers={"stats": 1}).start()


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        asyncio.run(work())
    else:
        serve({"enqueue": lambda: asyncio.run(enqueue()), "counts": lambda: asyncio.run(counts())})
