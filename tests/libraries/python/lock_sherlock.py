"""Lock of sherlock."""

import redis
from attempts import serve_lock
from common import URL
from sherlock import RedisLock

lock = RedisLock("lock:cleanup", client=redis.Redis.from_url(URL), expire=60, timeout=60, retry_interval=0.1)

serve_lock(
    acquire=lambda: lock.acquire(False),
    wait=lambda: lock.acquire(True),
    release=lock.release,
)
