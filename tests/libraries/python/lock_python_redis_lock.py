"""Lock of python-redis-lock: `lock_python_redis_lock.py driver [EXPIRE]`, seconds; then it is renewed."""

import sys

import redis
import redis_lock
from attempts import serve_lock
from common import URL

expire = int(sys.argv[2]) if sys.argv[2:] else None
# It sleeps in BLPOP for longer than redis-py waits for a reply by default.
client = redis.Redis.from_url(URL, socket_timeout=None)
lock = redis_lock.Lock(client, "orders", expire=expire, auto_renewal=expire is not None)


def renews():
    thread = lock._lock_renewal_thread
    return thread is not None and thread.is_alive()


serve_lock(
    acquire=lambda: lock.acquire(blocking=False),
    wait=lambda: lock.acquire(blocking=True),
    renews=renews,
    release=lambda: lock.release(),
)
