"""Runs made by arithmetic: a chain that retries as LiteLLM does, without sockets, waiting or chance."""

from __future__ import annotations

from pathlib import Path

from harness.draw import draw
from harness.history import AttemptRecord, FaultEvent, HealthRecord, History, RequestRecord
from harness.scenario import Arrival, Plan, load

ROOT = Path(__file__).parents[2]
SCENARIO = """\
name: {name}
title: {title}
chain: {chain}
seed: 1
load: {{rate: {rate}/s, deadline: {deadline}}}
phases: {{baseline: 8s, fault: 40s, recovery: 15s}}
faults:
{faults}
expect:
  - success_rate in fault >= 98%
  - p95 fallback_overhead in fault < {budget}
  - amplification in fault <= 4
  - time_to_recover < 10s
  - no retry_after_ignored
"""
LIMITED = "  - {on: primary, during: fault, inject: {status: 429, error: rate_limit, retry_after: 2s}}"


def plan(
    folder: Path,
    *,
    name: str = "primary-429",
    title: str = "OpenAI rate-limits every call for 40 s",
    rate: float = 10,
    deadline: str = "45s",
    budget: str = "9s",
    faults: str = LIMITED,
    providers: tuple[str, ...] = ("openai", "azure", "anthropic"),
) -> Plan:
    """Return the plan of a scenario like `primary-429`."""
    chain = folder / "chain.yaml"
    lines = ["name: chain", "driver: litellm-router", "providers:"]
    lines += [f"  {name}: {{dialect: openai, model: gpt-4}}" for name in providers]
    chain.write_text("\n".join([*lines, f"order: [{', '.join(providers)}]", "retry: {attempts: 3}"]), encoding="utf-8")
    scenario = folder / "scenario.yaml"
    text = SCENARIO.format(
        name=name,
        title=repr(title),
        chain=chain.name,
        rate=rate,
        deadline=deadline,
        budget=budget,
        faults=faults or "  []",
    )
    scenario.write_text(text, encoding="utf-8")
    return load(scenario).plan


def history(plan: Plan, *, early: int = 0, tries: int = 3) -> History:
    """Return what a patient chain does under a plan.

    Args:
        plan: What breaks, and when.
        early: Every so many requests one ignores the Retry-After; 0 for none.
        tries: Attempts at one provider.
    """
    requests: list[RequestRecord] = []
    attempts: list[AttemptRecord] = []
    for place, arrival in enumerate(plan.arrivals, start=1):
        hasty = early > 0 and place % early == 0
        request, mine = _journey(plan, arrival, tries, hasty=hasty)
        requests.append(request)
        attempts += mine
    faults = [
        FaultEvent(
            fault_id=window.fault_id,
            provider=window.provider,
            kind=window.inject.kind,
            applied_ns=window.start_ns,
            reverted_ns=window.end_ns,
            fired=sum(a.fault_id == window.fault_id and a.provider == window.provider for a in attempts),
        )
        for window in plan.timeline.windows
    ]
    health = [
        HealthRecord(
            process=process,
            at_ns=at * 100_000_000,
            loop_lag_ns=int(2e6 + 60e6 * draw(1, process, at) ** 12),
            cpu_ns=at * 30_000_000,
        )
        for process in ("chain", "edge", "load", "runner")
        for at in range(plan.end_ns // 100_000_000)
    ]
    return History.of(plan.digest, requests=requests, attempts=attempts, faults=faults, health=health)


def _journey(plan: Plan, arrival: Arrival, tries: int, *, hasty: bool) -> tuple[RequestRecord, list[AttemptRecord]]:
    request_id, phase, scheduled_ns = arrival.request_id, arrival.phase, arrival.scheduled_ns
    now = scheduled_ns + 3_000_000
    gives_up = scheduled_ns + plan.load.deadline
    attempts: list[AttemptRecord] = []
    served = None
    for provider in plan.chain.order:
        for nth in range(1, tries + 1):
            if now >= gives_up:
                break
            attempt = _attempt(plan, request_id, provider, nth=nth, at_ns=now, number=len(attempts) + 1)
            attempts.append(attempt)
            now = attempt.end_ns or now
            if attempt.outcome == "ok":
                served = attempt
                break
            told = attempt.retry_after_ns or min(8 * 10**9, 10**9 // 2 * 2 ** (nth - 1))
            if hasty:
                told = 150_000_000
            now += told + int(0.75e9 * draw(plan.seed, request_id, provider, nth))
        if served is not None or now >= gives_up:
            break
    if served is not None and now > gives_up:
        served = None
    left = served is None and now >= gives_up
    end = gives_up if left else now + 2_000_000
    sha = f"sha-{request_id}" if served else None
    request = RequestRecord(
        request_id=request_id,
        phase=phase,
        scheduled_ns=scheduled_ns,
        start_ns=scheduled_ns + 1_000_000,
        first_token_ns=(served.first_byte_ns or 0) + 1_000_000 if served else None,
        end_ns=end,
        outcome="ok" if served else "deadline" if left else "error",
        status=200 if served else None if left else 503,
        served_by=served.provider if served else None,
        served_attempt=served.attempt_id if served else None,
        sources=(served.attempt_id,) if served else (),
        text_sha256=sha,
        complete=served is not None,
        client_left=left,
    )
    return request, attempts


def _attempt(plan: Plan, request_id: str, provider: str, *, nth: int, at_ns: int, number: int) -> AttemptRecord:
    attempt_id = f"{request_id}.{provider}.{nth}"
    for window in plan.timeline.at(provider):
        hit = draw(plan.seed, "fault", window.fault_id, attempt_id) < window.share
        if window.start_ns <= at_ns < window.end_ns and hit:
            connection = window.inject.connection
            outcome = {"reset": "reset", "refused": "refused", "silent": "timeout"}.get(str(connection), "status")
            took = 3 * 10**9 if outcome == "timeout" else 4_000_000
            return AttemptRecord(
                attempt_id=attempt_id,
                request_id=request_id,
                number=number,
                provider=provider,
                start_ns=at_ns,
                end_ns=at_ns + took,
                status=window.inject.status,
                outcome=outcome,  # type: ignore[arg-type]
                fault_id=window.fault_id,
                retry_after_ns=window.inject.retry_after,
                error_code=window.inject.error,
            )
    took = int(250e6 + 900e6 * draw(plan.seed, "took", attempt_id) ** 2)
    return AttemptRecord(
        attempt_id=attempt_id,
        request_id=request_id,
        number=number,
        provider=provider,
        start_ns=at_ns,
        first_byte_ns=at_ns + took // 3,
        end_ns=at_ns + took,
        status=200,
        outcome="ok",
        text_sha256=f"sha-{request_id}",
    )
