"""Whatever the provider sends arrives bit by bit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.provider.fault_kind import ActsOnListener, FaultKind, anything, never
from harness.provider.fault_words import phrases
from harness.provider.inject import Inject


def state(inject: Inject) -> Mapping[str, Any]:
    """Limit how fast bytes pass."""
    return {"bytes_per_second": inject.bytes_per_second or 0}


THROTTLE = FaultKind(
    kind="throttle",
    written=("connection: throttle",),
    keys=frozenset({"bytes_per_second"}),
    needs={"bytes_per_second": "1000"},
    check=anything,
    act=ActsOnListener(state=state),
    ends_by=None,
    kills=never,
    fails=False,
    merely_slows=True,
    words=phrases(did="was throttled", one="throttled connection", many="throttled connections"),
    meets="no more than `bytes_per_second` on each connection, in whole thousands",
    meets_plain="",
    examples=(),
)
