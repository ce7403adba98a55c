"""A task of celery-once that is queued once at a time."""

from attempts import attempt
from celery import Celery
from celery_once import QueueOnce
from common import URL, serve

app = Celery("lock_celery_once", broker=URL)
app.conf.ONCE = {"backend": "celery_once.backends.Redis", "settings": {"url": URL, "default_timeout": 600}}


@app.task(base=QueueOnce, name="report")
def report(year):
    pass


def queue():
    report.delay(2026)
    return "queued"


def end():
    """What a worker does when the task has ended."""
    report.after_return(None, None, None, (2026,), {}, None)


serve({"queue": lambda: attempt(queue), "end": lambda: attempt(end)})
