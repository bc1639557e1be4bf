"""What unused attempts took: no caller got their answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.judge.metrics.declaration import Metric
from harness.judge.metrics.kinds import Count
from harness.judge.metrics.scope import Scope
from harness.judge.remedies import USE_WHAT_IS_PAID

if TYPE_CHECKING:
    from harness.judge.tables.columns import Bools


def _unused(scope: Scope) -> Bools:
    return scope.attempts & scope.run.unused


def _tokens(scope: Scope) -> Count:
    tokens = np.nansum(scope.run.columns.attempts.tokens[_unused(scope)])
    return Count(value=float(tokens), samples=int(scope.attempts.sum()), nothing="no attempts")


def _cost(scope: Scope) -> Count:
    attempts, unused = scope.run.columns.attempts, _unused(scope)
    cost_usd = attempts.cost_usd[unused]
    if (np.isnan(cost_usd) & (attempts.tokens[unused] > 0)).any():  # it may be any amount, not 0
        return Count(value=math.nan, samples=0, nothing="a provider's price is not known: give its `price`")
    # Exact, so that the order of the rows cannot show in the last digit.
    spent_usd = math.fsum(cost_usd[~np.isnan(cost_usd)])
    return Count(value=spent_usd, samples=int(scope.attempts.sum()), nothing="no attempts")


WASTED_TOKENS = Metric(
    name="wasted_tokens",
    label="wasted tokens",
    meaning="Tokens, in and out, of attempts whose answer no caller got.",
    unit="count",
    kind=Count,
    measure=_tokens,
    groups=("phase", "kind", "provider"),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=USE_WHAT_IS_PAID,
    shown=(),
)

COST = Metric(
    name="cost",
    label="wasted cost",
    meaning="What the attempts cost whose answer no caller got; no number if one of their prices is not known.",
    unit="usd",
    kind=Count,
    measure=_cost,
    groups=("phase", "kind", "provider"),
    asked=True,
    argument=None,
    better="less",
    served=False,
    about_time=False,
    until_deadline=False,
    seen_by="edge",
    across=False,
    remedy=USE_WHAT_IS_PAID,
    shown=(),
)
