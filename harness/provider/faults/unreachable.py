"""A connection try never completes, as where a firewall drops it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.provider.fault_kind import ActsOnListener, FaultKind, always, anything
from harness.provider.fault_words import phrases
from harness.provider.inject import Inject


def state(_inject: Inject) -> Mapping[str, Any]:
    """Ignore connection tries."""
    return {"connecting": "ignored"}


UNREACHABLE = FaultKind(
    kind="unreachable",
    written=("connection: unreachable",),
    keys=frozenset(),
    needs={},
    check=anything,
    act=ActsOnListener(state=state),
    ends_by=None,
    kills=always,
    fails=True,
    merely_slows=False,
    words=phrases(did="could not be reached", one="connection without a reply", many="connections without a reply"),
    meets="a connection try gets no reply until the client's own connect timeout; connections that were open break",
    meets_plain="",
    examples=(),  # a new one would change what every seed of `explore` means; to a chain it is `silent` without a connection
)
