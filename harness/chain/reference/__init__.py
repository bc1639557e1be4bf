"""The reference chain: our own policy, as a state machine without a clock, sockets or threads."""

from __future__ import annotations

from harness.chain.reference.actions import (
    Action,
    ChainExhausted,
    Done,
    Failure,
    Result,
    SendAttempt,
    Skip,
    Tried,
    WaitUntil,
)
from harness.chain.reference.machine import RequestMachine, Shared

__all__ = [
    "Action",
    "ChainExhausted",
    "Done",
    "Failure",
    "RequestMachine",
    "Result",
    "SendAttempt",
    "Shared",
    "Skip",
    "Tried",
    "WaitUntil",
]
