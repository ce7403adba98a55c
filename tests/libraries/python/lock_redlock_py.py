"""Lock of redlock-py, on one primary."""

from attempts import serve_lock
from common import URL
from redlock import Redlock

held = None


def take(retries):
    global held
    held = Redlock([URL], retry_count=retries).lock("lock:my_resource", 60_000)
    return bool(held)


serve_lock(
    acquire=lambda: take(1),
    wait=lambda: take(300),
    release=lambda: Redlock([URL]).unlock(held),
)
