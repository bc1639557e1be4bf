"""A provider's port, or the gateway's or its database's: what becomes of connections there, and of what passes, while faults act on it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from harness.history import AttemptOutcome

if TYPE_CHECKING:
    from harness.provider.window import Window

Connecting = Literal["accepted", "refused", "ignored"]
"""What a connection try meets; one that is ignored never completes, and is tried again by the caller's own system."""

Process = Literal["running", "restarted", "killed"]
"""What has become of the gateway's process; one that is restarted runs again."""

BLOCKED: dict[Connecting, AttemptOutcome] = {"refused": "refused", "ignored": "timeout"}
"""What an attempt comes to that gets no connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenerState:
    """How a provider's port behaves.

    Attributes:
        connecting: What a connection try meets. When it stops being `accepted`, connections that are open break: the
            program that holds them closes them with its port.
        delay_ns: How late all that the provider sends arrives, in nanoseconds.
        jitter_ns: Spread of the delay to both sides, in nanoseconds.
        bytes_per_second: How fast it arrives on each connection, in whole thousands; 0 sets no limit.
        resets: Every connection is reset at the first byte that arrives.
        process: What has become of the process behind the port, where that is the gateway's.
    """

    connecting: Connecting = "accepted"
    delay_ns: int = 0
    jitter_ns: int = 0
    bytes_per_second: int = 0
    resets: bool = False
    process: Process = "running"


OPEN = ListenerState()
"""How a port behaves while no fault acts on it."""


def in_force(windows: Iterable[Window], at_ns: int) -> tuple[ListenerState, tuple[Window, ...]]:
    """Return how one port behaves at a time, and the windows that make it so.

    Of windows that want different things of the same field the first acts, and the others wait until it ends.

    Args:
        windows: Those that act on the port, in the order of the file.
        at_ns: The time.
    """
    fields: dict[str, Any] = {}
    acting = []
    for window in windows:
        wanted = window.port_state
        if window.start_ns <= at_ns < window.end_ns and all(
            fields.get(key, value) == value for key, value in wanted.items()
        ):
            fields.update(wanted)
            acting.append(window)
    return ListenerState(**fields), tuple(acting)


def changes_ns(windows: Sequence[Window]) -> list[int]:
    """Return the times at which windows begin or end, in order."""
    return sorted({at for window in windows for at in (window.start_ns, window.end_ns)})
