"""Task locks of huey: `lock_huey.py driver [expire]`; with `expire` results and locks are keys of their own."""

import sys

from attempts import attempt, name_of
from common import URL, serve
from huey import RedisExpireHuey, RedisHuey

storage = RedisExpireHuey if sys.argv[2:] == ["expire"] else RedisHuey
huey = storage("my-app", url=URL)
locks = {}


def acquire(name):
    lock = locks.setdefault(name, huey.lock_task(name))
    try:
        lock.__enter__()
    except Exception as error:
        return name_of(error)
    return True


serve(
    {
        "acquire": acquire,
        "is_locked": lambda name: huey.is_locked(name),
        "leave": lambda name: attempt(lambda: locks[name].__exit__(None, None, None)),
        "store": lambda key, value: huey.put(key, value),
        "stored": lambda key: huey.get(key, peek=True),
    }
)
