"""Redlock of pottery, on one primary."""

import redis
from attempts import serve_lock
from common import URL
from pottery import Redlock

lock = Redlock(key="printer", masters={redis.Redis.from_url(URL)}, auto_release_time=60)

serve_lock(
    acquire=lambda: lock.acquire(blocking=False),
    wait=lambda: lock.acquire(blocking=True, timeout=60),
    extend=lock.extend,
    release=lock.release,
)
