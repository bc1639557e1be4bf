"""What the words of notices say about kinds, shares and times."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from harness.incident.imports.wording import injected, share_in, spans_in

NEAR = datetime(2026, 7, 10, 19, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("About 20 % of requests failed.", (0.2, 0.2)),
        ("Up to 35% of requests failed with 429.", (0.0, 0.35)),
        ("Errors peaked at 85 percent.", (0.0, 0.85)),
        ("5-10 % of requests fail", (0.05, 0.1)),
        ("between 5 and 10% of requests are affected", (0.05, 0.1)),
        ("0.5% of calls end in errors", (0.005, 0.005)),
        ("It began small. Then 30 % failed. Now 4 % fail.", (0.04, 0.04)),
        ("We expect errors to go away.", None),
        ("Success is back at 99.9 %.", None),
        ("90 % of the failed capacity has recovered.", None),
        ("Traffic rose by 40 %.", None),
        ("300 % more errors", None),
        ("0 % of requests fail", None),
    ],
)
def test_a_share_of_failures_is_found(text: str, share: tuple[float, float] | None) -> None:
    """The last one; not one of successes, and nothing that is no share."""
    found = share_in(text)
    assert (found and (found.low, found.high)) == (share and pytest.approx(share))


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("from 18:02 to 18:48 UTC", [("10 18:02", "10 18:48")]),
        ("18:02 - 18:48", [("10 18:02", "10 18:48")]),
        ("18:02 UTC until 18:48 UTC", [("10 18:02", "10 18:48")]),
        ("between 11:58 AM and 12:09 PM PT", [("10 18:58", "10 19:09")]),
        ("11:58 to 12:09 PM PDT", [("10 18:58", "10 19:09")]),
        ("11:02 to 11:48 PST", [("10 18:02", "10 18:48")]),
        ("2:00 to 2:30 p.m. ET", [("10 18:00", "10 18:30")]),
        ("from 23:50 to 00:20 UTC", [("10 23:50", "11 00:20")]),
        ("between 18:05 and 18:38 UTC and between 19:50 and 20:12 UTC", [("10 18:05", "10 18:38"), ("10 19:50", "10 20:12")]),
        ("from 25:00 to 26:00", []),
        ("from 13:00 PM to 14:00 PM", []),
        ("from 18:00 to 18:00", []),
        ("at 18:02 and later", []),
        ("2026-07-10 18:02", []),
    ],
)  # fmt: skip
def test_times_in_words_are_found(text: str, spans: list[tuple[str, str]]) -> None:
    """On the day that is nearest, in the zone that is named: `PST` in July is what people write for local time."""
    found = [(f"{begin:%d %H:%M}", f"{end:%d %H:%M}") for begin, end, _ in spans_in(text, near=NEAR)]
    assert found == spans


def test_winter_time_ends_and_begins_on_its_sundays() -> None:
    """In the US: on 8 March and 1 November 2026."""
    for day, hour in ((7, 20), (8, 19)):
        ((begin, _, _),) = spans_in("12:00 to 12:30 PT", near=datetime(2026, 3, day, 19, 30, tzinfo=UTC))
        assert (begin.day, begin.hour) == (day, hour)
    for month, day, hour in ((10, 31, 19), (11, 1, 20)):
        ((begin, _, _),) = spans_in("12:00 to 12:30 PT", near=datetime(2026, month, day, 19, 30, tzinfo=UTC))
        assert (begin.day, begin.hour) == (day, hour)


def test_each_time_has_the_share_beside_it() -> None:
    """The one before it, else the one after it."""
    text = "503 peaked at 85 % between 20:05 and 20:38 UTC and at 30 % between 21:50 and 22:12 UTC."
    assert [share and share.high for _, _, share in spans_in(text, near=NEAR)] == [0.85, 0.3]
    text = "From 20:05 to 20:38 UTC 12 % of requests failed."
    assert [share and share.high for _, _, share in spans_in(text, near=NEAR)] == [0.12]
    text = "From 20:05 to 20:38 UTC success was at 12 % for failed regions."
    assert [share for _, _, share in spans_in(text, near=NEAR)] == [None]


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("Requests fail with 429 or 503.", [429, 503]),
        ("Many 529s", [529]),
        ("HTTP 500 errors", [500]),
        ("rate-limit errors", [429]),
        ("requests time out", ["silent"]),
        ("connection errors", ["reset"]),
        ("Higher latency than usual", ["slow", "slow"]),
        ("Higher latency; no errors are expected", ["slow", "slow"]),
        ("Streams begin later than usual", ["slow", "slow"]),
        ("Errors and latency", [500, 503]),
        ("500 % more load", [500, 503]),
        ("at 12:503", [500, 503]),
        ("", [500, 503]),
    ],
)
def test_kinds_of_fault_are_found(text: str, faults: list[object]) -> None:
    """A status that is written; else a word for it; else any server error."""
    found, how = injected(text, text, "openai")
    assert [fault.status or fault.connection or "slow" for fault in found] == faults
    assert how


def test_what_a_notice_leaves_open_other_notices_may_say() -> None:
    """Its own words come first; one vendor has a status more."""
    assert [fault.status for fault in injected("We look into it.", "503 for all. We look into it.", "openai")[0]] == [
        503
    ]
    assert [fault.status for fault in injected("429 for all", "503 for all. 429 for all", "openai")[0]] == [429]
    assert [fault.status for fault in injected("", "", "anthropic")[0]] == [500, 503, 529]
