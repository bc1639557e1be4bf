"""The provider answers with an error, or with anything that the scenario says."""

from __future__ import annotations

import json

from harness.provider.answer import Answer, Delay
from harness.provider.faults.case import Case
from harness.provider.reply import End, Head, Send, Step


def answer(case: Case) -> Answer:
    """Return the provider's own error body under the status that was asked for, or the body that was asked for."""
    inject = case.inject
    if inject.body is not None:
        return _said(inject.status or 200, inject.body, inject.headers or {})
    delay = None
    if inject.retry_after is not None:
        delay = Delay(inject.retry_after, inject.retry_after_as, case.wall_ns)
    answer = case.dialect.fail(case.call, case.attempt_id, status=inject.status, problem=inject.error, delay=delay)
    return answer._replace(reply=[_with(step, inject.headers) for step in answer.reply]) if inject.headers else answer


def _said(status: int, body: str | dict[str, object], headers: dict[str, str]) -> Answer:
    data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
    head = Head(status, (("content-type", kind), ("content-length", str(len(data)))))
    return Answer(reply=[_with(head, headers), Send(data), End()])


def _with(step: Step, headers: dict[str, str] | None) -> Step:
    if not isinstance(step, Head) or not headers:
        return step
    own = {name.lower(): value for name, value in headers.items()}
    return Head(step.status, (*((name, value) for name, value in step.headers if name not in own), *own.items()))
