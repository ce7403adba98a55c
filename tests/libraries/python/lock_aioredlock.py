"""Lock of aioredlock with its watchdog: a lease of three seconds, renewed before two are over."""

import asyncio
import threading

from aioredlock import Aioredlock
from attempts import serve_lock
from common import URL

loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever, daemon=True).start()
held = None


def run(coroutine):
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result()


async def take(retries):
    global held
    manager = Aioredlock([URL], retry_count=retries, internal_lock_timeout=3)
    held = (manager, await manager.lock("lock:report"))
    return held[1].valid


async def release():
    manager, lock = held
    await manager.unlock(lock)


serve_lock(
    acquire=lambda: run(take(1)),
    wait=lambda: run(take(300)),
    valid=lambda: held[1].valid,
    release=lambda: run(release()),
)
