"""The connection is closed in mid-body."""

from __future__ import annotations

from functools import partial

from harness.provider.fault_kind import ActsOnAnswer, Example, FaultKind, always, anything, no_error
from harness.provider.fault_words import phrases
from harness.provider.faults.context import end_half_way
from harness.provider.inject import Inject
from harness.provider.reply import Close

CUT = FaultKind(
    kind="stream_cut",
    written=("stream: cut",),
    keys=frozenset({"after_tokens"}),
    needs={},
    check=anything,
    act=ActsOnAnswer(
        aspect="body",
        change=partial(end_half_way, Close()),
        streams_only=False,
        outcome="ok",
        error_code=no_error,
        withholds_text=False,
    ),
    ends_by="close",
    kills=always,
    fails=True,
    merely_slows=False,
    words=phrases(did="cut answers off", one="cut answer", many="cut answers"),
    meets="closed (FIN) after `after_tokens` tokens, the body unterminated",
    meets_plain="closed half-way through the Content-Length",
    examples=(
        Example("broken", 3, Inject(stream="cut")),
        Example("streamed", 5, Inject(stream="cut", after_tokens=0)),
    ),
)
