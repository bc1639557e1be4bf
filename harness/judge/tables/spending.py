"""What a run's attempts cost at the chain's prices, and how much of it bought no caller an answer."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.judge.run_data import RunData
from harness.judge.tables.columns import Attempts, Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Sums over all measured attempts whose price is known.

    Attributes:
        cost_usd: What they cost; None where no price is known.
        wasted_usd: What those of them cost whose answer no caller got.
        tokens: In and out, of all attempts, with a price or without.
        wasted_tokens: Of those whose answer no caller got.
        wasted_attempts: How many of these were billed tokens.
        unpriced: Providers whose price is not known although they billed tokens.
        real_usd: What real providers were paid of it; the others were played by the harness.
    """

    cost_usd: float | None
    wasted_usd: float
    tokens: int
    wasted_tokens: int
    wasted_attempts: int
    unpriced: tuple[str, ...]
    real_usd: float


def billed_usd(attempts: Attempts) -> Floats:
    """Return what each attempt cost, in USD: a failed one nothing, if what it was billed is not known. NaN where a price is not known."""
    return np.where(attempts.failed & np.isnan(attempts.cost_usd), 0.0, attempts.cost_usd)


def spending(run: RunData) -> Spending:
    """Return what a run cost."""
    attempts = run.columns.attempts
    tokens, cost_usd = np.nan_to_num(attempts.tokens), attempts.cost_usd
    priced = ~np.isnan(cost_usd)

    def dollars(chosen: Bools) -> float:
        return math.fsum(cost_usd[chosen & priced])  # exact, so that the order of the rows cannot show

    without = np.unique(attempts.provider[(tokens > 0) & ~priced])
    return Spending(
        cost_usd=dollars(priced) if priced.any() else None,
        wasted_usd=dollars(run.unused),
        tokens=int(tokens.sum()),
        wasted_tokens=int(tokens[run.unused].sum()),
        wasted_attempts=int((run.unused & (tokens > 0)).sum()),
        unpriced=tuple(run.columns.providers[place] for place in without),
        real_usd=dollars(attempts.bools("forwarded")),
    )
