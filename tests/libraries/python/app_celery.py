"""An application with Celery: `driver` answers the test, `worker` works."""

import sys

import redis
from celery import Celery
from common import URL, serve, wait_at_gate

app = Celery("app_celery", broker=URL, backend=URL if "results" in sys.argv else None)
# Acknowledged when done: then what the broker holds as unacknowledged is all that workers have.
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=4, task_track_started="results" in sys.argv, broker_connection_retry_on_startup=True)
# Every key of the application begins so, those of the results with an option of their own.
PREFIX = {"global_keyprefix": "shop_"} if "prefix" in sys.argv else {}
app.conf.update(broker_transport_options=PREFIX, result_backend_transport_options=PREFIX)


@app.task(name="app_celery.ok")
def ok():
    pass


@app.task(name="app_celery.slow")
def slow():
    wait_at_gate(redis.Redis.from_url(URL))


@app.task(name="app_celery.locked", bind=True)
def locked(self):
    """Holds a lock in the name of its task."""
    client = redis.Redis.from_url(URL)
    client.set("lock:by-task", self.request.id, px=600_000)
    wait_at_gate(client)


def enqueue():
    slow.delay()
    ok.apply_async(countdown=600)
    for _ in range(8):
        ok.delay()
    ok.apply_async(priority=9)


def waiting():
    with app.connection_for_read() as connection:
        return connection.default_channel.queue_declare("celery").message_count


def counts():
    inspect = app.control.inspect(timeout=5.0, limit=1)
    figures = [inspect.active(), inspect.reserved(), inspect.scheduled()]
    held = [sum(len(tasks) for tasks in (figure or {}).values()) for figure in figures]
    return {"waiting": waiting(), "active": held[0], "held": sum(held), "workers": len(inspect.ping() or {})}


def ran():
    """How often each task was run by the worker."""
    stats = app.control.inspect(timeout=5.0, limit=1).stats() or {}
    return next((worker["total"] for worker in stats.values()), None)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        options = ["--pool=threads", "--concurrency=1", "--hostname=w1@host", "--loglevel=ERROR"]
        app.worker_main(["worker", *options])
    else:
        serve({"enqueue": enqueue, "waiting": waiting, "counts": counts, "ran": ran, "lock": lambda: locked.delay().id})
