"""The lock of rqscheduler (package rq-scheduler)."""

import redis
from attempts import serve_lock
from common import URL
from rq_scheduler import Scheduler

scheduler = Scheduler(connection=redis.Redis.from_url(URL))

serve_lock(
    acquire=lambda: bool(scheduler.acquire_lock()),
    wait=lambda: None,
    release=scheduler.remove_lock,
)
