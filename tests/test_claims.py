"""What docs/claims.md says follows from what was measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.experiment import trial
from scripts.claims.digests import (
    ROOT,
    SEVERAL,
    Digest,
    answer,
    digest,
    is_live,
    paragraph,
    path_of,
    said,
    saved,
    scenarios,
    together,
)
from scripts.claims.page import PAGE, page

SCENARIOS = scenarios()
KEPT = saved()
SIMULATED = [name for name, scenario in SCENARIOS.items() if not is_live(scenario)]
SOME = ["fallback-under-1s--no-retries", "mock-testing-fallbacks"]
"""Those that `make test` measures: a true one, and a false one of another driver."""
TOPICS = {
    "waits-2-4-8",
    "only-rate-limits-back-off",
    "same-name-in-order",
    "bad-requests-end-there",
    "allowed-fails-3",
    "fallback-under-1s",
    "worst-case-44s",
    "health-without-key",
    "proxy-under-512mb",
    "proxy-adds-under-200ms",
    "configuration-reloads",
    "mock-testing-fallbacks",
}


def test_the_page_is_what_the_digests_render() -> None:
    """Nothing in it is written by hand: `make claims` writes it."""
    assert PAGE.read_text(encoding="utf-8") == page(KEPT)


@pytest.mark.parametrize("name", SCENARIOS)
def test_an_answer_is_what_its_numbers_say(name: str) -> None:
    """And they are those of the scenario as it is now: whoever changes it measures it again."""
    kept = KEPT[name]
    assert kept["answer"] == answer(kept)
    assert {field: kept[field] for field in said(SCENARIOS[name])} == said(SCENARIOS[name])
    assert [row["text"] for row in kept["rows"]] in ([], kept["expect"])
    assert kept["rows"] or kept["unsound"]


def test_nothing_is_kept_of_what_is_gone() -> None:
    """Each claim that people named is there, and so are five more."""
    assert set(KEPT) == set(SCENARIOS)
    claims = {name.partition(SEVERAL)[0] for name in SCENARIOS}
    assert claims > TOPICS
    assert len(claims - TOPICS) >= 5


def test_settings_of_a_claim_say_the_same() -> None:
    """A claim's statement is one; each scenario has one, a title, a source, and the name of its file."""
    statements: dict[str, set[str]] = {}
    for name, scenario in SCENARIOS.items():
        assert scenario.claim is not None
        assert scenario.title
        assert scenario.seen.startswith("https://")
        assert (ROOT / path_of(name)).is_file()
        statements.setdefault(name.partition(SEVERAL)[0], set()).add(scenario.claim.statement)
    assert all(len(found) == 1 for found in statements.values())


def row(**fields: Any) -> dict[str, Any]:
    """Return an expectation that holds."""
    return {
        "text": "p50 latency in fault <= 1s",
        "metric": "latency",
        "status": "pass",
        "observed": 5e8,
        "limit": 1e9,
        "ci": [4e8, 6e8],
        "samples": 9,
    } | fields


def kept(*rows: dict[str, Any], unsound: str = "", load: float = 0.0) -> Digest:
    """Return a digest."""
    return {"rows": list(rows), "unsound": unsound, "load": load}


SLOW = {"observed": 2e9, "ci": [1.5e9, None]}


@pytest.mark.parametrize(
    ("digest", "expected"),
    [
        (kept(row()), "true"),
        (kept(row(ci=None)), "true"),
        (kept(row(), row(**SLOW)), "false"),
        (kept(row(), row(**SLOW), load=4.0), "inconclusive"),
        (kept(row(), load=4.0), "true"),
        (kept(row(**SLOW | {"metric": "attempts"}), load=4.0), "false"),
        (kept(row(**SLOW | {"text": "p50 latency in fault >= 3s", "limit": 3e9, "ci": [2e9, 2e9]}), load=4.0), "false"),
        (kept(row(ci=[4e8, None])), "inconclusive"),
        (kept(row(status="inconclusive", observed=2e9, ci=None)), "inconclusive"),
        (kept(row(status="inconclusive", observed=None, ci=None, samples=0)), "inconclusive"),
        (kept(row(observed=None, ci=None)), "false"),
        (kept(row(), unsound="the fault never fired"), "inconclusive"),
        (kept(), "inconclusive"),
    ],
)
def test_the_answer_follows_from_the_numbers(digest: Digest, expected: str) -> None:
    """Whatever somebody typed as a row's status: a pass whose number breaks its limit is false."""
    assert answer(digest) == expected
    for each in digest["rows"]:
        if each["status"] != "inconclusive":
            each["status"] = "pass"
    assert answer(digest) == expected


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["true"], "true"),
        (["false", "false"], "false"),
        (["true", "false"], "depends"),
        (["true", "inconclusive"], "inconclusive"),
        (["true", "false", "inconclusive"], "inconclusive"),
    ],
)
def test_settings_that_disagree_depend(answers: list[str], expected: str) -> None:
    """What could not be measured could turn the answer round."""
    assert together(answers) == expected


def test_numbers_stand_where_the_text_asks_for_them() -> None:
    """With their units; a sample size is a number too."""
    found = KEPT["mock-testing-fallbacks"]
    text = paragraph(found | {"happens": "{steady.primary_skipped} of {steady.requests}", "numbers": found["numbers"]})
    assert text == f"{found['rows'][0]['observed']:.0f} of {found['rows'][0]['samples']}"
    assert all("?" not in paragraph(each) for each in KEPT.values() if each["rows"])


def measured(name: str, folder: Path) -> Digest:
    """Return what is kept of a run now."""
    run = trial(ROOT / path_of(name), runs=folder)
    return digest(SCENARIOS[name], run.folder.path)


@pytest.mark.parametrize("name", SOME)
def test_what_is_kept_is_measured_again(name: str, tmp_path: Path) -> None:
    """Virtual time gives the same numbers each time."""
    assert measured(name, tmp_path) == KEPT[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted({*SIMULATED} - {*SOME}))
def test_the_rest_is_measured_again(name: str, tmp_path: Path) -> None:
    """Each claim that virtual time can test."""
    assert measured(name, tmp_path) == KEPT[name]
