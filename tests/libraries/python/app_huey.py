"""An application with Huey, by list or (`priority`) by sorted set: `driver` answers the test, `worker` works."""

import sys

import redis
from common import URL, serve, wait_at_gate
from huey import PriorityRedisHuey, RedisHuey

storage = PriorityRedisHuey if sys.argv[2:] == ["priority"] else RedisHuey
huey = storage("my-app", url=URL)


@huey.task()
def ok():
    pass


@huey.task()
def echo(what):
    return what


@huey.task()
def boom():
    raise ValueError("as asked")


@huey.task()
def slow():
    wait_at_gate(redis.Redis.from_url(URL))


def enqueue():
    slow()
    ok.schedule(delay=600)
    for _ in range(5):
        ok()


def one(task):
    task()


def counts():
    return {"waiting": huey.pending_count(), "scheduled": huey.scheduled_count()}


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        huey.create_consumer(workers=1, initial_delay=0.05, max_delay=0.1, scheduler_interval=1).run()
    else:
        commands = {"enqueue": enqueue, "counts": counts}
        serve(commands | {"one": lambda: one(ok), "slow": lambda: one(slow)})
