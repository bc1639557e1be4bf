"""Two forked workers without LiteLLM: `python -m tests.drivers.workers_child WHAT`, where the second worker does WHAT.

Standard output gets the workers' process ids once both are ready, and then how it ended.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from functools import partial
from typing import NoReturn

from harness.drivers.litellm_proxy.workers import Worker, fork
from harness.errors import HarnessError
from harness.lines import read
from harness.messages import ChainStart, WorkerReady, WorkerStart
from harness.part import say
from tests.plans import chain

CHAIN = chain("a", driver="litellm-proxy")


def work(what: str, number: int) -> int:
    """Be a worker: get ready, and go on until standard input ends; the second one otherwise, if asked to."""
    start = read(sys.stdin.buffer.readline(), WorkerStart)
    odd = what if number == 2 else ""
    if odd == "refuse":
        return 2
    if odd == "raise":
        raise RuntimeError("scripted")
    sys.stdout.write("a library's chatter\n")
    say(WorkerReady(model=start.host.key, addressable={}, warnings=(str(number),), lacking={}))
    if odd == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    while sys.stdin.readline():
        continue
    if odd == "linger":
        signal.pause()
    return 0


async def own(workers: list[Worker]) -> None:
    """Start the workers and end them when our own standard input ends, or when one of them dies."""
    try:
        start = WorkerStart(host=ChainStart(chain=CHAIN, base_urls={}, key="x" * 200_000))
        ready = await asyncio.gather(*(worker.start(start) for worker in workers))
        assert [len(each.model) for each in ready] == [200_000] * 2
        tell({"pids": [worker.pid for worker in workers], "numbers": [int(each.warnings[0]) for each in ready]})
        deaths = [asyncio.ensure_future(worker.died()) for worker in workers]
        end = asyncio.Event()
        asyncio.get_running_loop().add_reader(0, end.set)
        await asyncio.wait([*deaths, asyncio.ensure_future(end.wait())], return_when=asyncio.FIRST_COMPLETED)
        for death in deaths:
            if death.done():
                await death
    finally:
        await asyncio.gather(*(worker.end() for worker in workers))


def tell(message: object) -> None:
    """Write one line of JSON."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main() -> NoReturn:
    """Run to the end."""
    workers = fork(2, partial(work, sys.argv[1]))
    try:
        asyncio.run(own(workers))
        tell({"end": "well"})
    except HarnessError as error:
        tell({"end": error.problem, "code": int(error.exit_code)})
    finally:
        os._exit(0)


if __name__ == "__main__":
    main()
