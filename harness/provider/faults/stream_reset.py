"""The connection is reset in mid-body."""

from __future__ import annotations

from functools import partial

from harness.provider.fault_kind import ActsOnAnswer, Example, FaultKind, always, anything, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import end_half_way
from harness.provider.inject import Inject
from harness.provider.reply import Reset

STREAM_RESET = FaultKind(
    kind="stream_reset",
    written=("stream: reset",),
    keys=frozenset({"after_tokens"}),
    needs={},
    check=anything,
    act=ActsOnAnswer(
        aspect="body",
        change=partial(end_half_way, Reset()),
        streams_only=False,
        outcome="ok",
        error_code=no_error,
        withholds_text=False,
    ),
    ends_by="reset",
    kills=always,
    fails=True,
    merely_slows=False,
    words=phrases(did="reset connections in mid-answer", one="reset in mid-answer", many="resets in mid-answer"),
    meets="reset (RST) after `after_tokens` tokens, the body unterminated",
    meets_plain="reset half-way through the Content-Length",
    examples=(Example("broken", 4, Inject(stream="reset")),),
)
