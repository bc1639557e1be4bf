"""How much faster than live a simulated run is, and what LiteLLM takes of it.

The catalogue's chats, each scenario once, on LiteLLM's Router and on the reference chain: the sum of their own lengths over
the processor time that the engine took, which never waits. Imports, judging and the report page are reported separately. Then
callers who come one after the other to three providers that are down, so that the chain waits its full backoff; and a busy
outage with and without the work that harness/drivers/litellm_router/fast.py leaves out, in turns, the best of three passes
each.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from rig.result import Row, tell

from harness import sim
from harness.document import read
from harness.experiment.prepare import Loaded, load
from harness.history import History
from harness.judge import RunData, judge
from harness.report.notebook import write_report

ROOT = Path(__file__).parents[1]
CATALOGUE = ROOT / "scenarios" / "catalogue"
SAMPLE = ROOT / "reports" / "samples" / "primary-429"
PASSES = 3
REFERENCE = """\
name: reference
driver: reference
providers:
  openai: {dialect: openai, model: gpt-4, reply: {ttft: 300ms, tokens: 60, tokens_per_second: 80}}
  azure: {dialect: azure, model: gpt-4}
  anthropic: {dialect: anthropic, model: claude-3-5-sonnet-20241022}
order: [openai, azure, anthropic]
retry: {attempts: 3, backoff: exponential}
timeout: 30s
"""
DOWN = """\
name: down
title: Everything is down
chain: {chain}
load: {{rate: {rate}, arrivals: constant, deadline: 60s}}
phases: {{fault: {length_s}s}}
faults:
  - {{on: all, during: fault, inject: {{status: 503}}}}
expect: []
"""


def timed(loaded: Loaded, *, optimised: bool = True) -> tuple[float, History]:
    """Return how many seconds the engine took, of the processor: it never waits, and a neighbour's work is not its own."""
    began = time.process_time()
    ran = sim.run(loaded.plan, loaded.chain, optimised=optimised)
    return time.process_time() - began, ran.history


def ratio(found: list[Loaded]) -> tuple[float, float]:
    """Return how many times faster than live, whose runs take at least their own lengths, these are together.

    And how long the judge took for each, in seconds of the processor.
    """
    engine_s = judge_s = 0.0
    for loaded in found:
        took_s, history = timed(loaded)
        engine_s += took_s
        began = time.process_time()
        judge(RunData.of(loaded.plan, history))
        judge_s += time.process_time() - began
    return sum(loaded.plan.end_ns / 1e9 for loaded in found) / engine_s, judge_s / len(found)


def page_s(folder: Path) -> float:
    """Return how long a report's page takes, in seconds of the processor: most of it is that of a fork."""
    run = shutil.copytree(SAMPLE, folder / "run")
    before = os.times()
    write_report(run)
    after = os.times()
    return sum(after[:4]) - sum(before[:4])


def digest(history: History) -> str:
    """Return a hash of all that happened."""
    tables = (history.requests, history.attempts, history.faults)
    return hashlib.sha256("".join(table.to_csv() for table in tables).encode()).hexdigest()


def at_least(what: str, measured: float, unit: str, target: float) -> Row:
    """Return a row whose number is to be at least `target`."""
    return Row(what=what, measured=measured, unit=unit, target=f">= {target:g}", met=bool(measured >= target))


def optimising(busy: Loaded) -> list[Row]:
    """Return what leaving out LiteLLM's own work comes to."""
    best = {True: float("inf"), False: float("inf")}
    digests, calls = set(), 0
    for _ in range(PASSES):
        for optimised in (True, False):
            took_s, history = timed(busy, optimised=optimised)
            best[optimised] = min(best[optimised], took_s)
            digests.add(digest(history))
            calls = len(history.attempts)
    return [
        Row(what="LiteLLM, failing attempts, whole", measured=calls / best[False], unit="/s"),
        Row(what="LiteLLM, failing attempts, optimised", measured=calls / best[True], unit="/s"),
        at_least("optimised over whole", best[False] / best[True], "", 1.5),
        Row(
            what="different histories among all passes",
            measured=len(digests),
            unit="",
            target="= 1",
            met=len(digests) == 1,
        ),
    ]


def measure() -> list[Row]:
    """Return all numbers."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "reference.yaml").write_text(REFERENCE)
        chain = ROOT / "scenarios" / "chains" / "gpt4-azure-claude.yaml"
        for name, rate, length_s in (("backoff", "4/min", 600), ("busy", "4/s", 10)):
            (folder / f"{name}.yaml").write_text(DOWN.format(chain=chain, rate=rate, length_s=length_s))
        backoff, busy = load(folder / "backoff.yaml"), load(folder / "busy.yaml")
        # Chats alone: what each chain can carry, and what earlier figures are about.
        files = [path for path in sorted(CATALOGUE.glob("*.yaml")) if "mix" not in read(path).data["load"]]
        began = time.perf_counter()
        sim.prepare(busy.chain)
        imports_s = time.perf_counter() - began
        timed(busy)  # what LiteLLM does once only
        took_s, history = timed(backoff)
        lasted_s = max(history.requests["end_ns"]) / 1e9
        litellm, judge_s = ratio([load(path, chain=chain) for path in files])
        reference, _ = ratio([load(path, chain=folder / "reference.yaml") for path in files])
        return [
            Row(what="import of LiteLLM, once a process", measured=imports_s, unit="s"),
            Row(what="judging, of each run", measured=judge_s, unit="CPU s"),
            Row(what="a report's page, if asked for", measured=page_s(folder), unit="CPU s"),
            at_least("LiteLLM, the catalogue's chats, own length over engine", litellm, "x", 10),
            at_least("reference chain, the same", reference, "x", 100),
            at_least("LiteLLM at full backoff, simulated s per engine s", lasted_s / took_s, "", 200),
            *optimising(busy),
        ]


if __name__ == "__main__":
    tell("sim", measure)
