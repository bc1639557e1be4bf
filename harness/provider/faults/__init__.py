"""What can be done to a provider's answer, one file each.

A fault either answers in the provider's place, or changes the provider's answer on its way: a transducer over its steps,
which is the same for a mock's answer, known whole, and for a real one, which arrives piece by piece.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.history import AttemptOutcome
from harness.provider.answer import Answer
from harness.provider.faults import (
    close,
    content_filter,
    cut,
    delay,
    empty,
    end,
    error_event,
    keepalive,
    limit,
    malformed,
    no_done,
    no_usage,
    pace,
    reset,
    silent,
    stall,
    status,
    stream_reset,
)
from harness.provider.faults.case import Case, Seen
from harness.provider.reply import Step

Instead = Callable[[Case], Answer]
"""To the answer that is given in the provider's place."""

Change = Callable[[Case, Seen, Step], tuple[Seen, Sequence[Step]]]
"""From how far the answer has come and its next step, to what is seen of it now and the steps in the step's place."""

INSTEAD: dict[str, Instead] = {
    "status": status.answer,
    "limit": limit.answer,
    "reset": reset.answer,
    "close": close.answer,
    "silent": silent.answer,
}
"""By `Inject.kind`."""

CHANGES: dict[str, Change] = {
    "delay": delay.change,
    "pace": pace.change,
    "stream_cut": cut.change,
    "stream_reset": stream_reset.change,
    "stream_end": end.change,
    "stream_stall": stall.change,
    "stream_malformed": malformed.change,
    "stream_no_done": no_done.change,
    "stream_no_usage": no_usage.change,
    "stream_error_event": error_event.change,
    "stream_keepalive": keepalive.change,
    "stream_empty": empty.change,
    "stream_content_filter": content_filter.change,
}
"""By `Inject.kind`."""

SPOILS: dict[str, AttemptOutcome] = {
    "stream_end": "cut",
    "stream_error_event": "cut",
    "stream_malformed": "malformed",
    "stream_empty": "malformed",
}
"""What an attempt counts as whose answer was spoilt by such a fault, although it ended properly on the wire."""
