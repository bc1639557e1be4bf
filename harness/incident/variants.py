"""An incident on a chain, as scenarios: one for each thing that is unknown about it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from harness.chain import Chain
from harness.incident.cutting import Cut, PlayedPart, played
from harness.incident.schema import Incident, IncidentWindow
from harness.provider.dialects import vendor_of
from harness.provider.inject import Inject
from harness.scenario.mix import MixPart
from harness.scenario.schema import Fault, Load, Scenario

RETRY_AFTER_NS = 20 * 10**9
"""Sent with a refusal in the variants that send one: no source says whether a vendor did."""
_ASKS_TO_WAIT = frozenset({429, 503, 529})
BEFORE_NS = 30 * 10**9
"""Played before the incident begins, to compare with."""
CALLERS = 100
"""Among whom those are drawn who fail again and again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A window of an incident at providers of a chain.

    Attributes:
        providers: Their names in the chain.
        window: The window; its times are from the start of what is played.
    """

    providers: tuple[str, ...]
    window: IncidentWindow


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """An incident as it may have been.

    Attributes:
        share: Which end of each band: `low` or `high`.
        inject: Which of the faults that it may have been, counted from 1.
        retry_after: Refusals ask to wait.
        scenario: To be compiled on the chain.
        parts: What of the incident is played.
    """

    share: str
    inject: int
    retry_after: bool
    scenario: Scenario
    parts: tuple[PlayedPart, ...]


def hits(incidents: Mapping[str, Incident], chain: Chain) -> tuple[Hit, ...]:
    """Return what of some incidents, played together, hits a chain; times are from the earliest start.

    A window whose fault nothing can play hits nobody.
    """
    start = min(incident.start for incident in incidents.values())
    found: list[Hit] = []
    for incident in incidents.values():
        later_ns = round((incident.start - start).total_seconds() * 1e9)
        for window in incident.windows:
            providers = tuple(_hit_by(window, chain))
            if providers and window.inject:
                found.append(Hit(providers=providers, window=replace(window, at=window.at + later_ns)))
    return tuple(found)


def of_any_model(incident: Incident) -> Incident:
    """Return an incident as if it had hit all models of its vendors; its title says so."""
    title = f"As if it had hit your models: {incident.title}"
    return replace(incident, title=title, windows=tuple(replace(window, models=None) for window in incident.windows))


def _hit_by(window: IncidentWindow, chain: Chain) -> Iterator[str]:
    """Yield the providers of a chain that a window hits: by vendor and model."""
    for name, provider in chain.providers.items():
        models = window.models
        if vendor_of(provider) in window.on and (models is None or _names(provider.model, models)):
            yield name


def _names(model: str, models: Sequence[str]) -> bool:
    """Return whether a model is one of a list: by its name, or by one that adds a version to it."""
    asked = model.rpartition("/")[2].lower()
    return any(asked == name.lower() or asked.startswith(f"{name.lower()}-") for name in models)


def variants(name: str, title: str, found: Sequence[Hit], load: Load, cut: Cut) -> Iterator[Variant]:
    """Yield every way in which an incident may have been.

    Args:
        name: Of the incident, for the runs' names.
        title: Of it.
        found: What hits the chain.
        load: What callers do.
        cut: How much is played.
    """
    ends = ("low", "high") if any(hit.window.share.low < hit.window.share.high for hit in found) else ("high",)
    kinds = range(1, max(len(hit.window.inject) for hit in found) + 1)
    waits = (
        (False, True) if any(_may_ask_to_wait(inject) for hit in found for inject in hit.window.inject) else (False,)
    )
    edges = {0, *(edge for hit in found for edge in (hit.window.at, hit.window.end_ns))}
    parts = played(edges, cut, begin_ns=BEFORE_NS)
    for end, kind, wait in product(ends, kinds, waits):
        faults = tuple(_faults(found, parts, end, kind, ask_to_wait=wait))
        phases = {"before": BEFORE_NS, "incident": parts[-1].end_ns - BEFORE_NS, "after": cut.settle}
        yield Variant(
            share=end,
            inject=kind,
            retry_after=wait,
            scenario=Scenario(
                name=name[:63], title=title, load=_with_callers(load, faults), phases=phases, faults=faults
            ),
            parts=parts,
        )


def worst(every: Iterable[Variant]) -> Variant:
    """Return the high end of what is unknown about an incident, by the first of its failures, without a Retry-After."""
    return next(each for each in every if each.share == "high")


def _may_ask_to_wait(inject: Inject) -> bool:
    return inject.status in _ASKS_TO_WAIT and inject.retry_after is None


def _faults(
    found: Sequence[Hit], parts: Sequence[PlayedPart], end: str, kind: int, *, ask_to_wait: bool
) -> Iterator[Fault]:
    """Yield windows as faults of the run, provider by provider.

    Shares of windows at the same time add up: each request meets one of them at most. The draws of two faults do not know each other, so
    each later one is given its share of the requests that those before it leave.
    """
    for provider in dict.fromkeys(name for hit in found for name in hit.providers):
        here = [hit for hit in found if provider in hit.providers]
        for place, hit in enumerate(here):
            window = hit.window
            spans: list[tuple[float, list[PlayedPart]]] = []
            for part in parts:
                if window.at <= part.real_start_ns < window.end_ns:
                    before = sum(_share(each, end) for each in here[:place] if _covers(each, part))
                    left = min(1.0, _share(hit, end) / (1 - before)) if before < 1 else 0.0
                    if not spans or spans[-1][0] != left:
                        spans.append((left, []))
                    spans[-1][1].append(part)
            inject = window.inject[(kind - 1) % len(window.inject)]
            if ask_to_wait and _may_ask_to_wait(inject):
                inject = replace(inject, retry_after=RETRY_AFTER_NS)
            for share, within in spans:
                if share > 0:
                    yield Fault(
                        on=provider,
                        at=within[0].start_ns,
                        for_=within[-1].end_ns - within[0].start_ns,
                        inject=inject,
                        share=share,
                        share_by=window.share_by if share < 1 else "attempt",
                        streaming=window.streaming,
                    )


def _share(hit: Hit, end: str) -> float:
    return hit.window.share.low if end == "low" else hit.window.share.high


def _covers(hit: Hit, part: PlayedPart) -> bool:
    return hit.window.at <= part.real_start_ns < hit.window.end_ns


def _with_callers(load: Load, faults: Sequence[Fault]) -> Load:
    """Return the load with callers told apart, where a fault chooses among them."""
    if all(fault.share_by == "attempt" for fault in faults):
        return load
    mix = load.mix or (MixPart(share=1.0),)
    return replace(load, mix=tuple(replace(part, callers=part.callers or CALLERS) for part in mix))
