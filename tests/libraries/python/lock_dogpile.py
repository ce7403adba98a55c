"""The mutex of dogpile.cache's redis backend."""

from attempts import serve_lock
from common import URL
from dogpile.cache import make_region

region = make_region().configure("dogpile.cache.redis", arguments={"url": URL, "distributed_lock": True})
mutex = region.backend.get_mutex("report")

serve_lock(
    acquire=lambda: mutex.acquire(wait=False),
    wait=lambda: mutex.acquire(wait=True),
    release=mutex.release,
)
