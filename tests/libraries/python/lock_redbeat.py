"""celery beat with redbeat: `driver` answers the test, `worker` is a beat that looks every second."""

import sys

from celery import Celery
from common import URL, serve

app = Celery("lock_redbeat", broker=URL)
app.conf.update(redbeat_redis_url=URL, beat_max_loop_interval=1, redbeat_lock_timeout=30)

if __name__ == "__main__":
    if sys.argv[1] == "worker":
        app.start(["beat", "--scheduler=redbeat.RedBeatScheduler", "--loglevel=CRITICAL", "--pidfile="])
    else:
        serve({})
