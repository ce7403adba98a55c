"""Lock of redis-py: `lock_redis_py.py driver [TIMEOUT]`, seconds."""

import sys

import redis
from attempts import serve_lock
from common import URL

timeout = float(sys.argv[2]) if sys.argv[2:] else None
lock = redis.Redis.from_url(URL).lock("lock:reindex", timeout=timeout, thread_local=False)

serve_lock(
    acquire=lambda: lock.acquire(blocking=False),
    wait=lambda: lock.acquire(blocking=True, blocking_timeout=60),
    owned=lock.owned,
    extend=lambda: lock.extend(5),
    release=lock.release,
)
