"""How many steps there were from one provider to another, and what triggered them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from harness.document import did_you_mean, field_error
from harness.http_rules import is_success
from harness.judge.metrics.declaration import Argument, Metric
from harness.judge.metrics.kinds import Count
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import ROUTE_AS_MEANT
from harness.judge.tables.failures import CAUSES, causes
from harness.judge.tables.fallbacks import TRIGGERS

if TYPE_CHECKING:
    from harness.judge.run_data import RunData
    from harness.judge.tables.columns import Bools

_STATUS = re.compile(r"[2-5]\d\d")


def _check(text: str) -> None:
    if _STATUS.fullmatch(text):
        if is_success(int(text)):
            raise field_error("a success triggers no fallback")
    elif text not in TRIGGERS:
        known = f"{', '.join(TRIGGERS)}, or a status such as 429"
        raise field_error("expected a class of failure or a status", known=known, **_hint(text))


def _hint(text: str) -> dict[str, str]:
    hint = did_you_mean(text, TRIGGERS)
    return {"hint": hint} if hint else {}


def _measure(scope: Scope) -> Count:
    fallbacks, asked = scope.run.fallbacks, scope.argument
    shown = scope.attempts[fallbacks.after]
    could, nothing = scope.attempts, "no request made an attempt"
    if asked is not None and asked.isdecimal():
        shown &= fallbacks.status == int(asked)
        could, nothing = could & (scope.run.columns.attempts.status == int(asked)), f"no attempt was answered {asked}"
    elif asked is not None:
        shown &= fallbacks.trigger == TRIGGERS.index(asked)
        if asked in CAUSES:
            could, nothing = could & _failed_by(scope.run, asked), f"no attempt failed by {asked}"
    samples = int(scope.run.columns.requests_with(could).sum())
    return Count(value=int(shown.sum()), samples=samples, nothing=nothing)


def _failed_by(run: RunData, cause: str) -> Bools:
    """Return which attempts failed so; one that the chain gave up only where that led to a fallback: it may be a lost hedge."""
    attempts, steps = run.columns.attempts, run.fallbacks
    failed = np.flatnonzero(attempts.failed & ~attempts.had("client_left"))
    mask = np.zeros(len(attempts), dtype=bool)
    mask[failed] = causes(run.columns, failed) == TRIGGERS.index(cause)
    mask[steps.before[steps.trigger == TRIGGERS.index(cause)]] = True
    return mask


FALLBACKS = Metric(
    name="fallbacks",
    label="fallbacks",
    meaning=(
        "Steps of a request from one provider to another that is not its peer, a skipped first provider and a hedge "
        "included: the rows of the table of fallbacks. Its samples are the requests that made an attempt."
    ),
    unit="count",
    kind=Count,
    measure=_measure,
    groups=("phase", "kind"),
    asked=True,
    argument=Argument(
        name="TRIGGER",
        meaning=(
            "Only those with this trigger: a class of failure, a status, `skipped`, `hedge` or `answered`. Its samples are "
            "the requests with such a failure; without any, the number is not known."
        ),
        check=_check,
        example="rate_limit",
    ),
    better=None,
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=ROUTE_AS_MEANT,
    shown=(),
)
