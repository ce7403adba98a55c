"""Lock of redis-py: `lock_redis_py.py driver [TIMEOUT [CLIENT KEY]]`, seconds. A named client says so in its token."""

import os
import sys
import uuid

import redis
from attempts import serve_lock
from common import URL

timeout = float(sys.argv[2]) if sys.argv[2:] else None
client, key = sys.argv[3:5] if sys.argv[4:] else (None, "lock:reindex")
token = f"{client}:{os.getpid()}:{uuid.uuid4()}" if client else None
lock = redis.Redis.from_url(URL, client_name=client).lock(key, timeout=timeout, thread_local=False)

serve_lock(
    acquire=lambda: lock.acquire(blocking=False, token=token),
    wait=lambda: lock.acquire(blocking=True, blocking_timeout=60),
    owned=lock.owned,
    extend=lambda: lock.extend(5),
    release=lock.release,
)
