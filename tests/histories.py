"""Believable histories without a run: the demo scenario, simulated by arithmetic alone."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.draw import draw
from harness.history import AttemptRecord, FaultEvent, HealthRecord, History, RequestRecord
from harness.scenario import Plan, load

SCENARIO = Path(__file__).parents[1] / "scenarios" / "primary-429.yaml"
MS = 10**6
S = 10**9


def primary_429(seed: int = 1) -> tuple[Plan, History]:
    """Return the plan of `scenarios/primary-429.yaml` and what LiteLLM would make of it.

    OpenAI answers 429 with Retry-After 2 s in [8 s, 48 s). LiteLLM tries it three times, waits 2 to 2.75 s after each
    failure, the last one too, and then calls Azure.
    """
    plan = load(SCENARIO, seed=seed).plan
    rows: dict[str, list[Any]] = {"requests": [], "attempts": [], "health": []}
    for place, provider in enumerate(plan.chain.order, start=1):
        _request(plan, rows, f"warmup-{place:06d}", phase="warmup", scheduled_ns=-place * 2 * S, order=(provider,))
    for arrival in plan.arrivals:
        _request(
            plan,
            rows,
            arrival.request_id,
            phase=arrival.phase,
            scheduled_ns=arrival.scheduled_ns,
            order=plan.chain.order,
        )
    fired = sum(attempt.fault_id is not None for attempt in rows["attempts"])
    (window,) = plan.timeline.windows
    fault = FaultEvent(
        fault_id=window.fault_id,
        provider=window.provider,
        kind="status",
        applied_ns=window.start_ns,
        reverted_ns=window.end_ns,
        fired=fired,
    )
    _health(plan, rows["health"])
    return plan, History.of(plan.digest, faults=[fault], **rows)


def _request(
    plan: Plan, rows: dict[str, list[Any]], request_id: str, *, phase: str, scheduled_ns: int, order: tuple[str, ...]
) -> None:
    sent_ns = scheduled_ns + int(3 * MS * draw(plan.seed, "dispatch", request_id))
    at_ns = sent_ns + 4 * MS
    number = 0
    for provider in order:
        for nth in range(1, 4):
            number += 1
            attempt = _attempt(plan, f"{request_id}.{provider}.{nth}", provider, number, at_ns)
            rows["attempts"].append(attempt)
            end_ns = attempt.end_ns or 0
            if attempt.outcome == "ok":
                rows["requests"].append(_answered(request_id, phase, scheduled_ns, sent_ns, attempt))
                return
            told_ns = attempt.retry_after_ns or 0
            at_ns = end_ns + told_ns + int(750 * MS * draw(plan.seed, "jitter", attempt.attempt_id)) + 3 * MS
    rows["requests"].append(
        RequestRecord(
            request_id=request_id,
            phase=phase,
            scheduled_ns=scheduled_ns,
            start_ns=sent_ns,
            end_ns=at_ns,
            outcome="error",
            status=429,
            error="RateLimitError",
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
            return AttemptRecord(
                **common,
                first_byte_ns=at_ns + 1 * MS,
                end_ns=at_ns + 1 * MS,
                status=window.inject.status,
                outcome="status",
                fault_id=window.fault_id,
                retry_after_ns=window.inject.retry_after,
                error_code="rate_limit_exceeded",
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
