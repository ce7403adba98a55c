"""Redlock of pottery: `lock_pottery.py driver [PORT...]`, the ports of further primaries."""

import sys

import redis
from attempts import serve_lock
from common import URL
from pottery import Redlock

masters = {redis.Redis.from_url(URL), *(redis.Redis(port=int(port)) for port in sys.argv[2:])}
lock = Redlock(key="printer", masters=masters, auto_release_time=60)

serve_lock(
    acquire=lambda: lock.acquire(blocking=False),
    wait=lambda: lock.acquire(blocking=True, timeout=60),
    extend=lock.extend,
    release=lock.release,
)
