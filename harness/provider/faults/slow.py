"""Whatever the provider sends arrives late."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.provider.fault_kind import ActsOnListener, FaultKind, never
from harness.provider.fault_words import phrases
from harness.provider.faults.delay import check_jitter
from harness.provider.inject import Inject


def state(inject: Inject) -> Mapping[str, Any]:
    """Delay what passes."""
    return {"delay_ns": inject.delay or 0, "jitter_ns": inject.jitter or 0}


SLOW = FaultKind(
    kind="slow",
    written=("connection: slow",),
    keys=frozenset({"delay", "jitter"}),
    needs={"delay": "2s"},
    check=check_jitter,
    act=ActsOnListener(state=state),
    ends_by=None,
    kills=never,
    fails=False,
    merely_slows=True,
    words=phrases(did="was slow", one="slow connection", many="slow connections"),
    meets="all that the provider sends arrives `delay` (± `jitter`) late; a stream is shifted once",
    meets_plain="",
    examples=(),
)
