"""What `/metrics` costs the edge: CPU time of an attempt while the run is watched and scraped each second, next to the same alone.

The edge does nothing for it, and this shows that it does not. `harness serve` has no run that could be watched: it notes how
each attempt ended when it is asked for metrics. Passes alternate, so that a busy machine is busy for both.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rig.result import Row, limited, tell
from rig.servers import Server, cores, edge, free_port, started, throughput_per_s, wait_for

ROUNDS = 9
PASS_S = 1.5
SETTLE_S = 1.0
RATIO_MAX = 1.02
"""At most 2 % more."""
CHAIN = """\
name: bench
driver: reference
providers:
  openai: {dialect: openai, model: gpt-4, reply: {ttft: 0ms, tokens: 6, tokens_per_second: 0}}
order: [openai]
"""


@contextmanager
def scraped(url: str) -> Iterator[None]:
    """Scrape each second, until leaving."""
    ended = threading.Event()

    def scrape() -> None:
        while not ended.wait(1.0):
            urllib.request.urlopen(url, timeout=10).read()  # noqa: S310

    thread = threading.Thread(target=scrape)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Watch a capture folder in a process of its own, and scrape that."""
    command = [sys.executable, str(Path(__file__).parent / "rig" / "watcher.py"), str(folder)]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        os.sched_setaffinity(process.pid, cores()[1])
        try:
            with scraped(process.stdout.readline().decode().strip()):
                yield
        finally:
            process.stdin.close()
            process.wait(60)


@contextmanager
def serving(folder: Path, *, metrics: bool) -> Iterator[Server]:
    """Run `harness serve`, with metrics and somebody who scrapes them, or without."""
    (folder / "chain.yaml").write_text(CHAIN)
    port, at = free_port(), free_port()
    command = [sys.executable, "-m", "harness", "serve", str(folder / "chain.yaml"), "--port", str(port)]
    with started([*command, *(["--metrics", str(at)] if metrics else [])], stdout=subprocess.DEVNULL) as process:
        wait_for(port, process)
        with scraped(f"http://127.0.0.1:{at}/metrics") if metrics else threading.Lock():
            yield Server("serve", port, process)


def cost_us(server: Server) -> float:
    """Return the CPU time of an attempt, in microseconds."""
    before_s = server.cpu_s()
    rate = throughput_per_s(server.port, PASS_S)
    return (server.cpu_s() - before_s) / (rate * PASS_S) * 1e6


def _ratio(ones: list[float], others: list[float]) -> float:
    """Return the median ratio of passes that followed each other."""
    return statistics.median(one / other for one, other in zip(ones, others, strict=True))


def measure() -> list[Row]:
    """Return the CPU time of an attempt with and without metrics, and the ratios."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for name in ("alone", "watched"):
            (folder / name).mkdir()
        run = stack.enter_context(edge(folder / "alone"))
        other = stack.enter_context(edge(folder / "watched"))
        stack.enter_context(watched(folder / "watched"))
        plain = stack.enter_context(serving(folder, metrics=False))
        metered = stack.enter_context(serving(folder, metrics=True))
        os.sched_setaffinity(0, cores()[1])
        for server in (run, other, plain, metered):
            throughput_per_s(server.port, 1.0)  # compilers warm up
        alone: list[float] = []
        beside: list[float] = []
        without: list[float] = []
        including: list[float] = []
        for _ in range(ROUNDS):
            alone.append(cost_us(run))
            beside.append(cost_us(other))
            time.sleep(SETTLE_S)  # until what was read of it is counted
            without.append(cost_us(plain))
            including.append(cost_us(metered))
    return [
        Row(what="edge of a run, CPU", measured=statistics.median(alone), unit="µs each"),
        Row(what="edge of a run that is watched and scraped, CPU", measured=statistics.median(beside), unit="µs each"),
        limited("watched / alone", _ratio(beside, alone), "×", RATIO_MAX),
        Row(what="serve, CPU", measured=statistics.median(without), unit="µs each"),
        Row(what="serve --metrics, CPU", measured=statistics.median(including), unit="µs each"),
        Row(what="serve --metrics / serve", measured=_ratio(including, without), unit="×"),
    ]


if __name__ == "__main__":
    tell("metrics_cost", measure)
