"""What the edge's pass-through adds to a real provider's latency: the same upstream called directly and through the edge.

The upstream is a bare aiohttp server. Requests go out at a fixed pace and count from their intended start. Passes alternate.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rig.bare_server import BareReady, BareStart
from rig.result import Row, limited, quantile, tell
from rig.servers import ROOT, Server, cores, edge, latencies_s, part

TARGET_MS = 1.0
RATE_PER_S = 100.0
ROUNDS = 6
PASS_S = 2.5


@contextmanager
def upstream() -> Iterator[Server]:
    """Run a bare server in the provider's place."""
    command = [sys.executable, str(ROOT / "benchmarks" / "rig" / "bare_server.py")]
    with part(command, BareStart(status=200), BareReady) as (process, ready):
        yield Server("direct", int(ready.base_url.split(":")[2].split("/")[0]), process)


def measure() -> list[Row]:
    """Return both latencies and, pass by pass, what the edge adds."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        direct = stack.enter_context(upstream())
        through = stack.enter_context(edge(folder, upstream=f"http://127.0.0.1:{direct.port}/v1"))
        os.sched_setaffinity(0, cores()[1])
        passes: dict[str, list[list[float]]] = {"direct": [], "through": []}
        for port in (direct.port, through.port):
            latencies_s(port, 1.0, RATE_PER_S)
        for _ in range(ROUNDS):
            passes["direct"].append(latencies_s(direct.port, PASS_S, RATE_PER_S))
            passes["through"].append(latencies_s(through.port, PASS_S, RATE_PER_S))
    return rows(passes["direct"], passes["through"])


def rows(direct: list[list[float]], through: list[list[float]]) -> list[Row]:
    """Return the numbers; what is added is the median of the passes' differences."""
    found = []
    for name, lists in (("direct", direct), ("through the edge", through)):
        every_ms = [one * 1e3 for each in lists for one in each]
        found.append(Row(what=f"{name}, p50", measured=quantile(every_ms, 0.5), unit="ms"))
        found.append(Row(what=f"{name}, p99", measured=quantile(every_ms, 0.99), unit="ms"))
    pairs = list(zip(direct, through, strict=True))
    added = {
        share: statistics.median((quantile(mine, share) - quantile(bare, share)) * 1e3 for bare, mine in pairs)
        for share in (0.5, 0.99)
    }
    ratio = statistics.median(quantile(mine, 0.5) / quantile(bare, 0.5) for bare, mine in pairs)
    found.append(limited("added by the pass-through, p50", added[0.5], "ms", TARGET_MS))
    found.append(Row(what="added by the pass-through, p99", measured=added[0.99], unit="ms"))
    found.append(Row(what="through the edge / direct, p50", measured=ratio, unit="×"))
    return found


if __name__ == "__main__":
    tell("passthrough", measure)
