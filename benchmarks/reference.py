"""What the reference chain costs: as a hop between a caller and a provider, and in virtual time.

The hop is measured beside a bare aiohttp proxy in front of the same mock, and the mock asked directly, in turns: what the
chain adds is held against what any Python proxy adds on this machine. The bare machine runs in a small virtual world of its
own: every second request finds its first provider failing twice. The whole engine runs a scenario without faults.
"""

from __future__ import annotations

import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rig.bare_proxy import ProxyReady, ProxyStart
from rig.result import Row, limited, quantile, tell
from rig.servers import ROOT, Server, cores, edge, latencies_s, part

from harness.chain import Chain, Provider, ReplySpec, Retry
from harness.chain.policy import Policy
from harness.chain.reference import Done, RequestMachine, Result, SendAttempt, Shared
from harness.drivers.host import host
from harness.experiment.prepare import load
from harness.messages import ChainStart, LoadTarget
from harness.sim import run

RATIO_MAX = 2.5
"""Latency added by the chain / by the bare proxy. An absolute aim said more about the machine than about the chain."""
STEPS_PER_S = 200_000
REQUESTS_PER_S = 20_000
RATE_PER_S = 100.0
ROUNDS = 12
PASS_S = 1.5
BARE_S = 2.0
_SCENARIO = """
name: steady
chain: chain.yaml
load: {rate: 100/s, deadline: 10s}
phases: {steady: 60s}
faults: []
"""
_CHAIN = """
name: reference
driver: reference
providers:
  openai: {dialect: openai, model: gpt-4}
  azure: {dialect: azure, model: gpt-4}
order: [openai, azure]
"""


@contextmanager
def chain_host(folder: Path, upstream: Server) -> Iterator[Server]:
    """Run the reference chain as a live run does, in front of one provider, every attempt recorded."""
    provider = Provider(dialect="openai", model="gpt-4")
    chain = Chain(name="bench", driver="reference", providers={"gpt-4": provider}, order=("gpt-4",))
    base_urls = {"gpt-4": f"http://127.0.0.1:{upstream.port}"}
    capture = folder / "chain"
    capture.mkdir()
    command = host(chain).part
    assert command is not None
    with part(command, ChainStart(chain=chain, base_urls=base_urls, capture=str(capture)), LoadTarget) as found:
        yield Server("reference", _port(found[1].base_url), found[0])


@contextmanager
def bare_proxy(upstream: Server) -> Iterator[Server]:
    """Run a bare aiohttp proxy in front of the same provider."""
    command = [sys.executable, str(ROOT / "benchmarks" / "rig" / "bare_proxy.py")]
    with part(command, ProxyStart(base_url=f"http://127.0.0.1:{upstream.port}"), ProxyReady) as (process, ready):
        yield Server("proxy", _port(ready.base_url), process)


def _port(base_url: str) -> int:
    return int(base_url.split(":")[2].split("/", maxsplit=1)[0])


def hop() -> list[Row]:
    """Return what the hop adds, in the quietest pass of each: a busy neighbour on the machine must not decide."""
    passes: dict[str, list[list[float]]] = {"direct": [], "bare proxy": [], "through": []}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "edge").mkdir()
        direct = stack.enter_context(edge(folder / "edge"))
        servers = {
            "direct": direct,
            "bare proxy": stack.enter_context(bare_proxy(direct)),
            "through": stack.enter_context(chain_host(folder, direct)),
        }
        os.sched_setaffinity(0, cores()[1])
        for server in servers.values():
            latencies_s(server.port, 1.0, RATE_PER_S)
        for _ in range(ROUNDS):
            for name, server in servers.items():
                passes[name].append(latencies_s(server.port, PASS_S, RATE_PER_S))
    found = []
    for name, lists in passes.items():
        every_ms = [one * 1e3 for each in lists for one in each]
        found.append(Row(what=f"{name}, p50", measured=quantile(every_ms, 0.5), unit="ms"))
        found.append(Row(what=f"{name}, p99", measured=quantile(every_ms, 0.99), unit="ms"))
    quietest = {name: min(quantile(each, 0.5) for each in lists) * 1e3 for name, lists in passes.items()}
    by_proxy, by_chain = (quietest[name] - quietest["direct"] for name in ("bare proxy", "through"))
    ratio = by_chain / by_proxy if by_proxy > 0 else math.inf  # on a machine too busy to measure it
    return [
        *found,
        Row(what="added by a bare proxy, p50", measured=by_proxy, unit="ms"),
        Row(what="added by the chain, p50", measured=by_chain, unit="ms"),
        limited("added by the chain / by a bare proxy", ratio, "×", RATIO_MAX),
    ]


def bare() -> list[Row]:
    """Return how fast the machine alone is."""
    providers = {name: Provider(dialect="openai", model="gpt-4", reply=ReplySpec()) for name in ("openai", "azure")}
    chain = Chain(
        name="bench",
        driver="reference",
        providers=providers,
        order=tuple(providers),
        policy=Policy(budget=None),
        retry=Retry(attempts=2),
    )
    shared = Shared(chain, seed=1)
    steps = requests = 0
    begin_s = time.perf_counter()
    now_ns = 0
    while time.perf_counter() < begin_s + BARE_S:
        for number in range(1000):
            requests += 1
            steps += _walk(shared, f"req-{requests:06d}", now_ns, sick=number % 2 == 0)
            now_ns += 10**7
    took_s = time.perf_counter() - begin_s
    return [
        _at_least("the machine alone, steps", steps / took_s, "steps/s", STEPS_PER_S),
        _at_least("the machine in a virtual world", requests / took_s, "requests/s", REQUESTS_PER_S),
    ]


def _walk(shared: Shared, name: str, now_ns: int, *, sick: bool) -> int:
    """Play one request; return its steps."""
    request = RequestMachine(shared, name=name, start_ns=now_ns)
    steps = 0
    result = None
    under_way: Result | None = None
    while True:
        action = request.step(now_ns, result)
        steps += 1
        result = None
        if isinstance(action, SendAttempt):
            failed = sick and action.provider == "openai"
            under_way = Result(action.attempt, "server_error" if failed else None, 503 if failed else 200)
        elif isinstance(action, Done):
            return steps
        elif under_way is not None:
            now_ns += 10**6
            result, under_way = under_way, None
        else:
            now_ns = action.until_ns


def engine() -> list[Row]:
    """Return how many requests a second the whole simulation carries: callers, chain, providers, records."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "chain.yaml").write_text(_CHAIN)
        scenario = Path(folder) / "scenario.yaml"
        scenario.write_text(_SCENARIO)
        loaded = load(scenario)
        run(loaded.plan, loaded.chain)
        rates = []
        for _ in range(3):
            begin_s = time.perf_counter()
            history = run(loaded.plan, loaded.chain).history
            rates.append(len(history.requests) / (time.perf_counter() - begin_s))
    return [Row(what="the whole engine, history included", measured=max(rates), unit="requests/s")]


def _at_least(what: str, measured: float, unit: str, target: float) -> Row:
    return Row(what=what, measured=measured, unit=unit, target=f">= {target:,.0f}", met=measured >= target)


def measure() -> list[Row]:
    """Return all of it; the hop last, as it pins this process to a core."""
    return [*bare(), *engine(), *hop()]


if __name__ == "__main__":
    tell("reference", measure)
