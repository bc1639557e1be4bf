"""A call and the faults that touch it, in; the answer, out. Both engines go through here."""

from __future__ import annotations

from hashlib import sha256

from harness.provider.answer import Answer, Call, Refusal
from harness.provider.changes import AnswerChanges, held_ns
from harness.provider.decide import NOTHING, Decision
from harness.provider.dialects import dialect_of
from harness.provider.fault_kind import ActsInstead
from harness.provider.faults.context import FaultContext
from harness.provider.reply import Send
from harness.provider.spec import Provider


def parse(provider: Provider, method: str, path: str, body: bytes, accept: str = "") -> Call:
    """Return the call that reached a provider's address, given its Accept header too. A strict mock refuses what its vendor refuses."""
    call = dialect_of(provider).parse(method, path, body)._replace(accept=accept)
    if call.problem is not None or not provider.strict:
        return call
    window = provider.context_window
    if window is not None and call.prompt_tokens + (call.max_tokens or 0) > window:
        return call._replace(problem="context_length", window=window)
    return call if call.violation is None else call._replace(problem="invalid_request")


def respond(
    provider: Provider,
    call: Call,
    attempt_id: str,
    decision: Decision = NOTHING,
    *,
    wall_ns: int = 0,
) -> Answer:
    """Return a mocked provider's answer to one attempt.

    Args:
        provider: Its dialect, model and manner of answering.
        call: As parsed.
        attempt_id: Letters, digits, `.`, `_` and `-` only; the text names it.
        decision: The faults that touch this attempt.
        wall_ns: The time of day, in nanoseconds since 1970; for delays that are sent as a date.
    """
    dialect = dialect_of(provider)
    answer = instead(provider, call, attempt_id, decision, wall_ns=wall_ns)
    if answer is None:
        answer = dialect.succeed(provider, call, attempt_id)
    if decision is NOTHING:
        return answer
    changes = AnswerChanges(dialect, decision, call, attempt_id, wall_ns=wall_ns, tokens=answer.tokens_out)
    answer = answer._replace(reply=changes.feed_all(answer.reply))
    return _marked(answer, call, changes, decision)


def instead(provider: Provider, call: Call, attempt_id: str, decision: Decision, *, wall_ns: int) -> Answer | None:
    """Return what is answered without asking the provider: a fault's answer, or the refusal of a call; else None."""
    dialect = dialect_of(provider)
    window = decision.faults.get("instead")
    if window is not None:
        act = window.inject.fault_kind.act
        assert isinstance(act, ActsInstead)
        late_ns = held_ns(dialect, decision, call, attempt_id)  # a delay in the answer counts from when it leaves
        wait_ns = max(0, decision.wait_ns - late_ns)
        context = FaultContext(dialect, window.inject, call, attempt_id, wait_ns=wait_ns, wall_ns=wall_ns + late_ns)
        return act.answer(context)._replace(fault_id=window.fault_id, began=(0,))
    return dialect.fail(Refusal(call, attempt_id, problem=call.problem)) if call.problem is not None else None


def _marked(answer: Answer, call: Call, changes: AnswerChanges, decision: Decision) -> Answer:
    """Return a changed answer with the faults that changed it, and with what is left of it where its body was changed."""
    began = changes.began
    if not began:
        return answer
    if answer.fault_id is not None:
        late = decision.faults.get("delay")
        began = {answer.fault_id: int(late is not None and late.fault_id in began), **began}
    first, *others = began
    answer = answer._replace(fault_id=first, other_faults=tuple(others), began=tuple(began.values()))
    if changes.body is None:
        return answer
    if changes.ending != "ok":
        answer = answer._replace(ending=changes.ending)
    sent = [step.text for step in answer.reply if isinstance(step, Send) and step.text]
    if changes.over and call.streaming:  # its tokens leave one by one; a plain answer's were all made
        answer = answer._replace(tokens_out=len(sent))
    if (code := changes.error_code) is not None:
        answer = answer._replace(error_code=code)
    if changes.withholds_text:
        text = "".join(sent)
        if (
            call.tools and text and not text.endswith(")")
        ):  # half a call, which the caller reads as a call with half its arguments
            text += ")"
        answer = answer._replace(text=text, text_sha256=sha256(text.encode()).hexdigest())
    return answer
