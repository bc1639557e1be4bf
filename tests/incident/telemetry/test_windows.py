"""Windows made from measured calls: what they find in calls whose outages are known, and what they do not find in quiet ones."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pytest

from harness.incident.imports import ImportedHistory
from harness.incident.schema import Incident, IncidentWindow
from harness.incident.telemetry import from_csv
from harness.judge.intervals import wilson

START_S = 1_780_000_000
DAY_S = 86_400


@dataclass(frozen=True)
class Outage:
    """A share of calls that fail in a way."""

    begin_s: int
    end_s: int
    status: str
    share: float
    model: str | None = None
    provider: str = "openai"


def lines(outages: Sequence[Outage], *, calls: int, seed: int, models: Sequence[str] = ("gpt-4o",)) -> Iterator[str]:
    """Yield calls of a day, of which a few fail at any time."""
    chance = random.Random(seed)
    yield "time,provider,model,status,latency_ms\n"
    for at_s in sorted(chance.uniform(0, DAY_S) for _ in range(calls)):
        model, provider = chance.choice(models), chance.choice(("openai", "azure.ai.openai"))
        latency_ms, status = chance.lognormvariate(7, 0.4), "500" if chance.random() < 0.002 else "200"
        for each in outages:
            here = each.begin_s <= at_s < each.end_s and each.model in (None, model) and each.provider == provider
            if here and chance.random() < each.share:
                status = each.status if each.status != "slow" else "200"
                latency_ms *= 10 if each.status == "slow" else 1
                break
        yield f"{START_S + at_s},{provider},{model},{status},{latency_ms:.0f}\n"


def read(
    outages: Sequence[Outage], *, calls: int = 20_000, seed: int = 1, models: Sequence[str] = ("gpt-4o",)
) -> ImportedHistory:
    """Return the incidents in such calls."""
    return from_csv(lines(outages, calls=calls, seed=seed, models=models), "calls.csv")


def windows(history: ImportedHistory) -> list[tuple[float, Incident, IncidentWindow]]:
    """Return each window with the seconds from midnight to its begin."""
    found = [(incident, window) for incident in history.incidents.values() for window in incident.windows]
    return [(each.start.timestamp() - START_S + window.at / 1e9, each, window) for each, window in found]


@pytest.mark.parametrize("seed", range(40))
def test_a_window_has_the_share_and_the_edges_of_its_outage(seed: int) -> None:
    """The band holds the share within four standard errors, and the edges are within the calls that a sample of failures needs."""
    chance = random.Random(seed)
    begin_s, length_s, share = (
        chance.randrange(10_000, 40_000),
        chance.randrange(3_000, 20_000),
        chance.uniform(0.1, 1.0),
    )
    outage = Outage(begin_s, begin_s + length_s, chance.choice(["503", "429", "timeout", "connection reset"]), share)
    ((at_s, incident, window),) = windows(read([outage], seed=seed, calls=10_000))
    calls = length_s * 5_000 / DAY_S
    error = (share * (1 - share) / calls) ** 0.5 + 1 / calls
    assert window.share.low - 4 * error <= share <= window.share.high + 4 * error
    edge_s = 60 / share * DAY_S / 5_000  # two bins of calls, more where fewer of them fail
    assert abs(at_s - begin_s) < edge_s
    assert abs(at_s + window.for_ / 1e9 - begin_s - length_s) < edge_s
    assert (window.on, incident.account) == (("openai",), "telemetry")


@pytest.mark.parametrize("seed", range(40))
def test_chance_makes_no_window(seed: int) -> None:
    """Where one share fails at all times, nothing is an outage."""
    assert not read([], seed=seed, calls=100 * (seed + 1)).incidents


def test_a_step_within_an_outage_is_a_window_of_its_own() -> None:
    """Thirty percent, then eighty: two windows without a gap, of one incident."""
    found = windows(read([Outage(30_000, 36_000, "503", 0.3), Outage(36_000, 40_000, "503", 0.8)]))
    (first_s, one, first), (second_s, same, second) = found
    assert one is same
    assert first.share.high < 0.4
    assert second.share.low > 0.7
    assert second_s == first_s + first.for_ / 1e9


def test_kinds_and_vendors_are_apart_and_one_incident_if_at_one_time() -> None:
    """Two statuses of one vendor and the timeouts of another, at once."""
    at_once = [
        Outage(30_000, 34_000, "503", 0.4),
        Outage(30_000, 34_000, "429", 0.4),
        Outage(30_500, 34_000, "timeout", 0.9, provider="azure.ai.openai"),
        Outage(70_000, 74_000, "503", 0.4),
    ]
    history = read(at_once)
    first, second = history.incidents.values()
    assert sorted(
        (window.on[0], window.inject[0].status or window.inject[0].connection) for window in first.windows
    ) == [
        ("azure", "silent"),
        ("openai", 429),
        ("openai", 503),
    ]
    assert len(second.windows) == 1
    assert {text.split(";")[0].split(",")[0] for text in first.assumed.values()} == {
        "429 was measured",
        "callers gave up waiting",
    }


def test_slow_answers_become_a_delay() -> None:
    """The wait is that of the slow calls beyond the others: nine times a second."""
    ((_, incident, window),) = windows(read([Outage(30_000, 40_000, "slow", 0.5)]))
    assert window.inject[0].delay == pytest.approx(9 * 1.1e9, rel=0.25)
    assert window.share.low < 0.5 < window.share.high
    assert "windows[0].inject" in incident.assumed


def test_only_the_models_that_failed_are_named() -> None:
    """One of two models fails: the share is that of its own calls."""
    ((_, _, window),) = windows(read([Outage(30_000, 40_000, "503", 0.5, model="o3")], models=("gpt-4o", "o3")))
    assert window.models == ("o3",)
    assert window.share.low < 0.5 < window.share.high


def test_a_file_that_fails_at_all_times_is_an_incident() -> None:
    """Who keeps only the outage has no quiet time: two percent are taken for it."""
    ((_, _, window),) = windows(read([Outage(0, DAY_S, "503", 0.3)]))
    assert window.share.low < 0.3 < window.share.high
    low, high = wilson(*map(int, window.note.partition(" calls")[0].split(" of ")))
    assert (window.share.low, window.share.high) == pytest.approx((low, high), abs=1.1e-4)
