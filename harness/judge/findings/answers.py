"""What callers were given: halves, doubles, inventions."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Bools, Ints, are_success, floats


def truncated_as_success(run: RunData) -> CheckResult:
    """The provider's answer was cut, yet the caller got a 2xx and nothing that an OpenAI client raises on."""
    columns, journeys = run.columns, run.journeys
    attempts = columns.attempts
    begun = are_success(attempts.status)
    cut = begun & attempts.had("cut", "reset", "timeout", "malformed")
    # Where the text names no attempt, the answer is that of the last attempt that began one.
    serving = np.where(journeys.winner >= 0, journeys.winner, _last(run, begun))
    was_cut = np.append(cut, False)[serving]
    meant = np.append(floats(attempts.column("text_chars")), np.nan)[serving]
    got = floats(columns.requests.table["text_chars"])
    shorter = got < meant
    taken = columns.requests.ok & are_success(columns.requests.status) & ~columns.requests.complete
    return by_request(
        run,
        shown=taken & (serving >= 0) & (was_cut | shorter),
        could=columns.requests_with(cut),
        did="got half an answer as if it were whole",
        nobody="no answer was cut",
    )


def duplicated_content(run: RunData) -> CheckResult:
    """The caller's text holds the beginning of an answer twice, from two attempts."""
    sources = run.columns.requests.table["sources"]
    several = sources.str.len().to_numpy(np.float64) > 1
    shown = several.copy()
    # Few: only texts that name more than one attempt are looked at one by one.
    shown[several] = [len(set(names)) > 1 for names in sources[several]]
    begun = are_success(run.columns.attempts.status)
    twice = np.bincount(run.columns.attempts.request[begun], minlength=len(run.columns.requests)) > 1
    return by_request(
        run,
        shown=shown,
        could=twice,
        did="got the beginning of an answer twice",
        nobody="no request had two attempts that began an answer",
    )


def error_swallowed(run: RunData) -> CheckResult:
    """A 2xx answer although no attempt succeeded."""
    columns = run.columns
    without = columns.requests.sent & ~columns.requests_with(~columns.attempts.failed)
    answered = columns.requests.ok & are_success(columns.requests.status) & ~columns.requests.complete
    return by_request(
        run,
        shown=without & answered,
        could=without,
        did="got a 2xx answer although no attempt succeeded",
        nobody="every request had an attempt that succeeded",
    )


def _last(run: RunData, chosen: Bools) -> Ints:
    """Return the place of each request's last chosen attempt, -1 where it has none."""
    places = np.flatnonzero(chosen)
    last = np.full(len(run.columns.requests), -1)
    np.maximum.at(last, run.columns.attempts.request[places], places)
    return last
