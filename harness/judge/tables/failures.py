"""How attempts failed, in classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import get_args

import numpy as np

from harness.chain.facts import Cause, FailureClass, class_of
from harness.chain.reference import Failure
from harness.chain.reference.classify import failure, inside
from harness.http_rules import is_success
from harness.judge.tables.columns import Attempts, Bools, Columns, Ints, fault_ids

CLASSES: tuple[FailureClass, ...] = get_args(FailureClass)
CAUSES: tuple[Cause, ...] = (*CLASSES, "quota")
QUOTA_CODES = (
    "insufficient_quota",
    "organization_spend_limit_exceeded",
    "enforced_spend_limit_reached",
    "billing_error",
    "usage_limit",
    "spend_limit",
)
RATE_LIMITED = 429
PAYMENT_REQUIRED = 402
"""What some send instead of a 429, whatever their body's code; a 429 needs one of the codes."""
QUOTA_PRESETS = frozenset({"quota", "spend_limit"})
_UNANSWERED: Mapping[str, FailureClass] = {"reset": "connection", "refused": "connection", "timeout": "timeout"}


def failure_classes(attempts: Attempts, chosen: Ints) -> Ints:
    """Return the place in CLASSES of the class of some failed attempts; -1 for those of no one class.

    Args:
        attempts: All of the run.
        chosen: Places of the failed ones.
    """
    return _of_endings(attempts, chosen, lambda *ending: _place(CLASSES, _class(*ending)))


def causes(columns: Columns, chosen: Ints) -> Ints:
    """Return the place in CAUSES of why some failed attempts failed; each has one.

    `timeout` is also a connection that the chain gave up while it waited, `connection` also an answer that broke off or
    that no client can read, unless an error inside it names its class. A status that belongs to no one class counts as the
    reference chain takes it.

    Args:
        columns: The run.
        chosen: Places of the failed attempts.
    """
    found = _of_endings(columns.attempts, chosen, lambda *ending: _place(CAUSES, _cause(*ending)))
    found[quota(columns)[chosen]] = CAUSES.index("quota")
    return found


def quota(columns: Columns) -> Bools:
    """Return which attempts failed because a quota or a spend limit was used up."""
    attempts, windows = columns.attempts, columns.plan.timeline.windows
    presets = [fault_ids(windows).index(w.fault_id) for w in windows if w.inject.error in QUOTA_PRESETS]
    chosen = np.flatnonzero(np.isin(attempts.status, (RATE_LIMITED, PAYMENT_REQUIRED)))
    named = _of_endings(attempts, chosen, lambda status, _, code: status == PAYMENT_REQUIRED or code in QUOTA_CODES)
    mask = np.zeros(len(attempts), dtype=bool)
    mask[chosen] = named.astype(bool) | np.isin(attempts.fault[chosen], presets)
    return mask


def cause(status: int | None, outcome: str, code: str | None, *, limited: bool) -> Failure:
    """Return why one failed attempt failed; see `causes`.

    Args:
        status: HTTP status; None where none came.
        outcome: See `AttemptRecord`.
        code: The error body's own code.
        limited: A fault with one of `QUOTA_PRESETS` changed it.
    """
    if status == PAYMENT_REQUIRED or (status == RATE_LIMITED and (limited or code in QUOTA_CODES)):
        return "quota"
    return _cause(status, outcome, code)


def _class(status: int | None, outcome: str, code: str | None) -> FailureClass | None:
    if status is None:
        return _UNANSWERED.get(outcome)
    return None if is_success(status) else class_of(status, code)


def _cause(status: int | None, outcome: str, code: str | None) -> Failure:
    if status is not None and not is_success(status):
        return class_of(status, code) or failure(status, None)
    if outcome in ("timeout", "client_left"):
        return "timeout"
    return inside(code) if code else "connection"


def _place(names: tuple[str, ...], name: str | None) -> int:
    return names.index(name) if name is not None else -1


def _of_endings(attempts: Attempts, chosen: Ints, read: Callable[[int | None, str, str | None], int]) -> Ints:
    """Return what `read` makes of status, outcome and error code of some attempts: it is called once for each that differ."""
    ending = attempts.ending[chosen]
    there = np.bincount(ending, minlength=len(attempts.endings)) > 0
    found = [read(*each) if here else 0 for each, here in zip(attempts.endings, there, strict=True)]
    return np.array(found, dtype=np.int8)[ending]
