"""The provider answers with an error, or with a body from the scenario."""

from __future__ import annotations

import json

from harness.document.marks import field_error
from harness.http_rules import FRAMING, has_body, is_success
from harness.provider import retry_after
from harness.provider.answer import Answer, Delay, Refusal
from harness.provider.dialects.framing import is_stream
from harness.provider.fault_kind import ActsInstead, Example, FaultKind, Words
from harness.provider.fault_words import label
from harness.provider.faults.context import FaultContext
from harness.provider.inject import Inject
from harness.provider.reply import End, Head, Send, Step
from harness.quantities import S, duration


def answer(context: FaultContext) -> Answer:
    """Return the provider's own error body under the status that was asked for, or the body that was asked for."""
    inject = context.inject
    if inject.body is not None:
        return _with_own_body(context, status_of(inject), inject.body)
    delay = None
    if inject.retry_after is not None:
        delay = Delay(inject.retry_after, inject.retry_after_as, context.wall_ns)
    refusal = Refusal(context.call, context.attempt_id, status=inject.status, problem=inject.error, delay=delay)
    return _with_headers(context, context.dialect.fail(refusal))


def status_of(inject: Inject) -> int:
    """Return the status that is answered: 200 where only a body is given."""
    return inject.status or 200


def _with_own_body(context: FaultContext, status: int, body: str | dict[str, object]) -> Answer:
    """Return an answer with the scenario's own body; the records hold what a client reads in it."""
    data = (body if isinstance(body, str) else json.dumps(body)).encode() if has_body(status) else b""
    kind = "text/plain; charset=utf-8" if isinstance(body, str) else "application/json"
    parsed = context.dialect.read_body(status, data)
    reply: list[Step] = [Head(status, ()), End()]
    if has_body(status):
        reply = [Head(status, (("content-type", kind), ("content-length", str(len(data))))), Send(data), End()]
    answer = Answer(reply=reply, error_code=parsed.error_code, retry_after_ns=parsed.retry_after_ns)
    answer = _with_headers(context, answer)
    streams = any(
        name == "content-type" and is_stream(value)
        for step in answer.reply
        if isinstance(step, Head)
        for name, value in step.headers
    )
    empty = is_success(status) and not streams and not context.dialect.is_answer(data)
    return answer._replace(ending="malformed") if empty else answer


def _with_headers(context: FaultContext, answer: Answer) -> Answer:
    """Return an answer with the scenario's own headers, in place of others of the same name."""
    if not context.inject.headers:
        return answer
    own = {name.lower(): value for name, value in context.inject.headers.items()}
    reply = [_headed(step, own) if isinstance(step, Head) else step for step in answer.reply]
    wait_ns = retry_after.read(own.items(), context.wall_ns)
    return answer._replace(reply=reply, retry_after_ns=answer.retry_after_ns if wait_ns is None else wait_ns)


def _headed(head: Head, own: dict[str, str]) -> Head:
    kept = tuple((name, value) for name, value in head.headers if name not in own)
    return Head(head.status, (*kept, *own.items()))


def check(inject: Inject) -> None:
    """Refuse a status that breaks nothing, and headers that would break the answer's frame."""
    if inject.body is None and inject.status is not None and inject.status < 400:
        raise field_error(f"status {inject.status} breaks nothing", known="400 to 599, or any status with a `body`")
    if inject.body is not None and (extra := {"error", "retry_after", "retry_after_as"} & inject.keys):
        raise field_error(f"{min(extra)!r} does not go with 'body'", known="status, headers")
    for name in inject.headers or ():
        if name.lower() in FRAMING:
            hint = "leave it out; `connection: close` or `stream: cut` break an answer off"
            raise field_error(f"the header {name!r} is set by the harness, as it frames the answer", hint=hint)


def words(inject: Inject) -> Words:
    """Return an answer in words; see `Words`."""
    status = status_of(inject)
    why = f" ({inject.error.replace('_', ' ')})" if inject.error else ""
    wait = ""
    if inject.retry_after is not None:  # a date is in whole seconds, so how long that is differs from answer to answer
        as_date = inject.retry_after_as == "date"
        wait = " with a date for Retry-After" if as_date else f" with Retry-After {duration(inject.retry_after)}"
    did = f"answered {status}"
    return Words(label(str(status), inject), did, f"{status}{why}{wait}", f"{status}s{why}{wait}")


def kills(inject: Inject) -> bool:
    """Return whether the answer is an error: a body under a success may be a good one."""
    return not is_success(status_of(inject))


STATUS = FaultKind(
    kind="status",
    written=("status", "body"),
    keys=frozenset({"error", "retry_after", "retry_after_as", "headers"}),
    needs={},
    check=check,
    act=ActsInstead(answer=answer),
    ends_by=None,
    kills=kills,
    fails=True,
    merely_slows=False,
    words=words,
    meets=(
        "the provider's own error body, at once; `error` names another one, `retry_after` sends a delay in the way that "
        "`retry_after_as` names. A `body` is sent as it is, a text or a mapping as JSON, under any `status` (200 if none is "
        "given). `headers` replace those of the same name"
    ),
    meets_plain="",
    examples=(
        Example("refusals", 0, Inject(status=503)),
        Example("refusals", 1, Inject(status=500)),
        Example("refusals", 2, Inject(status=429)),
        Example("refusals", 3, Inject(status=529, error="overloaded")),
        Example("waits", 0, Inject(status=429, retry_after=2 * S)),
        Example("waits", 1, Inject(status=429, retry_after=2 * S, retry_after_as="date")),
        Example("waits", 2, Inject(status=429, retry_after=60 * S)),
        Example("hopeless", 0, Inject(status=401)),
        Example("hopeless", 1, Inject(status=404)),
        Example("hopeless", 2, Inject(status=400)),
        Example("hopeless", 3, Inject(status=400, error="context_length")),
        Example("hopeless", 4, Inject(status=400, error="content_filter")),
        Example("hopeless", 5, Inject(status=429, error="quota")),
    ),
)
