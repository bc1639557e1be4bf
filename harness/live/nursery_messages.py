"""Messages between the runner and a nursery."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class NurseryStart:
    """Start message of a nursery.

    Attributes:
        socket: Path of the Unix socket where it is to listen.
    """

    socket: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Born:
    """A nursery has forked a process."""

    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A process that a nursery forked has ended; the exit code of a signal is negative."""

    pid: int
    code: int
