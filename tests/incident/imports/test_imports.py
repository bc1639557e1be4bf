"""Histories of status pages as incidents. The examples are invented; their forms, and what is ugly about them, are real."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.incident import Incident
from harness.incident.imports import ImportedHistory, imported
from harness.incident.imports.statuspage import PAGES
from harness.incident.library import load
from harness.incident.writing import incident_text
from harness.quantities import S

EXAMPLES = Path(__file__).parent / "examples"
VENDORS = {"statuspage": "anthropic", "incidentio": "openai", "google": None}
M = 60 * S


def example(name: str) -> Any:
    """Return an example as data."""
    return json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))


def read(name: str, history: Any = None) -> ImportedHistory:
    """Import an example, or a changed one."""
    raw = json.dumps(example(name) if history is None else history)
    return imported(raw, f"{name}.json", VENDORS[name])


def told(incident: Incident) -> list[tuple[float, float, list[object], tuple[float, float]]]:
    """Return its windows: begin and end in minutes, the faults, the share."""
    return [
        (
            window.at / M,
            window.end_ns / M,
            [fault.status or fault.connection or "slow" for fault in window.inject],
            (window.share.low, window.share.high),
        )
        for window in incident.windows
    ]


def only(name: str, history: Any) -> Incident:
    """Return the one incident that a changed example holds."""
    (incident,) = read(name, history).incidents.values()
    return incident


def alone(name: str, identity: str) -> Any:
    """Return an example with one of its incidents alone."""
    history = example(name)
    if isinstance(history, list):
        return [each for each in history if each["id"] == identity]
    return {**history, "incidents": [each for each in history["incidents"] if each["id"] == identity]}


FOUND = {
    ("statuspage", "anthropic-2026-09-18-brief-rate-limit-errors"): (
        "2026-09-18 18:58",
        [(0, 11, [429], (0.05, 0.5))],
    ),
    ("statuspage", "anthropic-2026-10-03-api-returns-503"): (
        "2026-10-03 20:05",
        [(0, 33, [503], (0, 0.85)), (105, 127, [503], (0.3, 0.3))],
    ),
    ("statuspage", "anthropic-2026-11-12-elevated-errors-on-example-large-and-example-small"): (
        "2026-11-12 14:02",
        [(0, 29, [529], (0.5, 1)), (29, 46, [529], (0.2, 0.2))],
    ),
    ("statuspage", "anthropic-2026-11-20-higher-latency-on-example-small"): (
        "2026-11-20 08:41",
        [(0, 1130 / 60, ["slow", "slow"], (0.05, 0.3))],
    ),
    ("incidentio", "openai-2026-11-11-elevated-errors-for-example-pro-on-the-api"): (
        "2026-11-11 08:51",
        [(0, 79, [500, 503], (0.05, 0.3)), (100, 150, [500, 503], (0, 0.1))],
    ),
    ("incidentio", "openai-2026-11-19-delays-starting-responses"): (
        "2026-11-19 06:40",
        [(0, 20, ["slow", "slow"], (0.05, 0.5))],
    ),
    ("google", "vertex-ai-2026-10-14-multiple-products-unavailable-in-us-central1"): (
        "2026-10-14 18:02",
        [(0, 88, [503], (0.5, 1)), (88, 173, [503], (0.1, 0.5))],
    ),
    ("google", "vertex-ai-2026-11-05-increased-429-and-503-errors-on-the-global-endpoint"): (
        "2026-11-05 12:10",
        [(0, 94, [429, 503], (0, 0.35))],
    ),
    ("google", "vertex-ai-2026-11-20-elevated-latency-for-some-generative-models-in-europe-west4"): (
        "2026-11-20 07:30",
        [(0, 50, ["slow", "slow"], (0, 0.1))],
    ),
}


@pytest.mark.parametrize(("page", "name"), FOUND)
def test_an_example_becomes_what_it_tells(page: str, name: str) -> None:
    """Times in words come before those of notices, states of components before words for a whole incident."""
    start, windows = FOUND[page, name]
    incident = read(page).incidents[name]
    assert f"{incident.start:%Y-%m-%d %H:%M}" == start
    assert told(incident) == [(*window[:3], pytest.approx(window[3])) for window in windows]


def test_nothing_else_is_read_from_the_examples() -> None:
    """What hit no API is left out, and the reason is given; the oldest comes first."""
    names = [(page, name) for page in VENDORS for name in read(page).incidents]
    assert names == list(FOUND)
    assert dict(read("incidentio").left_out) == {"Login problems": "it names no API, and no requests"}
    assert dict(read("google").left_out) == {"Slow database backups": "no product that serves models: Google Cloud SQL"}


@pytest.mark.parametrize("page", VENDORS)
def test_each_can_be_saved_and_read_again(page: str, tmp_path: Path) -> None:
    """As a file that the loader takes, and that says of each fact whether it is known."""
    for name, incident in read(page).incidents.items():
        path = tmp_path / f"{name}.yaml"
        path.write_text(incident_text(incident), "utf-8")
        assert load(path) == incident
        covered = {field for place in (*incident.known, *incident.assumed) for field in incident.fields_of(place)}
        for number in range(len(incident.windows)):
            assert {f"windows[{number}].{field}" for field in ("on", "inject", "share", "for")} <= covered
        assert "start" in covered


@pytest.mark.parametrize(("host", "vendor"), PAGES.items())
def test_a_known_page_needs_no_vendor(host: str, vendor: str) -> None:
    """It is known by its host, with or without a slash at its end."""
    history = example("incidentio")
    history["page"]["url"] = f"https://{host}/"
    found = imported(json.dumps(history), "saved.json")
    assert {incident.vendors for incident in found.incidents.values()} == {(vendor,)}


def test_an_unknown_page_asks_for_its_vendor() -> None:
    """Whose it is cannot be guessed."""
    with pytest.raises(UsageError, match=r"saved.json: the page 'status.two.example' is not known: name its vendor"):
        imported(json.dumps(example("incidentio")), "saved.json")


@pytest.mark.parametrize("page", VENDORS)
def test_the_order_of_notices_and_repeated_pages_change_nothing(page: str) -> None:
    """The newest come first on most pages; a second page may repeat the first one."""
    history = example(page)
    turned = deepcopy(history)
    incidents = turned if isinstance(turned, list) else turned["incidents"]
    for incident in incidents:
        incident["updates" if page == "google" else "incident_updates"].reverse()
    incidents.reverse()
    incidents += deepcopy(incidents)
    assert read(page, turned) == read(page, history)


def test_of_two_copies_the_later_one_counts() -> None:
    """The first was saved while the incident was open."""
    history = alone("google", "ExampleOverload0001x")
    early = deepcopy(history[0])
    del early["end"]
    early["updates"] = early["updates"][-1:]
    early["modified"] = early["created"]
    assert read("google", [early, *history]) == read("google", history) == read("google", [*history, early])
    assert told(only("google", [early])) == [(0, 21, [429, 503], (0.1, 0.5))]


def test_times_without_a_zone_are_utc_and_that_is_said() -> None:
    """Nothing else could be assumed of a file."""
    text = json.dumps(alone("incidentio", "01EXAMPLEINC00000000000001"))
    zoneless = only("incidentio", json.loads(text.replace(':00Z"', ':00"')))
    whole = only("incidentio", json.loads(text))
    assert (zoneless.start, zoneless.windows) == (whole.start, whole.windows)
    assert zoneless.assumed["start"] == "time of the first notice; no time zone is given, so UTC"


def test_what_was_resolved_and_opened_again_has_a_gap() -> None:
    """`resolved_at` is that of the first end: the notices say more."""
    first, second = only("incidentio", alone("incidentio", "01EXAMPLEINC00000000000001")).windows
    assert second.at - first.end_ns == 21 * M


def test_a_notice_after_the_fact_without_times_is_left_out() -> None:
    """It lasted no time that could be played."""
    history = alone("statuspage", "exmplinc0002")
    history["incidents"][0]["incident_updates"][0]["body"] = "Some callers received 429 this morning."
    found = read("statuspage", history)
    assert not found.incidents
    assert "no time in which callers were hit" in found.left_out["Brief rate-limit errors"]


@pytest.mark.parametrize(
    "words",
    [
        "From 19:00 to 19:10 UTC callers received 429. From 19:00 to 19:10 UTC 7 % of requests failed.",
        "From 19:00 to 19:10 UTC 7 % of requests failed. The next update is between 20:00 and 20:30 UTC.",
    ],
)
def test_times_that_repeat_or_lie_ahead_add_nothing(words: str) -> None:
    """The same time once, and no plans."""
    history = alone("statuspage", "exmplinc0002")
    history["incidents"][0]["incident_updates"][0]["body"] = words
    assert [window[:2] for window in told(only("statuspage", history))] == [(0, 10)]


def test_a_notice_after_the_fact_may_be_dated_back() -> None:
    """Its times are in the past of when it was published, not of when the page shows it."""
    history = alone("statuspage", "exmplinc0002")
    history["incidents"][0]["incident_updates"][0]["display_at"] = "2026-09-18T18:58:00.000Z"
    assert told(only("statuspage", history))[0][:3] == (0, 11, [429])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda each: each.pop("name"), "name: expected text"),
        (lambda each: each.update(incident_updates=[]), "it has no updates"),
        (lambda each: each.update(impact="maintenance"), "planned maintenance"),
        (lambda each: each["incident_updates"][0].update(status="in_progress"), "planned maintenance"),
        (lambda each: each.update(incident_updates={}), "incident_updates: expected a list"),
        (lambda each: each.update(incident_updates=["x"]), "incident_updates: expected an object"),
        (lambda each: each.update(created_at="soon"), "started_at: expected a time"),
        (lambda each: each.update(created_at="0001-01-01T00:00:00Z"), "started_at: the year 1"),
        (lambda each: each.update(created_at="2026-01-01T00:00:00Z"), "longer than 60 days"),
        (lambda each: each["incident_updates"][0].pop("status"), "status: expected text"),
        (
            lambda each: each["incident_updates"][0].update(affected_components=[{"name": "Chat"}]),
            "no API is among what it names: Chat",
        ),
    ],
)
def test_an_incident_that_cannot_be_used_is_named_with_the_reason(
    change: Callable[[dict[str, Any]], object], reason: str
) -> None:
    """The others are read all the same."""
    history = example("incidentio")
    change(history["incidents"][1])
    found = read("incidentio", history)
    assert list(found.left_out.values()) == [reason, "it names no API, and no requests"]
    assert len(found.incidents) == 1


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        ("", r"saved.json:1: not JSON"),
        ('{\n"incidents": [}', r"saved.json:2: not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("3", "not the history of a status page"),
        ("{}", "not the history of a status page"),
        ("[1]", "not the history of a status page"),
        ('{"incidents": []}', "page: expected an object"),
        ('{"page": {}, "incidents": []}', "url: expected text"),
        ('{"page": {"url": "https://status.openai.com"}, "incidents": 3}', "incidents: expected a list"),
        ('{"page": {"url": "https://status.openai.com"}, "incidents": [3]}', "incidents: expected an object"),
    ],
)
def test_what_is_no_history_is_refused(raw: str, problem: str) -> None:
    """With the file, and for JSON with the line."""
    with pytest.raises(UsageError, match=problem):
        imported(raw, "saved.json")


_JUNK = (None, True, 0, -1, 1e300, "", "x", "2026-13-01", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", [], [[]], {}, "\ud800", "99 %", "between 25:00 and 1:00 PM PT")  # fmt: skip


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Return each value's holder and its key."""
    keys = data.keys() if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    return [place for key in keys for place in ((data, key), *_places(data[key]))]


@pytest.mark.parametrize("seed", range(20))
def test_no_damage_ends_in_a_traceback(seed: int, tmp_path: Path) -> None:
    """Junk in any place, one to four at once, in each example: an error of ours, or incidents that can be saved and read."""
    rng = random.Random(seed)
    for page in VENDORS:
        for _ in range(4):
            history = example(page)
            for _ in range(rng.randint(1, 4)):
                if not (places := _places(history)):
                    break
                holder, key = rng.choice(places)
                if rng.random() < 0.2:
                    del holder[key]
                else:
                    holder[key] = rng.choice(_JUNK)
            try:
                found = read(page, history)
            except UsageError as error:
                assert str(error).startswith(f"{page}.json")
                continue
            for incident in found.incidents.values():
                path = tmp_path / "saved.yaml"
                path.write_text(incident_text(incident), "utf-8")
                assert load(path) == incident
