"""The edge as a process of a live run: `python -m harness.edge`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from harness import part
from harness.edge import Edge
from harness.edge.budget import CallBudget
from harness.edge.clock import FineLoops
from harness.messages import BudgetSpent, EdgeReady, EdgeStart


@asynccontextmanager
async def serve(child: part.ChildProcess[EdgeStart]) -> AsyncIterator[EdgeReady]:
    """Open the ports that the start message asks for, until the runner lets go."""
    start = child.start
    edge = Edge(
        start.providers,
        seed=start.seed,
        token=start.token,
        windows=start.windows,
        callers=start.callers,
        listen=start.listen,
        capture=child.capture,
        keys=start.keys,
        secrets=start.secrets,
        budget=CallBudget(
            requests=start.max_requests, usd=start.max_usd, reached=lambda why: part.say(BudgetSpent(why=why))
        ),
    )
    child.on_begin = lambda begin: edge.begin(begin.origin_ns)
    async with edge:
        yield EdgeReady(ports=edge.ports)


def main() -> NoReturn:
    """Run the edge."""
    asyncio.set_event_loop_policy(FineLoops())
    part.main("edge", EdgeStart, serve)


if __name__ == "__main__":
    main()
