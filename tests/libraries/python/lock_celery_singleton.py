"""A task of celery-singleton: queued again it is the one that is queued already."""

from attempts import attempt
from celery import Celery
from celery_singleton import Singleton
from common import URL, serve

app = Celery("lock_celery_singleton", broker=URL, backend=URL)
app.conf.singleton_backend_url = URL


@app.task(base=Singleton, name="report")
def report(year):
    pass


serve({"queue": lambda: attempt(lambda: report.delay(2026).id)})
