"""What is written down of one request, whichever engine made it."""

from __future__ import annotations

import hashlib
from typing import Protocol

from harness.caller.answer import Reading
from harness.caller.prompt import PromptFacts
from harness.chain.scrub import scrub
from harness.history.records import RequestRecord
from harness.provider.marker import find_attempts
from harness.scenario.mix import MixPart

ERROR_CHARS = 300
"""Of what went wrong, as many are kept."""
TEXT_CHARS = 2_000
"""Of an answer's text, as many are kept where any are."""


class IssuedRequest(Protocol):
    """Which request it is."""

    @property
    def request_id(self) -> str:
        """Fixed by the plan."""

    @property
    def phase(self) -> str:
        """Of the intended start."""

    @property
    def scheduled_ns(self) -> int:
        """The intended start, in nanoseconds."""

    @property
    def streaming(self) -> bool:
        """Whether a stream was asked for."""

    @property
    def caller(self) -> str | None:
        """Whose it is; None where callers are not told apart."""


class AnswerStart(Protocol):
    """The beginning of an answer, as its caller receives it."""

    @property
    def status(self) -> int | None:
        """HTTP status."""

    @property
    def first_token_ns(self) -> int | None:
        """When the first piece of content came, in nanoseconds."""


def record(
    call: IssuedRequest,
    begun: AnswerStart,
    reading: Reading,
    *,
    kind: MixPart,
    prompt: PromptFacts | None,
    start_ns: int,
    end_ns: int,
    left: bool,
    keep_text: bool = False,
    secrets: frozenset[str] = frozenset(),
) -> RequestRecord:
    """Return the record of a request that has ended; all times on the same clock.

    Args:
        call: Which.
        begun: The beginning of its answer.
        reading: How the caller took it.
        kind: Of the request.
        prompt: What is kept of its prompt; None for nothing.
        start_ns: When it went out, in nanoseconds.
        end_ns: When the answer was complete, failed, or the caller left, in nanoseconds.
        left: The caller gave up at its deadline.
        keep_text: See `Load.keep_text`.
        secrets: Texts that the record may not hold, beyond what looks like a secret.
    """
    text = reading.text
    sources = find_attempts(text) if text else ()
    return RequestRecord(
        request_id=call.request_id,
        phase=call.phase,
        scheduled_ns=call.scheduled_ns,
        start_ns=start_ns,
        first_token_ns=begun.first_token_ns,
        end_ns=end_ns,
        outcome="deadline" if left else reading.outcome,
        status=begun.status,
        sources=tuple(dict.fromkeys(sources))
        if kind.kind == "embeddings"
        else sources,  # each vector names its attempt
        text_chars=None if text is None else len(text),
        text_sha256=None if text is None else hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
        text=_kept(text, secrets, TEXT_CHARS) if keep_text else None,
        streaming=call.streaming,
        kind=kind.kind,
        model=kind.model,
        caller=call.caller,
        prompt_sha256=None if prompt is None else prompt.sha256,
        prompt_chars=None if prompt is None else prompt.chars,
        error="gave up at the deadline" if left else _kept(reading.error, secrets, ERROR_CHARS),
        tokens_in=reading.tokens_in,
        tokens_out=reading.tokens_out,
        client_left=left,
    )


def _kept(text: str | None, secrets: frozenset[str], chars: int) -> str | None:
    """Return the beginning of a text, without secrets: a part of one would not be found after the cut.

    Half of a character that UTF-16 writes as two, which JSON can hold and no file, becomes a question mark.
    """
    shown = text and scrub(text, secrets).encode("utf-8", "replace").decode()
    return f"{shown[:chars]}…" if shown and len(shown) > chars else shown
