"""The reference chain: our own policy as a state machine that knows no clock, no socket and no thread."""

from __future__ import annotations

from harness.chain.reference.machine import Request, Shared
from harness.chain.reference.turns import Action, ChainExhausted, Done, Failure, Result, Send, Skip, Tried, Wait

__all__ = [
    "Action",
    "ChainExhausted",
    "Done",
    "Failure",
    "Request",
    "Result",
    "Send",
    "Shared",
    "Skip",
    "Tried",
    "Wait",
]
