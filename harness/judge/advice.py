"""What is valid in a scenario but probably not meant: each with the figure that shows it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from harness.chain import Chain
from harness.chain.advice import Advice
from harness.chain.targets import groups
from harness.document import Place
from harness.document.units import duration_text
from harness.judge.intervals import MEAN_SAMPLES_MIN, needed_for_quantile, needed_for_rate
from harness.judge.metrics import QUANTILES, asked_for
from harness.judge.metrics.kinds import Mean, Observations, Proportion
from harness.quantities import count, duration, exact
from harness.scenario import Expectation, Plan, Scenario, Window
from harness.scenario.orders import meanings

LIVE_RATE_MAX = 300
"""Requests per second up to which the load generator was measured; see benchmarks."""
_REQUESTS_MANY = 100_000
_BYTES_PER_REQUEST = 5_000  # measured: 5.4 kB with 30,000 requests in virtual time, less the more there are
_HOUR_NS = 3600 * 10**9


def advice(plan: Plan) -> Iterator[Advice]:
    """Yield advice on places of a scenario's file."""
    yield from _size(plan)
    for number in sorted({int(window.fault_id.rpartition("-")[2]) - 1 for window in plan.timeline.windows}):
        windows = [window for window in plan.timeline.windows if window.fault_id == f"fault-{number + 1}"]
        yield from _fault(plan, windows, ("faults", number))
    for number, expectation in enumerate(plan.expectations):
        for about, find in (
            ("cannot_pass", _cannot_pass),
            ("cannot_fail", _cannot_fail),
            ("limit_beyond_deadline", _beyond),
        ):
            if text := find(plan, expectation):
                yield Advice(about, ("expect", number), text, None)
                break


def ambiguous_targets(scenario: Scenario, chain: Chain) -> Iterator[Advice]:
    """Yield the same for faults whose target names a deployment and a model group of several."""
    known = meanings(scenario.load, chain)
    for number, fault in enumerate(scenario.faults):
        broken = {provider for name in fault.names for provider in known.get(name, ())}
        for name in fault.names:
            group = groups(chain).get(name, ())
            if name in chain.providers and not broken.issuperset(group):
                text = f"only deployment {name!r} fails, not all of its model group: write [{', '.join(group)}] for all"
                yield Advice("one_of_a_group", ("faults", number, "on"), text, None)


def _size(plan: Plan) -> Iterator[Advice]:
    requests, rate = len(plan.arrivals), plan.load.peak_rate
    place = ("load", "shape" if plan.load.shape else "rate")
    if rate > LIVE_RATE_MAX:
        text = f"{count(rate)} requests/s: a live run was measured up to {LIVE_RATE_MAX}/s; late requests make it inconclusive"
        yield Advice("high_rate", place, text, None)
    if requests > _REQUESTS_MANY:
        text = f"{count(requests)} requests: about {count(requests * _BYTES_PER_REQUEST / 1e9)} GB of memory"
        yield Advice("many_requests", place, text, None)
    if plan.end_ns > _HOUR_NS:
        yield Advice("long_run", ("phases",), f"a live run takes {duration(plan.end_ns)}", None)


def _fault(plan: Plan, windows: Sequence[Window], place: Place) -> Iterator[Advice]:
    """Yield what is wrong with one fault; it has a window at each of its providers."""
    first = windows[0]
    times = [arrival.scheduled_ns for arrival in plan.arrivals]
    inside = bisect_left(times, first.end_ns) - bisect_left(times, first.start_ns)
    if inside == 0:
        lasts = f"{duration_text(first.end_ns - first.start_ns)} from {duration_text(first.start_ns)} on"
        text = f"none of the {len(times)} requests begins while it lasts ({lasts}), so it may never fire"
        yield Advice("fault_may_not_fire", place, text, None)
    hiding = [_hidden_by(plan, window) for window in windows]
    if all(hiding):
        names = list(dict.fromkeys(name for found in hiding for name in found))
        decide = "decides" if len(names) == 1 else "decide"
        providers = ", ".join(window.provider for window in windows)
        text = f"never fires: as long as it lasts, {' and '.join(names)} {decide} every attempt at {providers}"
        yield Advice("fault_hidden", place, text, None)


