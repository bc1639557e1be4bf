"""What callers were given: halves, doubles, inventions."""

from __future__ import annotations

import numpy as np

from harness.judge.case import Case
from harness.judge.columns import Bools, Floats, Ints, floats
from harness.judge.findings.seen import Seen, by_request


def truncated_as_success(run: Case) -> Seen:
    """The provider's answer was cut, yet the caller got a 2xx and nothing that an OpenAI client raises on."""
    columns, ways = run.columns, run.ways
    attempts = columns.attempts
    begun = _fine(attempts.status) & ~np.isnan(attempts.status)
    cut = begun & attempts.had("cut", "reset", "timeout", "malformed")
    # Where the text names no attempt, the answer is that of the last attempt that began one.
    serving = np.where(ways.winner >= 0, ways.winner, _last(run, begun))
    was_cut = np.append(cut, False)[serving]
    meant = np.append(floats(attempts.column("text_chars")), np.nan)[serving]
    got = floats(columns.requests.table["text_chars"])
    shorter = got < meant
    taken = columns.requests.ok & _fine(columns.requests.status) & ~columns.requests.complete
    return by_request(
        run,
        shown=taken & (serving >= 0) & (was_cut | shorter),
        could=columns.requests_with(cut),
        did="got half an answer as if it were whole",
        nobody="no answer was cut",
    )


def duplicated_content(run: Case) -> Seen:
    """The caller's text holds the beginning of an answer twice, from two attempts."""
    sources = run.columns.requests.table["sources"]
    several = sources.str.len().to_numpy(np.float64) > 1
    shown = several.copy()
    # Few: only texts that name more than one attempt are looked at one by one.
    shown[several] = [len(set(names)) > 1 for names in sources[several]]
    begun = _fine(run.columns.attempts.status)
    twice = np.bincount(run.columns.attempts.request[begun], minlength=len(run.columns.requests)) > 1
    return by_request(
        run,
        shown=shown,
        could=twice,
        did="got the beginning of an answer twice",
        nobody="no request had two attempts that began an answer",
    )


def error_swallowed(run: Case) -> Seen:
    """A 2xx answer although no attempt succeeded."""
    columns = run.columns
    without = columns.requests.sent & ~columns.requests_with(~columns.attempts.failed)
    answered = columns.requests.ok & _fine(columns.requests.status) & ~columns.requests.complete
    return by_request(
        run,
        shown=without & answered,
        could=without,
        did="got a 2xx answer although no attempt succeeded",
        nobody="every request had an attempt that succeeded",
    )


def _fine(status: Floats) -> Bools:
    return (status >= 200) & (status < 300)


def _last(run: Case, chosen: Bools) -> Ints:
    """Return the place of each request's last chosen attempt, -1 where it has none."""
    places = np.flatnonzero(chosen)
    last = np.full(len(run.columns.requests), -1)
    np.maximum.at(last, run.columns.attempts.request[places], places)
    return last
