"""An application with arq: `driver` answers the test, `worker` works."""

import asyncio
import sys
from collections import Counter

from arq import create_pool, run_worker
from arq.connections import RedisSettings
from arq.jobs import Job
from common import URL, serve, wait_at_gate_async

SETTINGS = RedisSettings.from_dsn(URL)


async def ok(_):
    pass


async def boom(_, words):
    raise ValueError(words)


async def slow(context):
    await wait_at_gate_async(context["redis"])


class WorkerSettings:
    functions = [ok, boom, slow]
    redis_settings = SETTINGS
    max_jobs = 1
    poll_delay = 0.05
    health_check_interval = 1


async def enqueue():
    pool = await create_pool(SETTINGS)
    await pool.enqueue_job("slow")
    await pool.enqueue_job("ok", _defer_by=600)
    for _ in range(5):
        await pool.enqueue_job("ok")
    await pool.aclose()


async def counts():
    pool = await create_pool(SETTINGS)
    ids = [key.decode() for key in await pool.zrange("arq:queue", 0, -1)]
    states = Counter([(await Job(id, pool).status()).value for id in ids])
    await pool.aclose()
    return {"waiting": states["queued"], "in_flight": states["in_progress"], "scheduled": states["deferred"]}


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        asyncio.set_event_loop(asyncio.new_event_loop())
        run_worker(WorkerSettings)
    else:
        serve({"enqueue": lambda: asyncio.run(enqueue()), "counts": lambda: asyncio.run(counts())})
