"""Lock of walrus, for ten minutes: so long a waiter sleeps that nobody wakes."""

from attempts import serve_lock
from common import URL
from walrus import Database

# A waiter sleeps in BLPOP for longer than redis-py waits for a reply by default.
lock = Database.from_url(URL, socket_timeout=None).lock("backup", ttl=600_000)

serve_lock(
    acquire=lambda: lock.acquire(block=False),
    wait=lock.acquire,
    release=lock.release,
)
