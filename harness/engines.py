"""What the two engines, live and in virtual time, share with the code that carries out a run."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Protocol

from harness.errors import ExitCode, HarnessError

Gate = Callable[[], Awaitable[None]]
"""Awaited between the warm-up and the origin: runs that share a machine begin together, after everyone's imports."""


class Engine(StrEnum):
    """What a plan is carried out on: real sockets in real time, or virtual time."""

    LIVE = "live"
    SIM = "sim"


class BudgetReached(HarnessError):  # noqa: N818 - not an error of anyone's
    """The run ended early: its real providers may not be called any more."""

    exit_code = ExitCode.INCONCLUSIVE


class Progress(Protocol):
    """Receives how far a run is."""

    def phase(self, name: str, total_s: float | None = None) -> None:
        """Begin a named part of the work, which takes `total_s` seconds if that is known."""

    def say(self, text: str) -> None:
        """Show one thing worth knowing."""


class CountedProgress(Progress, Protocol):
    """Receives how far a work of several runs is."""

    def count(self, done: int, total: int) -> None:
        """Tell how many of its runs are done."""


class Quiet:
    """The progress of a run in the background: of a suite's runs, only what is worth knowing is shown.

    Args:
        say: Receives that; it is lost if None.
    """

    def __init__(self, say: Callable[[str], None] | None = None) -> None:
        self._say = say

    def phase(self, name: str, total_s: float | None = None) -> None:
        """Begin a named part of the work."""

    def count(self, done: int, total: int) -> None:
        """Show how many runs are done."""

    def say(self, text: str) -> None:
        """Show one thing worth knowing."""
        if self._say is not None:
            self._say(text)
