"""Which requests are worst, and which are like one of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from harness.judge.tables.columns import Columns, Ints
from harness.judge.tables.fallbacks import TRIGGERS, Fallbacks
from harness.judge.tables.journeys import Journeys
from harness.lazy import lazy

if TYPE_CHECKING:
    import pandas as pd
else:
    pd = lazy("pandas")

LIKE = ("outcome", "providers", "triggers")
"""What makes requests alike, the most important first."""
_EXAMPLES = 3


def worst_first(columns: Columns, journeys: Journeys) -> Ints:
    """Return the places of all requests: first those without a complete answer, and within both the slowest first.

    A text that the chain has rewritten may be complete, and counts as if it were.
    """
    done = columns.requests.complete | columns.rewritten
    slowest = -np.nan_to_num(journeys.latency_ns, nan=-math.inf, posinf=math.inf)
    order: Ints = np.lexsort((columns.requests.row, slowest, done))
    return order


def likeness(columns: Columns, fallbacks: Fallbacks) -> pd.DataFrame:
    """Return what makes requests alike, one row per measured request in the order of Requests.

    Returns:
        `request_id`; `outcome`: `complete`, else how it ended and the status (`error 503`, `deadline`); `providers`: each provider
        asked, in the order of the first attempts, with how often (`openai ×3 → azure`; empty for none); `triggers`: of its steps
        from one provider to another, in order (`server_error, rate_limit`; empty for none).
    """
    requests, attempts = columns.requests, columns.attempts
    size, everyone = len(requests), np.arange(len(requests))
    outcomes = requests.pick("outcome", everyone)
    status = requests.status
    ended = [
        "complete"
        if done
        else f"{outcome} {int(code)}"
        if outcome == "error" and not math.isnan(code)
        else str(outcome)
        for done, outcome, code in zip(requests.complete, outcomes, status, strict=True)
    ]
    asked: list[dict[int, int]] = [{} for _ in range(size)]
    for request, provider in zip(attempts.request.tolist(), attempts.provider.tolist(), strict=True):
        asked[request][provider] = asked[request].get(provider, 0) + 1
    steps: list[list[str]] = [[] for _ in range(size)]
    for request, trigger in zip(attempts.request[fallbacks.after].tolist(), fallbacks.trigger.tolist(), strict=True):
        steps[request].append(TRIGGERS[trigger])
    names = columns.providers
    return pd.DataFrame(
        {
            "request_id": requests.pick("request_id", everyone),
            "outcome": ended,
            "providers": [
                " → ".join(names[name] + (f" ×{times}" if times > 1 else "") for name, times in each.items())
                for each in asked
            ],
            "triggers": [", ".join(each) for each in steps],
        }
    )


def alike(columns: Columns, journeys: Journeys, fallbacks: Fallbacks, place: int) -> pd.DataFrame:
    """Return how many other requests are like one: in outcome, providers and triggers, then in fewer of these.

    Args:
        columns: The run.
        journeys: What became of its requests.
        fallbacks: The steps of its requests from one provider to another.
        place: Of the request, in Requests.

    Returns:
        One row for all three of LIKE, one for the first two and one for the first: `same` (how many of them), `requests` (how many
        others are alike in those), `share` (of all others), `latency_ns` (their median, NaN where there are none) and `examples`
        (ids of those with the nearest latency, three at most).
    """
    keys = likeness(columns, fallbacks)
    own, rows = keys.iloc[place], []
    for count in range(len(LIKE), 0, -1):
        same = np.ones(len(keys), dtype=bool)
        for key in LIKE[:count]:
            same &= (keys[key] == own[key]).to_numpy()
        same[place] = False
        others = np.flatnonzero(same)
        latency_ns = journeys.latency_ns[others]
        near = others[np.argsort(np.abs(latency_ns - journeys.latency_ns[place]), kind="stable")][:_EXAMPLES]
        known_ns = latency_ns[~np.isnan(latency_ns)]
        rows.append(
            {
                "same": count,
                "requests": len(others),
                "share": len(others) / max(1, len(keys) - 1),
                "latency_ns": float(np.median(known_ns)) if len(known_ns) else math.nan,
                "examples": tuple(keys["request_id"].iloc[near]),
            }
        )
    return pd.DataFrame(rows)
