"""By what settings of a chain are compared."""

from __future__ import annotations

from enum import StrEnum


class Objective(StrEnum):
    """What is to be as small as it can be."""

    UNSERVED = "unserved"
    WAIT = "wait"
    COST = "cost"
    LOAD = "load"
