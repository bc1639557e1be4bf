"""The incidents that come with the package."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from harness.incident import Incident, all_incidents
from harness.incident.library import FOLDER
from harness.quantities import S
from tests.test_words import found

INCIDENTS = all_incidents()
each_incident = pytest.mark.parametrize(("name", "incident"), INCIDENTS.items(), ids=list(INCIDENTS))


def fields(incident: Incident, places: Iterator[str] | tuple[str, ...]) -> set[str]:
    """Return all fields that some places mean."""
    return {field for place in places for field in incident.fields_of(place)}


def test_they_are_found_in_the_order_of_time() -> None:
    """As many as there are files, over five years, from many vendors; each with a lesson."""
    assert all(incident.lesson for incident in INCIDENTS.values())
    starts = [incident.start for incident in INCIDENTS.values()]
    assert len(INCIDENTS) == len(list(FOLDER.glob("*.yaml"))) >= 60
    assert starts == sorted(starts)
    assert starts[-1].year - starts[0].year >= 5
    assert len({vendor for incident in INCIDENTS.values() for vendor in incident.vendors}) >= 10


@each_incident
def test_the_name_says_when(name: str, incident: Incident) -> None:
    """A vendor or a cloud, the date, and a few words; the month alone where it lasted for weeks."""
    assert re.fullmatch(r"[a-z]+-\d{4}-\d\d(-\d\d)?-[a-z0-9-]+", name)
    assert f"{incident.start:%Y-%m}" in name
    if re.match(r"[a-z]+-\d{4}-\d\d-\d\d-", name):
        assert f"{incident.start:%Y-%m-%d}" in name


@each_incident
def test_each_fact_is_known_or_assumed(name: str, incident: Incident) -> None:
    """Its start, what went wrong, in what share and for how long; and why, where a cause is named."""
    covered = fields(incident, incident.known) | fields(incident, tuple(incident.assumed))
    needed = {"start", *(["cause"] if incident.cause else [])}
    for number in range(len(incident.windows)):
        needed |= {f"windows[{number}].{field}" for field in ("inject", "share", "for")}
    assert needed - covered == set()


@each_incident
def test_what_is_guessed_is_a_band(name: str, incident: Incident) -> None:
    """One number for a share is either stated, or a part of a stated one."""
    for number, window in enumerate(incident.windows):
        why = [
            text for place, text in incident.assumed.items() if f"windows[{number}].share" in incident.fields_of(place)
        ]
        if why and window.share.low == window.share.high:
            assert "not stated" not in why[0]
        if window.share.low < window.share.high and not why:
            assert f"windows[{number}].share" in fields(incident, incident.known)


@each_incident
def test_no_source_states_a_retry_after(name: str, incident: Incident) -> None:
    """So no file has one: whoever plays an incident has to try both."""
    assert not [inject for window in incident.windows for inject in window.inject if inject.retry_after is not None]


@each_incident
def test_what_cannot_be_played_is_explained(name: str, incident: Incident) -> None:
    """Where nothing is injected, a note says what callers met."""
    silent = [window for window in incident.windows if not window.inject]
    assert not silent or any(window.note for window in silent)


@each_incident
def test_shares_at_the_same_time_are_at_most_all(name: str, incident: Incident) -> None:
    """Windows of the same vendor and models share their requests, so their highest shares add up to at most 100 %."""
    for moment in {window.at for window in incident.windows}:
        by_models: dict[object, float] = {}
        for window in incident.windows:
            if window.at <= moment < window.end_ns:
                for vendor in window.on:
                    key = (vendor, window.models)
                    by_models[key] = by_models.get(key, 0) + window.share.high
        assert max(by_models.values()) <= 1 + 1e-9


@each_incident
def test_a_window_is_written_once(name: str, incident: Incident) -> None:
    """No two windows are the same."""
    assert not [pair for pair in combinations(incident.windows, 2) if pair[0] == pair[1]]


@each_incident
def test_companions_name_each_other(name: str, incident: Incident) -> None:
    """They overlap, and each names the other."""
    for other_name in incident.with_:
        other = INCIDENTS[other_name]
        assert name in other.with_
        apart_ns = (other.start - incident.start).total_seconds() * S
        assert -other.end_ns < apart_ns < incident.end_ns


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_its_words_are_plain(path: Path) -> None:
    """No turn of phrase that readers stumbled over; texts are short."""
    incident = INCIDENTS[path.stem]
    texts = [incident.title, incident.lesson, incident.cause, *incident.assumed.values()]
    texts += [window.note for window in incident.windows]
    assert [turn for text in texts for turn in found(text)] == []
    assert max(map(len, texts)) <= 120


FACTS = {
    "openai-2023-11-08-shed-429": ("2023-11-08T13:42", 116, [(502, 0.675, 0.75), (503, 0.225, 0.25), (429, 1, 1)]),
    "openai-2024-12-04-edge-then-stall": ("2024-12-04T23:48", 109, [(530, 1, 1), (None, 0.45, 1)]),
    "openrouter-2026-02-17-401": ("2026-02-17T05:27", 38, [(500, 0.2, 0.2), (401, 0.8, 0.9)]),
    "anthropic-2023-05-03-pinned-529": ("2023-05-03T19:12", 17, [(529, 0.5, 1)]),
    "openai-2025-06-10-gpu-routes": ("2025-06-10T06:36", 774, [(500, 0.05, 0.05), (500, 0.25, 0.25), (500, 0, 0.05)]),
}


@pytest.mark.parametrize("name", FACTS)
def test_some_facts_as_their_sources_state_them(name: str) -> None:
    """Start, minutes, and each window's status and share, read from the sources."""
    start, minutes, windows = FACTS[name]
    incident = INCIDENTS[name]
    assert (f"{incident.start:%Y-%m-%dT%H:%M}", incident.end_ns) == (start, minutes * 60 * S)
    assert [(w.inject[0].status, w.share.low, w.share.high) for w in incident.windows] == [
        (status, pytest.approx(low), pytest.approx(high)) for status, low, high in windows
    ]
