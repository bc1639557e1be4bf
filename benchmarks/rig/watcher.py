"""Watches a capture folder as the runner does with `--metrics`, until standard input ends: `watcher.py FOLDER`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from harness.chain import Chain, Provider
from harness.scenario import Load, Scenario, compile_plan
from harness.watch.server import metrics_server
from harness.watch.watching import Watch


async def main(folder: Path) -> None:
    """Print the address of the metrics, and count."""
    chain = Chain(
        name="bench",
        driver="reference",
        providers={"openai": Provider(dialect="openai", model="gpt-4")},
        order=("openai",),
    )
    scenario = Scenario(name="bench", load=Load(rate=1.0, deadline=10**10), phases={"baseline": 10**9}, faults=())
    watch = Watch()
    with metrics_server(watch, "0") as url:
        async with watch.over(compile_plan(scenario, chain, ()), folder):
            sys.stdout.write(f"{url}\n")
            sys.stdout.flush()
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
