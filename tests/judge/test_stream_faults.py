"""From a fault in a stream to what the judge finds of callers who took the answer: the whole way, without a socket."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest

from harness.history import AttemptRecord, FaultEvent, RequestRecord
from harness.history.join import attribute, join
from harness.judge.result import Status
from harness.provider.answer import outcome
from harness.provider.faults import names_of
from harness.provider.marker import find_attempts
from harness.provider.reply import End, Send
from harness.scenario import Fault, Inject
from tests.judge.histories import Book, look, ns, plan_of
from tests.provider.replies import STREAM, answered

ID = "req-000001"
SPOILT = {
    "cut": "cut",
    "reset": "reset",
    "end": "cut",
    "error_event": "cut",
    "malformed": "malformed",
    "empty": "malformed",
}
HARMLESS = ("stall", "no_done", "no_usage", "keepalive", "content_filter")


def judged(kind: Any, *, told: bool = False) -> Any:
    """Return the case of one request whose caller took what had left for an answer, or got an error."""
    inject = Inject(stream=kind, after_tokens=None)
    plan = plan_of(faults=[Fault(on="openai", during="fault", inject=inject)])
    answer = answered(STREAM, inject)
    text = "".join(step.text for step in answer.reply if isinstance(step, Send))
    end = outcome(200, answer.reply[-1])  # type: ignore[arg-type]
    assert answer.text is not None
    attempt = AttemptRecord(
        attempt_id=f"{ID}.openai.1",
        request_id=ID,
        provider="openai",
        start_ns=ns(12),
        end_ns=ns(13),
        status=200,
        outcome=answer.ending if isinstance(answer.reply[-1], End) else end,
        fault_id=answer.fault_id,
        streaming=True,
        text_chars=len(answer.text),
        text_sha256=answer.text_sha256,
    )
    request = RequestRecord(
        request_id=ID,
        phase="fault",
        scheduled_ns=ns(12),
        start_ns=ns(12),
        first_token_ns=ns(12.5),
        end_ns=ns(13.1),
        outcome="truncated" if told else "ok",
        status=200,
        sources=find_attempts(text),
        text_chars=len(text),
        text_sha256=sha256(text.encode()).hexdigest(),
        streaming=True,
    )
    requests, attempts = join([request], [(None, attempt)], [])
    event = FaultEvent(fault_id="fault-1", provider="openai", kind=inject.kind, applied_ns=ns(10), reverted_ns=ns(40))
    attempts, events = attribute(attempts, [event], plan.timeline.listeners, unseen=False)
    return Book().run(plan, requests=requests, attempts=attempts, faults=events)


@pytest.mark.parametrize("kind", SPOILT)
def test_part_of_an_answer_taken_for_the_whole(kind: str) -> None:
    """Shown, and exposed, and no success, however properly the stream ended."""
    run = judged(kind)
    seen = look("truncated_as_success", run)
    assert (seen.status, seen.requests, seen.samples) == (Status.FAIL, (ID,), 1)
    assert look("error_swallowed", run).count == 1
    assert run.journeys.exposed.all()
    assert not run.columns.requests.complete.any()
    assert run.columns.attempts.had(SPOILT[kind]).all()


@pytest.mark.parametrize("kind", SPOILT)
def test_a_caller_who_was_told_is_not_deceived(kind: str) -> None:
    """It could have been shown, and was not."""
    seen = look("truncated_as_success", judged(kind, told=True))
    assert (seen.status, seen.samples) == (Status.PASS, 1)


@pytest.mark.parametrize("kind", sorted(HARMLESS))
def test_a_whole_answer_is_whole(kind: str) -> None:
    """A missing end sign, a pause, or a content filter's finish reason cut nothing: the caller got the whole text."""
    run = judged(kind)
    assert look("truncated_as_success", run).samples == 0
    assert look("error_swallowed", run).samples == 0
    assert run.columns.requests.complete.all()
    assert run.journeys.exposed.all()


@pytest.mark.parametrize("kind", names_of("stream"))
def test_a_stream_fault_that_acted_has_fired(kind: str) -> None:
    """Counted by the attempt that names it."""
    assert look("fault_never_fired", judged(kind)).status is Status.PASS
