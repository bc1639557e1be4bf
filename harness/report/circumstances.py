"""When, where and under which load a run ran, in words. Plain text: the code that prints it escapes it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from harness import quantities
from harness.chain.driver import DRIVERS
from harness.report.judged_run import JudgedRun


def began(run: JudgedRun) -> str:
    """Return when a run began: `29 November 2026, 20:22 UTC`; empty where that is not recorded."""
    try:
        at = datetime.fromisoformat(str(run.environment["started"]))
    except (KeyError, ValueError):
        return ""
    return f"{at.astimezone(UTC):%-d %B %Y, %H:%M} UTC"


def engine(run: JudgedRun) -> str:
    """Return in a sentence what was real in a run, and what was not; empty where that is not recorded."""
    kind = run.environment.get("engine")
    if kind == "sim":
        return "simulated: the chain's own code ran, but time, connections and providers were simulated, and no provider was called"
    if kind != "live":
        return ""
    attempts = run.data.columns.attempts
    called = sorted({run.data.columns.providers[place] for place in attempts.provider[attempts.bools("forwarded")]})
    if called:
        return f"live: real processes and connections, and calls to the real {quantities.listed(called, most=4)}"
    return "live: real processes, connections and time, with providers that the harness played on this machine"


def library(run: JudgedRun) -> str:
    """Return what the chain is made of, with its version: `LiteLLM 1.106.2`; empty where that is not known."""
    driver = run.plan.chain.driver
    recorded = run.environment.get("chain")
    own: dict[str, Any] = recorded if isinstance(recorded, dict) else {}
    versions = own.get("versions") or run.environment.get("versions") or {}
    if not isinstance(versions, dict):
        return ""
    requirement = DRIVERS[driver].requirement if driver in DRIVERS else None
    package = "" if requirement is None else requirement.package.partition("[")[0]
    if requirement is not None and package in versions:
        return f"{requirement.what} {versions[package]} ({driver})"
    if driver == "python":
        return quantities.listed([f"{name} {version}" for name, version in own.get("versions", {}).items()], most=4)
    if run.plan.chain.endpoint is not None:
        return "a gateway of your own, whose version is not known"
    version = versions.get("llm-fallback-harness")
    return f"{driver}, part of the harness {version}" if version else ""


def load(run: JudgedRun) -> str:
    """Return how many requests came, how, for how long, and when callers give up."""
    plan = run.plan
    rates = [step.rate for step in plan.load.steps]
    rate = " to ".join(quantities.amount(each, "count") for each in sorted({min(rates), max(rates)}))
    how = {"poisson": ", at random times", "constant": ", evenly spaced", "trace": ""}[plan.load.arrivals]
    many = quantities.plural(len(plan.arrivals), "request")
    pace = f"{rate} per second{how}" if plan.load.arrivals != "trace" else "at the times of a trace"
    kinds = [f"{quantities.share(part.share)} {part.kind}" for part in plan.parts]
    streamed = sum(arrival.streaming for arrival in plan.arrivals)
    parts = [
        f"{many} in {quantities.duration(plan.end_ns)} ({pace})",
        *([quantities.listed(kinds, most=4)] if len(kinds) > 1 else []),
        *([f"{quantities.share(streamed / len(plan.arrivals))} streamed"] if streamed else []),
        f"callers give up after {quantities.duration(plan.load.deadline)}",
    ]
    return "; ".join(parts)
