"""The gateway's process is killed, and started again when the fault ends."""

from __future__ import annotations

from harness.provider.fault_kind import ActsOnProcess, FaultKind, anything, never
from harness.provider.fault_words import phrases

KILL = FaultKind(
    kind="kill",
    written=("process: kill",),
    keys=frozenset(),
    needs={},
    check=anything,
    act=ActsOnProcess(),
    ends_by=None,
    kills=never,
    fails=False,
    merely_slows=False,
    words=phrases(did="was killed", one="kill", many="kills"),
    meets="the process is killed (SIGKILL) when the fault begins, and started again when it ends: open connections break, and new"
    " ones are refused until it is ready",
    meets_plain="",
    examples=(),
)
