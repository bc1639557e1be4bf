"""The stream does not say what it took."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from harness.provider.faults.case import Case, Seen
from harness.provider.reply import Send, Step

_EVENT = re.compile(rb".+?(?:(?:\r?\n){2}|\Z)", re.DOTALL)


def change(case: Case, seen: Seen, step: Step) -> tuple[Seen, Sequence[Step]]:
    """Leave usage out; see `Change`."""
    if not (seen.fine and seen.stream and isinstance(step, Send)):
        return seen, (step,)
    data = b"".join(case.dialect.without_usage(event) for event in _EVENT.findall(step.data))
    if data == step.data:
        return seen, (step,)
    return seen._replace(fired=True), (replace(step, data=data),) if data else ()
