"""The provider answers with an error, or with anything that the scenario says."""

from __future__ import annotations

import json

from harness.http_rules import has_body, is_success
from harness.provider import retry_after
from harness.provider.answer import Answer, Delay
from harness.provider.dialects import wire
from harness.provider.faults.case import Case
from harness.provider.reply import End, Head, Send, Step


def answer(case: Case) -> Answer:
    """Return the provider's own error body under the status that was asked for, or the body that was asked for."""
    inject = case.inject
    if inject.body is not None:
        return _said(case, inject.status or 200, inject.body)
    delay = None
    if inject.retry_after is not None:
        delay = Delay(inject.retry_after, inject.retry_after_as, case.wall_ns)
    answer = case.dialect.fail(case.call, case.attempt_id, status=inject.status, problem=inject.error, delay=delay)
    return _with_headers(case, answer)


def _said(case: Case, status: int, body: str | dict[str, object]) -> Answer:
    """Return an answer with the scenario's own body; the records say what a client reads in it."""
    data = (body if isinstance(body, str) else json.dumps(body)).encode() if has_body(status) else b""
    kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
    heard = case.dialect.read_body(status, data)
    reply: list[Step] = [Head(status, ()), End()]
    if has_body(status):
        reply = [Head(status, (("content-type", kind), ("content-length", str(len(data))))), Send(data), End()]
    told = Answer(reply=reply, error_code=heard.error_code, retry_after_ns=heard.retry_after_ns)
    told = _with_headers(case, told)
    streams = any(
        name == "content-type" and value.startswith("text/event-stream")
        for step in told.reply
        if isinstance(step, Head)
        for name, value in step.headers
    )
    return told._replace(ending="malformed") if is_success(status) and not streams and wire.says_nothing(data) else told


def _with_headers(case: Case, answer: Answer) -> Answer:
    """Return an answer with the scenario's own headers, in place of others of the same name."""
    if not case.inject.headers:
        return answer
    own = {name.lower(): value for name, value in case.inject.headers.items()}
    reply = [_headed(step, own) if isinstance(step, Head) else step for step in answer.reply]
    told_ns = retry_after.read(own.items(), case.wall_ns)
    return answer._replace(reply=reply, retry_after_ns=answer.retry_after_ns if told_ns is None else told_ns)


def _headed(head: Head, own: dict[str, str]) -> Head:
    kept = tuple((name, value) for name, value in head.headers if name not in own)
    return Head(head.status, (*kept, *own.items()))
