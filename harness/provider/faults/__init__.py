"""The kinds of faults, one file each.

A fault changes how the provider's port behaves, answers in the provider's place, or changes the provider's answer on its
way. `CONTRIBUTING.md` says how to add one, in this package or in another.
"""

from __future__ import annotations

from functools import cache

from harness.provider.fault_kind import FaultKind
from harness.registry import Registry

FAULTS = Registry("faults", package=__name__, shape=FaultKind, name_of=lambda fault: fault.kind)
"""By kind: `status`, `reset`, `stream_reset`, …; a kind of another package is `fault: KIND` in a scenario."""


@cache
def kind_of_key() -> dict[str, str]:
    """Return the kinds that have keys of their own in `inject`, by each of these keys."""
    return {form: fault.kind for fault in FAULTS.own.values() for form in fault.written if ": " not in form}


@cache
def names_of(key: str) -> tuple[str, ...]:
    """Return the names of our own kinds that `inject` can have under `connection`, `stream`, `answer` or `process`."""
    start = f"{key}: "
    return tuple(
        form.removeprefix(start) for fault in FAULTS.own.values() for form in fault.written if form.startswith(start)
    )
