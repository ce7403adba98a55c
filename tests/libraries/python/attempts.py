"""Locks of a library on behalf of the test: what blocks runs in a thread, so that the program goes on answering."""

import threading

from common import serve


def name_of(error):
    return type(error).__name__


def attempt(call):
    """What became of a call: what it returned, or the name of the exception."""
    try:
        return call()
    except Exception as error:
        return name_of(error)


class Attempt:
    """A call that may block."""

    def __init__(self):
        self.outcome = None

    def start(self, call):
        def run():
            self.outcome = attempt(call)

        threading.Thread(target=run, daemon=True).start()


def serve_lock(acquire, wait, **others):
    """`acquire` takes the lock at once or not at all, `wait` blocks until it has it; both say if they got it."""
    waiting = Attempt()
    serve(
        {
            "acquire": lambda: attempt(acquire),
            "wait": lambda: waiting.start(wait),
            "waited": lambda: waiting.outcome,
            **{name: lambda call=call: attempt(call) for name, call in others.items()},
        }
    )
