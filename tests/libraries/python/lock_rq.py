"""Locks of RQ: `driver` takes that of the maintenance, `worker` has a scheduler that takes its own."""

import sys

import redis
from attempts import serve_lock
from common import URL
from rq import Queue, Worker

connection = redis.Redis.from_url(URL)
queue = Queue("default", connection=connection)

if __name__ == "__main__":
    if sys.argv[1] == "worker":
        Worker([queue], connection=connection).work(with_scheduler=True, logging_level="WARNING")
    else:
        serve_lock(
            acquire=lambda: bool(queue.acquire_maintenance_lock()),
            wait=lambda: None,
            release=queue.release_maintenance_lock,
        )
