"""Nothing listens on the provider's port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.provider.fault_kind import ActsOnListener, Example, FaultKind, always, anything
from harness.provider.fault_words import phrases
from harness.provider.inject import Inject


def state(_inject: Inject) -> Mapping[str, Any]:
    """Refuse connections."""
    return {"connecting": "refused"}


REFUSED = FaultKind(
    kind="refused",
    written=("connection: refused",),
    keys=frozenset(),
    needs={},
    check=anything,
    act=ActsOnListener(state=state),
    ends_by=None,
    kills=always,
    fails=True,
    merely_slows=False,
    words=phrases(did="refused connections", one="refused connection", many="refused connections"),
    meets="connection refused; connections that were open break",
    meets_plain="",
    examples=(Example("broken", 2, Inject(connection="refused")),),
)
