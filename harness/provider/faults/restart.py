"""The gateway's process is ended in an orderly way, and started again at once."""

from __future__ import annotations

from harness.provider.fault_kind import ActsOnProcess, FaultKind, anything, never
from harness.provider.fault_words import phrases

RESTART = FaultKind(
    kind="restart",
    written=("process: restart",),
    keys=frozenset(),
    needs={},
    check=anything,
    act=ActsOnProcess(),
    ends_by=None,
    kills=never,
    fails=False,
    merely_slows=False,
    words=phrases(did="was restarted", one="restart", many="restarts"),
    meets="the process is ended in an orderly way (SIGTERM) when the fault begins, and started again at once; the fault is over when"
    " it is ready",
    meets_plain="",
    examples=(),
)
