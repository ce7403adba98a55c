"""The lock of django-redis's cache."""

from attempts import serve_lock
from common import URL
from django.conf import settings

settings.configure(CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": URL}})

from django.core.cache import cache  # noqa: E402  it reads the settings

lock = cache.lock("report:lock", timeout=60)

serve_lock(
    acquire=lambda: lock.acquire(blocking=False),
    wait=lambda: lock.acquire(blocking=True),
    release=lock.release,
)
