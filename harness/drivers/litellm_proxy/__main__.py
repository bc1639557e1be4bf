"""The chain host of a live run: `python -m harness.drivers.litellm_proxy WORKERS [PORT]`, a part that owns the workers.

LiteLLM is imported once, before the workers are forked: it takes seconds of a core.
"""

from __future__ import annotations

import os
import socket
import sys
from functools import partial
from typing import NoReturn

from harness import part
from harness.drivers.litellm_proxy import worker
from harness.drivers.litellm_proxy.host import serve
from harness.drivers.litellm_proxy.workers import fork
from harness.drivers.litellm_router.router import silence
from harness.messages import ChainStart

_BACKLOG = 2048  # uvicorn's own


def main() -> NoReturn:
    """Run the host."""
    worker.seclude(os.environ)
    silence()
    from litellm.proxy import proxy_server  # noqa: F401, PLC0415 - takes seconds, which pass while the other parts start

    workers_wanted, port = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with socket.create_server(("127.0.0.1", port), backlog=_BACKLOG) as listener:
        workers = fork(workers_wanted, partial(worker.main, listener))
        part.main("chain", ChainStart, partial(serve, workers, listener.getsockname()[1]))


if __name__ == "__main__":
    main()
