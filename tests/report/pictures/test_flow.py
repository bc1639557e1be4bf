"""The flow from what triggered fallbacks to how they ended."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest

from harness.judge import RunData
from harness.report import JudgedRun
from harness.report.pictures.flow import FLOW, NODES_MAX, ways
from harness.report.pictures.steps import OTHER, merged
from harness.report.svg import inline_svg
from tests.histories import history, plan_in
from tests.report.pictures.texts import boxes

MIXED = (
    "  - {on: openai, during: fault, inject: {status: 503}}\n"
    "  - {on: azure, at: 20s, for: 20s, inject: {connection: reset}, share: 60%}"
)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> JudgedRun:
    """Return a run in which two providers fail in different ways."""
    plan = plan_in(tmp_path_factory.mktemp("mixed"), faults=MIXED)
    return JudgedRun.of(RunData.of(plan, history(plan)))


def test_every_fallback_is_in_one_way(mixed: JudgedRun) -> None:
    """The bands add up to the table of fallbacks, and every node's number is in the picture."""
    found = ways(mixed)
    assert found.total() == len(mixed.fallbacks)
    served = sum(size for (*_, result), size in found.items() if result == "served")
    assert served == (mixed.fallbacks["result"] == "served").sum()
    texts = [box.text for box in boxes(inline_svg(FLOW.figure(mixed)).svg)[1]]
    assert f"{served} served" in texts
    assert f"{(mixed.fallbacks['to_provider'] == 'azure').sum()} to azure" in texts
    assert f"{(mixed.fallbacks['from_provider'] == 'azure').sum()} from azure" in texts
    assert {"server_error 503", "connection"} <= set(texts)


def test_its_words_have_its_numbers(mixed: JudgedRun) -> None:
    """Few kinds are all named, and their numbers add up."""
    text = FLOW.alt(mixed)
    total, *parts = (int(number) for number in re.findall(r"(\d+) (?:fallbacks:|from)", text))
    assert total == sum(parts) == len(mixed.fallbacks)
    assert "from openai (server_error 503) to azure: served" in text


def test_bands_have_texts_for_the_pointer(mixed: JudgedRun) -> None:
    """Each band names both ends and its number."""
    svg = inline_svg(FLOW.figure(mixed)).svg
    titles = re.findall(r"<title>([^<]*)</title>", svg)
    bands = [title for title in titles if " → " in title]
    size = ways(mixed)["openai\nserver_error 503", "azure", "served"]
    assert sum(int(title.rsplit(": ")[-1]) for title in bands) == 2 * len(mixed.fallbacks)
    assert any(title.startswith("openai server_error 503 → azure: ") for title in bands)
    assert size > 0


def test_rare_names_become_one() -> None:
    """The most frequent keep their names; of two alike the first by name does."""
    names = pd.Series([name for place, name in enumerate("abcdefghijkl") for _ in range(20 - place // 6)])
    shown = merged(names, NODES_MAX)
    assert sorted(shown.unique()) == ["a", "b", "c", "d", "e", "f", "g", OTHER]
    assert (shown == OTHER).sum() == 5 * 19
    assert merged(names[names < "c"], 2).tolist() == names[names < "c"].tolist()


def test_a_chain_of_twelve_fits(tmp_path: Path) -> None:
    """Twelve providers that all fail are eight nodes at most, and nothing lies on anything else."""
    names = tuple(f"a-provider-with-a-long-name-{place}" for place in range(12))
    plan = plan_in(tmp_path, providers=names, rate=1, faults="  - {on: all, during: fault, inject: {status: 503}}")
    run = JudgedRun.of(RunData.of(plan, history(plan, tries=1)))
    columns = list(zip(*ways(run), strict=True))
    assert [len(set(column)) for column in columns[:2]] == [NODES_MAX, NODES_MAX]
    _, found = boxes(inline_svg(FLOW.figure(run)).svg)
    for place, box in enumerate(found):
        assert not [other for other in found[place + 1 :] if box.covers(other) > 2], box
