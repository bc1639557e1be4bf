"""Requests that were due and have no record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from harness.judge.tables.columns import Ints, Requests
from harness.scenario import Arrival, Plan
from harness.scenario.mix import THINK_NS


def missing_requests(plan: Plan, requests: Requests, kinds: Sequence[str], until_ns: float) -> Ints:
    """Return how many requests are missing, by phase and kind.

    Args:
        plan: What was to happen.
        requests: Those on record.
        kinds: All that the load asks for.
        until_ns: When the last request was due, of a run that was cut short; else infinity.
    """
    later = {arrival.request_id: arrival for arrival in plan.arrivals if arrival.after is not None}
    due = [arrival for arrival in plan.arrivals if arrival.after is None and arrival.scheduled_ns <= until_ns]
    first = requests.phase >= 0
    if later:
        names = requests.pick("request_id", np.arange(len(requests)))
        first &= np.array([name not in later for name in names], dtype=bool)
    missing: Ints = np.maximum(
        _of_arrivals(plan, kinds, due) - _counts(plan, kinds, requests.phase[first], requests.kind[first]), 0
    )
    if later:
        missing += _of_arrivals(plan, kinds, _missing_turns(plan, requests, later.values(), until_ns))
    return missing


def _missing_turns(plan: Plan, requests: Requests, later: Iterable[Arrival], until_ns: float) -> list[Arrival]:
    """Return the later turns without a record, where one was due: the turn before was answered, and the run went on."""
    row = {name: place for place, name in enumerate(requests.pick("request_id", np.arange(len(requests))))}
    last_ns = min(plan.end_ns - 1, until_ns)
    answered = requests.ok & (requests.end_ns + THINK_NS <= last_ns)
    return [each for each in later if each.request_id not in row and each.after in row and answered[row[each.after]]]


def _of_arrivals(plan: Plan, kinds: Sequence[str], arrivals: Sequence[Arrival]) -> Ints:
    places = {each.name: place for place, each in enumerate(plan.phases)}
    phase = np.array([places.get(arrival.phase, -1) for arrival in arrivals], dtype=np.int64)
    of_part = np.array([kinds.index(part.kind) for part in plan.parts], dtype=np.int64)
    return _counts(plan, kinds, phase, of_part[np.array([arrival.part for arrival in arrivals], dtype=np.int64)])


def _counts(plan: Plan, kinds: Sequence[str], phase: Ints, kind: Ints) -> Ints:
    size = len(plan.phases), len(kinds)
    found: Ints = np.bincount(phase.astype(np.int64) * size[1] + kind, minlength=size[0] * size[1]).reshape(size)
    return found
