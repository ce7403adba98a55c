"""An application with RQ: `driver` answers the test, `worker` works."""

import os
import sys
from datetime import timedelta

import redis
from common import URL, serve, wait_at_gate

CONNECTION = redis.Redis.from_url(URL)


def ok():
    pass


def boom():
    raise ValueError("as asked")


def slow():
    wait_at_gate(CONNECTION)


def locked():
    """Holds a lock in the name of its job, and one in that of its worker, as long as it runs."""
    from rq import get_current_job

    job = get_current_job()
    CONNECTION.set("lock:by-job", job.id, px=600_000)
    CONNECTION.set("lock:by-worker", f"{job.worker_name}:{job.id}", px=600_000)
    CONNECTION.set("pid-of-job", os.getpid())
    wait_at_gate(CONNECTION)


def flaky():
    if not CONNECTION.exists("mended"):
        raise ValueError("not yet")


def serializer():
    return "json" if "json" in sys.argv else None


def queue():
    from rq import Queue

    return Queue("default", connection=CONNECTION, serializer=serializer())


def one():
    return queue().enqueue("app_rq.ok").id


def successful():
    from rq import Worker

    return [worker.successful_job_count for worker in Worker.all(connection=CONNECTION)]


def lock():
    return queue().enqueue("app_rq.locked").id


def enqueue():
    q = queue()
    q.enqueue("app_rq.boom")
    first = q.enqueue("app_rq.ok")
    held = q.enqueue("app_rq.slow")
    for _ in range(5):
        q.enqueue("app_rq.ok")
    q.enqueue("app_rq.ok", depends_on=held)
    q.enqueue_in(timedelta(minutes=10), "app_rq.ok")
    return first.id


def size(registry):
    """Its jobs; before RQ 2 a registry cannot count without cleaning up."""
    return registry.get_job_count(cleanup=False) if hasattr(registry, "get_job_count") else len(registry)


def counts():
    from rq import Worker

    q = queue()
    return {
        "waiting": q.count,
        "in_flight": size(q.started_job_registry),
        "scheduled": size(q.scheduled_job_registry),
        "failed": size(q.failed_job_registry),
        "deferred": size(q.deferred_job_registry),
        "finished": size(q.finished_job_registry),
        "workers": Worker.count(connection=CONNECTION),
    }


def flakies(ids):
    for id in ids:
        queue().enqueue("app_rq.flaky", job_id=id)


def requeue(id):
    queue().failed_job_registry.requeue(id)


def fields(id):
    """What a job's hash says, without its times and what is empty."""
    known = {key.decode(): value for key, value in CONNECTION.hgetall("rq:job:" + id).items()}
    text = {key: value.decode() for key, value in known.items() if key not in ("data", "exc_info", "meta")}
    times = ("created_at", "enqueued_at", "last_heartbeat")
    return {key: value for key, value in text.items() if value and key not in times}


def states():
    mine = counts()
    return {key: mine[key] for key in ("waiting", "in_flight", "failed", "finished")}


def suspend(on):
    from rq.suspension import resume, suspend

    (suspend if on else resume)(CONNECTION)


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        from rq import Worker

        name = "importer-1" if "named" in sys.argv else "w1"
        Worker([queue()], connection=CONNECTION, name=name, serializer=serializer()).work(logging_level="WARNING")
    else:
        serve(
            {
                "enqueue": enqueue,
                "counts": counts,
                "suspend": suspend,
                "one": one,
                "lock": lock,
                "successful": successful,
                "flakies": flakies,
                "requeue": requeue,
                "fields": fields,
                "states": states,
            }
        )
