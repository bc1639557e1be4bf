"""A run as spans: one for each request, and below it one for each of its attempts.

Names are those of OpenTelemetry's semantic conventions for generative AI, version 1.41.0 (`SCHEMA`); what these have no name for
begins with `harness.`. Ids follow from the run and the request, so that a second export gives the same trace.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from harness.chain import Provider
from harness.history.records import WARMUP
from harness.http_rules import is_success
from harness.judge import RunData, fallbacks
from harness.provider.dialects import vendor_of
from harness.provider.dialects.otel_names import otel_name
from harness.scenario import Plan

SCHEMA = "https://opentelemetry.io/schemas/1.41.0"
OPERATIONS: Mapping[str, str] = {"embeddings": "embeddings"}
"""By kind of request; the others are chats."""
Attribute = str | int | float | bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """One request or one attempt.

    Attributes:
        trace_id: Of its request.
        span_id: Its own.
        parent_id: The request's; empty for a request.
        name: Operation and model.
        start_ns: When it began, as Unix time.
        end_ns: When it ended.
        error: It failed.
        attributes: All that has a value.
    """

    trace_id: bytes
    span_id: bytes
    parent_id: bytes
    name: str
    start_ns: int
    end_ns: int
    error: bool
    attributes: dict[str, Attribute]


def resource(run: RunData, name: str, version: str) -> dict[str, Attribute]:
    """Return what all spans of a run share.

    Args:
        run: The run.
        name: Of its folder.
        version: Of the harness.
    """
    plan = run.plan
    return {
        "service.name": "llm-fallback-harness",
        "service.version": version,
        "harness.run": name,
        "harness.scenario": plan.name,
        "harness.chain": plan.chain.name,
        "harness.seed": plan.seed,
    }


def spans(run: RunData, name: str, origin_unix_ns: int) -> Iterator[Span]:
    """Yield the spans of a run, without its warm-up: each request, and after it its attempts.

    Args:
        run: The run.
        name: Of its folder.
        origin_unix_ns: When the run's clock began, as Unix time.
    """
    plan, history = run.plan, run.columns.history
    attempts: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for attempt in _rows(history.attempts):
        if attempt["request_id"] is not None:
            attempts[attempt["request_id"]].append(attempt)
    steps = {step["to_attempt"]: step for step in _rows(fallbacks(run))}
    for request in _rows(history.requests):
        if request["phase"] == WARMUP:
            continue
        own = attempts.get(request["request_id"], ())
        model = request["model"] or plan.chain.providers[plan.chain.order[0]].model
        yield _request(plan, request, model, name, origin_unix_ns)
        for attempt in own:
            yield _attempt(plan, request, attempt, steps.get(attempt["attempt_id"]), run=name, origin=origin_unix_ns)


def _rows(table: Any) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table, with None for what has no value."""
    columns = [
        [None if missing else value for value, missing in zip(table[name].tolist(), table[name].isna(), strict=True)]
        for name in table
    ]
    names = list(table)
    for row in zip(*columns, strict=True):
        yield dict(zip(names, row, strict=True))


def _request(plan: Plan, request: dict[str, Any], model: str, run: str, origin: int) -> Span:
    served = plan.chain.providers.get(request["served_by"] or "")
    failed = request["outcome"] != "ok" or not request["complete"]
    operation = OPERATIONS.get(request["kind"], "chat")
    start_ns = origin + request["scheduled_ns"]
    attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": served and _vendor(served),
        "gen_ai.request.model": model,
        "gen_ai.response.model": served and served.model,
        "gen_ai.usage.input_tokens": request["tokens_in"],
        "gen_ai.usage.output_tokens": request["tokens_out"],
        "http.response.status_code": request["status"],
        "error.type": _request_error(request) if failed else None,
        "harness.request.id": request["request_id"],
        "harness.request.kind": request["kind"],
        "harness.request.phase": request["phase"],
        "harness.request.outcome": request["outcome"],
        "harness.request.complete": bool(request["complete"]),
        "harness.request.served_by": request["served_by"],
        "harness.request.caller": request["caller"],
        "harness.request.cost_usd": request["cost_usd"],
        "harness.request.time_to_first_token_s": _seconds(request["scheduled_ns"], request["first_token_ns"]),
    }
    return Span(
        trace_id=_id(16, run, request["request_id"]),
        span_id=_id(8, run, request["request_id"]),
        parent_id=b"",
        name=f"{operation} {model}",
        start_ns=start_ns,
        end_ns=start_ns if request["end_ns"] is None else max(start_ns, origin + request["end_ns"]),
        error=failed,
        attributes=_known(attributes),
    )


