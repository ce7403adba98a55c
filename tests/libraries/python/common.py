"""What the applications of the tests share: answering the test, and a gate at which tasks wait."""

import json
import os
import sys
import time
import traceback

URL = os.environ["REDIS_URL"]


def serve(commands):
    """Answers each line of stdin, a list of a command and its arguments in JSON, with one line of JSON."""
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        try:
            answer = {"ok": commands[name](*arguments)}
        except Exception:
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), flush=True)


def wait_at_gate(redis):
    """Returns once the test has opened the gate; gives up after a minute, and when the server is gone."""
    redis.incr("gate-started")
    end = time.monotonic() + 60
    while not redis.exists("gate-open") and time.monotonic() < end:
        time.sleep(0.02)


async def wait_at_gate_async(redis):
    """The same, without blocking the loop."""
    import asyncio

    await redis.incr("gate-started")
    end = time.monotonic() + 60
    while not await redis.exists("gate-open") and time.monotonic() < end:
        await asyncio.sleep(0.02)
