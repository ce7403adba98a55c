"""Lock of redlock (the package of that name), on one primary."""

import redis
from attempts import serve_lock
from common import URL
from redlock import RedLock

PLACE = [redis.Redis.from_url(URL)]
once = RedLock("lock:distributed", connection_details=PLACE, retry_times=1)
patient = RedLock("lock:distributed", connection_details=PLACE, retry_times=300)
held = None


def take(lock):
    global held
    held = lock
    return lock.acquire()


serve_lock(
    acquire=lambda: bool(take(once)),
    wait=lambda: bool(take(patient)),
    release=lambda: held.release(),
)