def _attempt(
    plan: Plan, request: dict[str, Any], attempt: dict[str, Any], step: dict[str, Any] | None, *, run: str, origin: int
) -> Span:
    provider = plan.chain.providers.get(attempt["provider"])
    operation = OPERATIONS.get(request["kind"], "chat")
    model = attempt["model"] or (provider.model if provider else "")
    host, port = _server(provider, forwarded=bool(attempt["forwarded"]))
    failed = attempt["outcome"] != "ok"
    attributes = {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": provider and _vendor(provider),
        "gen_ai.request.model": model,
        "gen_ai.usage.input_tokens": attempt["tokens_in"],
        "gen_ai.usage.output_tokens": attempt["tokens_out"],
        "http.response.status_code": attempt["status"],
        "error.type": _attempt_error(attempt) if failed else None,
        "server.address": host,
        "server.port": port,
        "harness.attempt.id": attempt["attempt_id"],
        "harness.attempt.number": attempt["number"],
        "harness.attempt.provider": attempt["provider"],
        "harness.attempt.outcome": attempt["outcome"],
        "harness.attempt.error_code": attempt["error_code"],
        "harness.attempt.fault": attempt["fault_id"],
        "harness.attempt.retry_after_s": _seconds(0, attempt["retry_after_ns"]),
        "harness.attempt.cost_usd": attempt["cost_usd"],
        "harness.fallback.from": step and step["from_provider"],
        "harness.fallback.trigger": step and step["trigger"],
        "harness.fallback.result": step and step["result"],
    }
    start_ns = origin + attempt["start_ns"]
    return Span(
        trace_id=_id(16, run, request["request_id"]),
        span_id=_id(8, run, attempt["attempt_id"]),
        parent_id=_id(8, run, request["request_id"]),
        name=f"{operation} {model}",
        start_ns=start_ns,
        end_ns=start_ns if attempt["end_ns"] is None else max(start_ns, origin + attempt["end_ns"]),
        error=failed,
        attributes=_known(attributes),
    )


def _request_error(request: dict[str, Any]) -> str:
    if request["status"] is not None and not is_success(int(request["status"])):
        return str(int(request["status"]))
    return "incomplete" if request["outcome"] == "ok" else str(request["outcome"])


def _attempt_error(attempt: dict[str, Any]) -> str:
    status = attempt["status"]
    return str(int(status)) if attempt["outcome"] == "status" and status is not None else str(attempt["outcome"])


def _vendor(provider: Provider) -> str:
    return otel_name(vendor_of(provider))


def _server(provider: Provider | None, *, forwarded: bool) -> tuple[str, int | None]:
    """Return the host and port that answered: a real provider's, or this machine's."""
    if not forwarded or provider is None or provider.upstream is None:
        return "localhost", None
    address = urlsplit(provider.upstream)
    return address.hostname or "localhost", address.port


def _seconds(begin_ns: int, end_ns: int | None) -> float | None:
    return None if end_ns is None else (end_ns - begin_ns) / 1e9


def _id(size: int, *parts: str) -> bytes:
    return blake2b("\0".join(parts).encode(), digest_size=size).digest()


def _known(attributes: Mapping[str, Any]) -> dict[str, Attribute]:
    return {
        name: value.item() if isinstance(value, np.generic) else value
        for name, value in attributes.items()
        if value is not None
    }
