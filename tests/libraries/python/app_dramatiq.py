"""An application with dramatiq: `driver` answers the test, `worker` works."""

import signal
import sys

import dramatiq
import redis
from common import URL, serve, wait_at_gate
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url=URL)
dramatiq.set_broker(broker)


@dramatiq.actor
def ok():
    pass


@dramatiq.actor(max_retries=0)
def boom():
    raise ValueError("as asked")


@dramatiq.actor
def slow():
    wait_at_gate(redis.Redis.from_url(URL))


@dramatiq.actor(max_retries=0)
def flaky(name):
    if not redis.Redis.from_url(URL).exists("mended"):
        raise ValueError("not yet")


def flakies(names):
    for name in names:
        flaky.send(name)


def enqueue():
    boom.send()
    slow.send()
    ok.send_with_options(delay=600_000)
    for _ in range(5):
        ok.send()


def counts():
    return {"size": broker.do_qsize("default")}


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        worker = dramatiq.Worker(broker, worker_threads=1)
        worker.start()
        signal.sigwait([signal.SIGTERM])
        worker.stop(timeout=1000)
    else:
        serve({"enqueue": enqueue, "counts": counts, "flakies": flakies})
