"""Which worker sends which arrivals."""

from __future__ import annotations

from collections.abc import Sequence

from harness.scenario.plan import Arrival


def shares(arrivals: Sequence[Arrival], workers: int) -> tuple[tuple[Arrival, ...], ...]:
    """Return each worker's arrivals, in their order: the first, the second, … in turn; a conversation stays with one worker.

    Args:
        arrivals: Of the whole run. The later turns of a conversation name the turn before.
        workers: How many share them.
    """
    before = {arrival.request_id: arrival.after for arrival in arrivals}
    places: dict[str, int] = {}
    for arrival in arrivals:
        if arrival.after is None:
            places[arrival.request_id] = len(places) % workers
    found: list[list[Arrival]] = [[] for _ in range(workers)]
    for arrival in arrivals:
        first = arrival.request_id
        while (earlier := before[first]) is not None:
            first = earlier
        found[places[first]].append(arrival)
    return tuple(map(tuple, found))
