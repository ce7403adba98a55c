"""Lock of portalocker: a connection that listens to a channel."""

import redis
from attempts import serve_lock
from common import URL
from portalocker import RedisLock

lost = []
lock = RedisLock(
    "nightly",
    connection=redis.Redis.from_url(URL),
    timeout=60,
    check_interval=0.1,
    fail_when_locked=False,
    on_lost=lambda _: lost.append(True),
    interrupt_on_lost=False,
)


def take(timeout):
    return lock.acquire(timeout=timeout) is not None


serve_lock(
    acquire=lambda: take(0),
    wait=lambda: take(60),
    lost=lambda: bool(lost),
    release=lock.release,
)
