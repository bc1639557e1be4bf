"""What is valid in a chain but probably not meant: each with what its host really does, in numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.chain.schedule import Schedule
from harness.chain.spec import Chain
from harness.document.places import Place
from harness.provider.dialects import vendor_of
from harness.quantities import amount, exact, listed, plural

_EVERYWHERE = frozenset({"500", "503", "429", "timeout", "401"})
"""Failures of one provider that another may not have."""


class Advice(NamedTuple):
    """One piece of advice.

    Attributes:
        id: What it is about, for programs.
        place: In the chain's file.
        text: In a sentence.
        shown_by: The shipped scenario that shows it on this chain; None if no run can.
    """

    id: str
    place: Place
    text: str
    shown_by: str | None


def advice(chain: Chain, schedules: Sequence[Schedule], *, deadline_ns: int, place: Place) -> Iterator[Advice]:
    """Yield what holds for every host.

    Args:
        chain: As its host reads it.
        schedules: See `harness.chain.schedule`; none where only a run can show them.
        deadline_ns: After which its callers leave, in nanoseconds.
        place: Where the file says what is asked after what.
    """
    if len(chain.order) == 1:
        text = f"if {chain.order[0]} cannot answer, nothing else is asked: the chain has no fallback"
        yield Advice("no_fallback", place, text, "catalogue/unavailable.yaml")
        return
    vendors = {vendor_of(chain.providers[name]) for name in chain.order}
    if len(vendors) == 1:
        text = f"{chain.drawn}: all at {vendors.pop()}, and an outage there leaves nothing to fall back to"
        yield Advice("one_vendor", place, text, "catalogue/everything-down.yaml")
    yield from _same(chain, place)
    for schedule in schedules:
        yield from _late(chain, schedule, deadline_ns, place)


def _same(chain: Chain, place: Place) -> Iterator[Advice]:
    """Yield providers of a chain file that are one and the same."""
    if chain.litellm is not None:
        return
    for number, name in enumerate(chain.order):
        for earlier in chain.order[:number]:
            if chain.providers[earlier] == chain.providers[name]:
                text = f"{name} is the same as {earlier}: what fails at one fails at both"
                yield Advice("same_twice", place, text, "catalogue/fallback-down-too.yaml")


def _late(chain: Chain, schedule: Schedule, deadline_ns: int, place: Place) -> Iterator[Advice]:
    """Yield that a fallback comes too late for its caller, or never."""
    first, *others = schedule.hops
    leave = f"callers leave after {exact(deadline_ns, 'ns')}"
    after = listed(schedule.failures)
    asked = {name for hop in schedule.hops for name in hop.providers}
    never = [name for name in chain.order if name not in asked]
    if schedule.times_out:
        late = next((hop for hop in others if hop.at_worst_ns >= deadline_ns), None)
        if first.timeout_ns >= deadline_ns:
            text = (
                f"an attempt may last {exact(first.timeout_ns, 'ns')}, and {leave}: "
                f"while {first.name} is silent, nobody is served; set a shorter timeout"
            )
            yield Advice("timeout_over_deadline", place, text, "catalogue/silent-provider.yaml")
        elif late is not None:
            before = schedule.hops[: schedule.hops.index(late)]
            tries = listed(
                [
                    f"{plural(hop.tries, 'try', 'tries')} of up to {exact(hop.timeout_ns, 'ns')} at {hop.name}"
                    for hop in before
                ]
            )
            text = (
                f"{late.name} is asked after up to {amount(late.at_worst_ns, 'ns')} of silence ({tries}), and {leave}"
            )
            yield Advice("silence_over_deadline", place, text, "catalogue/silent-provider.yaml")
    if schedule.failures != ("timeout",):
        late = next((hop for hop in others if hop.after.most >= deadline_ns), None)
        if late is not None:
            waits = f"{late.name} is asked {late.after.text} after the request, of waits alone, if every attempt fails"
            yield Advice("waits_over_deadline", place, f"{waits} ({after}), and {leave}", "catalogue/unavailable.yaml")
    ends = [failure for failure in schedule.failures if failure in _EVERYWHERE]
    if ends and never:
        text = f"after {listed(ends)} at {first.name}, {listed(never)} is never asked"
        shown_by = "catalogue/silent-provider.yaml" if ends == ["timeout"] else "catalogue/unavailable.yaml"
        yield Advice("never_asked", place, text, shown_by)
