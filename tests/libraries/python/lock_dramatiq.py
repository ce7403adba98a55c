"""ConcurrentRateLimiter of dramatiq with two permits; each process takes one."""

from attempts import serve_lock
from common import URL
from dramatiq.rate_limits import ConcurrentRateLimiter
from dramatiq.rate_limits.backends import RedisBackend

limiter = ConcurrentRateLimiter(RedisBackend(url=URL), "lock:exports", limit=2)
held = []


def take():
    held.append(limiter.acquire())
    return held[-1].__enter__()


serve_lock(
    acquire=take,
    wait=lambda: None,
    release=lambda: held.pop().__exit__(None, None, None),
)