def _hidden_by(plan: Plan, window: Window) -> list[str]:
    """Return the faults that leave a window no attempt; none if it has some."""
    there = [other for other in plan.timeline.windows if (other.leg, other.provider) == (window.leg, window.provider)]
    at = [other for other in there if other is not window]
    before = at[: [other.fault_id for other in there].index(window.fault_id)]
    hiding = [other for other in at if _hides(other, window, earlier=other in before)]
    reached, used = window.start_ns, []
    for other in sorted(hiding, key=lambda each: each.start_ns):
        if other.start_ns <= reached < other.end_ns:
            reached = other.end_ns
            used.append(f"faults[{int(other.fault_id.rpartition('-')[2]) - 1}]")
        if reached >= window.end_ns:
            return used
    return []


def _hides(other: Window, window: Window, *, earlier: bool) -> bool:
    """Return whether a window leaves another no attempt while it acts; see `Where faults overlap` in the reference."""
    kind, own = other.inject.fault_kind, window.inject.fault_kind
    if not other.hits_all or other.inject.limit is not None:
        return False
    if other.blocks is not None and own.aspect != "listener":
        return True
    if kind.aspect == "instead" and own.aspect in ("body", "pace"):
        return True
    if kind.aspect == "listener" == own.aspect:
        return earlier and kind.kind == own.kind
    return earlier and kind.aspect == own.aspect and (own.streams_only or not kind.streams_only)


def _cannot_pass(plan: Plan, expectation: Expectation) -> str:
    """Return why an expectation cannot pass with the planned requests; empty if it can."""
    needed = requests_needed(expectation)
    kinds = [part.kind for part in plan.parts]
    requests = sum(
        expectation.phase in (None, arrival.phase) and expectation.kind in (None, kinds[arrival.part])
        for arrival in plan.arrivals
    )
    if needed is None or requests >= needed:
        return ""
    where = f"phase {expectation.phase!r}" if expectation.phase else "the run"
    of_kind = f" of kind {expectation.kind!r}" if expectation.kind else ""
    return f"cannot pass: it needs at least {needed} requests{of_kind}, and {where} has {requests}"


def requests_needed(expectation: Expectation) -> int | None:
    """Return the fewest requests with which an expectation can pass; None where that depends on the values."""
    if expectation.metric is None or expectation.op is None or expectation.target is None:
        return None
    kind = asked_for(expectation.metric, expectation.quantile).kind
    if kind is Proportion:
        return needed_for_rate(expectation.op, expectation.target, hits=0, samples=0)
    quantile = QUANTILES.get(expectation.quantile or "")
    if kind is Observations and quantile is not None:
        return needed_for_quantile(quantile)
    return MEAN_SAMPLES_MIN if kind is Mean else None


def _cannot_fail(_plan: Plan, expectation: Expectation) -> str:
    """Return why an expectation is useless; empty if it is not."""
    if expectation.metric is None or expectation.op is None:
        return ""
    highest = 1.0 if asked_for(expectation.metric, expectation.quantile).unit == "share" else None
    if expectation.op == ">=" and expectation.target == 0:
        return "always holds: no value is below 0"
    if expectation.op == "<=" and highest is not None and expectation.target == highest:
        return "always holds: no share is above 100%"
    return ""


def _beyond(plan: Plan, expectation: Expectation) -> str:
    """Return that a limit on a wait is longer than any caller waits; empty if it is not."""
    if expectation.metric is None or expectation.op not in ("<", "<=") or expectation.target is None:
        return ""
    metric, deadline_ns = asked_for(expectation.metric, expectation.quantile), plan.load.deadline
    if not metric.until_deadline or expectation.target <= deadline_ns:
        return ""
    return f"beyond the deadline of {exact(deadline_ns, 'ns')}: the wait of a caller who leaves then is not observed further"
