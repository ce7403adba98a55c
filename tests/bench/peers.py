"""Peers of the worker in Python: `brpop PORT N` pops N tasks of the list `jobs`, `rq-simple` and `rq` enqueue N tasks
that do nothing and work them off, in the worker's own process or forking for each as RQ does by default.
Prints how many seconds the work took, the filling left out."""

import logging
import sys
import time

import redis

who, port, n = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
r = redis.Redis(port=port)
logging.disable(logging.CRITICAL)

if who == "brpop":
    begun = time.perf_counter()
    for _ in range(n):
        assert r.brpop("jobs", timeout=10)
else:
    import rq

    queue = rq.Queue(connection=r)
    for _ in range(n):
        queue.enqueue("math.floor", 1, result_ttl=0)
    kind = rq.SimpleWorker if who == "rq-simple" else rq.Worker
    worker = kind([queue], connection=r)
    begun = time.perf_counter()
    worker.work(burst=True)
    assert queue.count == 0 and queue.failed_job_registry.count == 0
print(time.perf_counter() - begun)
