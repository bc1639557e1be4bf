"""Believable histories without a run: a chain that retries as LiteLLM does, by arithmetic, without sockets or chance."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.draw import draw
from harness.experiment.prepare import load
from harness.history import AttemptRecord, FaultEvent, HealthRecord, History, RequestRecord, as_records
from harness.history.table import RecordTable
from harness.quantities import MS, S
from harness.scenario import Plan

SCENARIO = Path(__file__).parents[1] / "scenarios" / "primary-429.yaml"
LIMITED = "  - {on: primary, during: fault, inject: {status: 429, error: rate_limit, retry_after: 2s}}"
_OUTCOMES = {"reset": "reset", "refused": "refused", "silent": "timeout"}
_SILENT_NS = 3 * S
_EARLY_NS = 150 * MS
_TEXT = """\
name: {name}
title: {title}
chain: chain.yaml
seed: 1
load: {{rate: {rate}/s, deadline: {deadline}}}
phases: {{baseline: 8s, fault: 40s, recovery: 15s}}
faults:
{faults}
expect:
  - success_rate in fault >= 98%
  - p95 fallback_overhead in fault < 9s
  - amplification in fault <= 4
  - time_to_recover < 10s
  - no retry_after_ignored
"""


def primary_429(seed: int = 1) -> tuple[Plan, History]:
    """Return the plan of `scenarios/primary-429.yaml` and what LiteLLM would make of it.

    OpenAI answers 429 with Retry-After 2 s in [8 s, 48 s). LiteLLM tries it three times, waits 2 to 2.75 s after each
    failure, the last one too, and then calls Azure.
    """
    plan = load(SCENARIO, seed=seed).plan
    return plan, history(plan)


def plan_in(
    folder: Path,
    *,
    name: str = "primary-429",
    title: str = "OpenAI rate-limits every call for 40 s",
    rate: float = 10,
    deadline: str = "45s",
    faults: str = LIMITED,
    providers: tuple[str, ...] = ("openai", "azure", "anthropic"),
) -> Plan:
    """Return the plan of a scenario like `primary-429`; its files lie in the folder."""
    lines = ["name: chain", "driver: litellm-router", "providers:"]
    lines += [f"  {provider}: {{dialect: openai, model: gpt-4}}" for provider in providers]
    lines += [f"order: [{', '.join(providers)}]", "retry: {attempts: 3}"]
    (folder / "chain.yaml").write_text("\n".join(lines), encoding="utf-8")
    scenario = folder / "scenario.yaml"
    text = _TEXT.format(name=name, title=repr(title), rate=rate, deadline=deadline, faults=faults or "  []")
    scenario.write_text(text, encoding="utf-8")
    return load(scenario).plan


def history(plan: Plan, *, early_every: int = 0, tries: int = 3) -> History:
    """Return what a patient chain does under a plan.

    Args:
        plan: What breaks, and when.
        early_every: One of so many requests retries before its Retry-After allows it; 0 for none.
        tries: Attempts at one provider.
    """
    rows: dict[str, list[Any]] = {"requests": [], "attempts": [], "health": []}
    for place, provider in enumerate(plan.chain.order, start=1):
        _request(plan, rows, f"warmup-{place:06d}", phase="warmup", scheduled_ns=-place * 2 * S, order=(provider,))
    for place, arrival in enumerate(plan.arrivals, start=1):
        _request(
            plan,
            rows,
            arrival.request_id,
            phase=arrival.phase,
            scheduled_ns=arrival.scheduled_ns,
            order=plan.chain.order,
            tries=tries,
            early=early_every > 0 and place % early_every == 0,
        )
    faults = [
        FaultEvent(
            fault_id=window.fault_id,
            provider=window.provider,
            kind=window.inject.kind,
            applied_ns=window.start_ns,
            reverted_ns=window.end_ns,
            fired=sum((a.fault_id, a.provider) == (window.fault_id, window.provider) for a in rows["attempts"]),
        )
        for window in plan.timeline.windows
    ]
    _health(plan, rows["health"])
    return History.of(plan.digest, faults=faults, **rows)


def _request(
    plan: Plan,
    rows: dict[str, list[Any]],
    request_id: str,
    *,
    phase: str,
    scheduled_ns: int,
    order: tuple[str, ...],
    tries: int = 3,
    early: bool = False,
) -> None:
    sent_ns = scheduled_ns + int(3 * MS * draw(plan.seed, "dispatch", request_id))
    deadline_ns = scheduled_ns + plan.load.deadline
    at_ns = sent_ns + 4 * MS
    number = 0
    for provider in order:
        for nth in range(1, tries + 1):
            if at_ns >= deadline_ns:
                break
            number += 1
            attempt = _attempt(plan, f"{request_id}.{provider}.{nth}", provider, number, at_ns)
            rows["attempts"].append(attempt)
            end_ns = attempt.end_ns or 0
            if attempt.outcome == "ok" and end_ns + 5 * MS <= deadline_ns:
                rows["requests"].append(_answered(request_id, phase, scheduled_ns, sent_ns, attempt))
                return
            wait_ns = attempt.retry_after_ns or min(8 * S, S // 2 * 2 ** (nth - 1))
            jitter_ns = int(750 * MS * draw(plan.seed, "jitter", attempt.attempt_id)) + 3 * MS
            at_ns = end_ns + (_EARLY_NS if early else wait_ns) + jitter_ns
    left = at_ns >= deadline_ns
    rows["requests"].append(
        RequestRecord(
            request_id=request_id,
            phase=phase,
            scheduled_ns=scheduled_ns,
            start_ns=sent_ns,
            end_ns=deadline_ns if left else at_ns,
            outcome="deadline" if left else "error",
            status=None if left else 429,
            error=None if left else "RateLimitError",
            client_left=left,
        )
    )


def _attempt(plan: Plan, attempt_id: str, provider: str, number: int, at_ns: int) -> AttemptRecord:
    request_id = attempt_id.split(".", 1)[0]
    common: dict[str, Any] = {
        "attempt_id": attempt_id,
        "request_id": request_id,
        "number": number,
        "provider": provider,
        "start_ns": at_ns,
        "model": plan.chain.providers[provider].model,
        "seen_by": "both",
    }
    for window in plan.timeline.at(provider):
        if window.start_ns <= at_ns < window.end_ns and draw(plan.seed, window.fault_id, attempt_id) < window.share:
            outcome = _OUTCOMES.get(str(window.inject.connection), "status")
            answered = outcome == "status"
            end_ns = at_ns + (_SILENT_NS if outcome == "timeout" else 1 * MS)
            return AttemptRecord(
                **common,
                first_byte_ns=end_ns if answered else None,
                end_ns=end_ns,
                status=window.inject.status,
                outcome=outcome,  # type: ignore[arg-type]
                fault_id=window.fault_id,
                retry_after_ns=window.inject.retry_after,
                error_code="rate_limit_exceeded" if answered else None,
            )
    reply = plan.chain.providers[provider].reply
    text = f"<<{attempt_id}>>" + " word" * (reply.tokens - 1)
    spread = 1 + 0.05 * draw(plan.seed, "service", attempt_id)
    took_ns = int((reply.ttft + (reply.tokens - 1) * S / reply.tokens_per_second) * spread)
    return AttemptRecord(
        **common,
        first_byte_ns=at_ns + took_ns,
        end_ns=at_ns + took_ns,
        status=200,
        outcome="ok",
        text_chars=len(text),
        text_sha256=sha256(text.encode()).hexdigest(),
        tokens_in=20,
        tokens_out=reply.tokens,
        cost_usd=(20 * 30 + reply.tokens * 60) / 10**6,
    )


def _answered(request_id: str, phase: str, scheduled_ns: int, sent_ns: int, attempt: AttemptRecord) -> RequestRecord:
    end_ns = (attempt.end_ns or 0) + 5 * MS
    return RequestRecord(
        request_id=request_id,
        phase=phase,
        scheduled_ns=scheduled_ns,
        start_ns=sent_ns,
        first_token_ns=end_ns,
        end_ns=end_ns,
        outcome="ok",
        status=200,
        served_by=attempt.provider,
        served_attempt=attempt.attempt_id,
        sources=(attempt.attempt_id,),
        text_chars=attempt.text_chars,
        text_sha256=attempt.text_sha256,
        tokens_in=attempt.tokens_in,
        tokens_out=attempt.tokens_out,
        cost_usd=attempt.cost_usd,
        complete=True,
    )


def _health(plan: Plan, health: list[Any]) -> None:
    busy = {"edge": 0.05, "chain": 0.4, "load": 0.1, "runner": 0.01}
    for tick in range(-20, plan.phases[-1].end_ns // (100 * MS) + 60):
        for process, share in busy.items():
            lag_ns = int(12 * MS * share * draw(plan.seed, "lag", process, tick))
            cpu_ns = int((tick + 30) * 100 * MS * share)
            health.append(HealthRecord(process=process, at_ns=tick * 100 * MS, loop_lag_ns=lag_ns, cpu_ns=cpu_ns))


def framed(history: History, **changes: Any) -> History:
    """Return a history with other requests or attempts, each given as a data frame, or with other facts."""
    for name, record in (("requests", RequestRecord), ("attempts", AttemptRecord)):
        if name in changes:
            rows = as_records(record, changes.pop(name))
            changes[f"{name[:-1]}_table"] = RecordTable(record, rows)
    return replace(history, **changes)
