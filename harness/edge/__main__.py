"""The edge as a part of a live run: `python -m harness.edge`.

Start message: `capture` (a folder), `token`, `seed`, `providers`, `windows`, `listen`; for real providers `keys`, by
provider, and `budget` (`requests`, `usd`). Ready message: `ports`. Later messages: `budget`, why no more calls are made.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from harness import part
from harness.chain import Provider
from harness.edge import Edge
from harness.edge.budget import CallBudget
from harness.edge.clock import FineLoops
from harness.scenario import Window
from harness.store import decode, encode


@asynccontextmanager
async def serve(tie: part.ChildProcess) -> AsyncIterator[dict[str, Any]]:
    """Open the ports that the start message asks for, until the runner lets go."""
    config = tie.config
    edge = Edge(
        decode(encode(config["providers"]), dict[str, Provider]),
        seed=config["seed"],
        token=config["token"],
        windows=decode(encode(config["windows"]), tuple[Window, ...]),
        listen=config["listen"],
        capture=tie.capture,
        keys=config.get("keys"),
        budget=CallBudget(**config.get("budget", {}), reached=_tell_budget),
    )

    def begin(message: dict[str, Any]) -> None:
        edge.begin(message["origin_ns"])

    async with edge:
        tie.on_message = begin
        yield {"ports": edge.ports}


def _tell_budget(why: str) -> None:
    sys.stdout.write(json.dumps({"budget": why}) + "\n")
    sys.stdout.flush()


def main() -> NoReturn:
    """Run the edge."""
    asyncio.set_event_loop_policy(FineLoops())
    part.main("edge", serve)


if __name__ == "__main__":
    main()
