"""`reports/index.html` and its list on a terminal."""

from __future__ import annotations

import io
import json
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.report.index.html import SHOWN, html
from harness.report.index.terminal import print_entries
from harness.report.index.texts import changes
from harness.store.index import entries
from tests.kept import BEGAN, keep_run, keep_suite
from tests.report.test_notebook import Page

NOW_S = (BEGAN + timedelta(days=3)).timestamp()


def data_of(page: str) -> dict[str, Any]:
    """Return the rows that the script has, each field by its name."""
    raw = re.search(r'<script type="application/json" id="Data">(.*?)</script>', page, flags=re.DOTALL)
    assert raw is not None
    found: dict[str, Any] = json.loads(raw[1])
    rows = [
        {name: found["texts"][text] for name, text in zip(found["fields"], row, strict=True)} for row in found["rows"]
    ]
    return {**found, "rows": rows}


def test_the_page_shows_runs_without_its_script(tmp_path: Path) -> None:
    """Answers in words, links to pages, and for a run without a page the command that makes it."""
    keep_run(tmp_path, page=True)
    keep_run(tmp_path, BEGAN + timedelta(hours=1), verdict="fail", success=0.9)
    page = html(entries(tmp_path), "reports", now_s=NOW_S)
    seen = Page(page)
    assert "✓ PASS" in seen.text
    assert "✗ FAIL" in seen.text
    assert "harness report reports/primary-429/2026-11-01T13-00-00Z-1" in seen.text
    assert "primary-429/2026-11-01T12-00-00Z-1/report.html" in seen.references
    assert "2 runs; the newest began 2026-11-01 13:00 UTC." in seen.text
    assert "primary-429" in seen.ids
    assert not {"link", "iframe", "img"} & {*seen.tags}
    assert not re.search(r"https?://", page)


def test_a_change_of_chain_or_version_is_marked(tmp_path: Path) -> None:
    """On the line of each number, and in words."""
    keep_run(tmp_path, litellm="1.90.0")
    keep_run(tmp_path, BEGAN + timedelta(hours=1))
    keep_run(tmp_path, BEGAN + timedelta(hours=2), order=("azure", "openai"), success=0.9)
    page = html(entries(tmp_path), "reports", now_s=NOW_S)
    assert page.count('class="change"') == 4
    assert "<title>litellm 1.90.0 → 1.106.2</title>" in page
    assert "<title>another chain file</title>" in page
    label = "success over 3 runs: first 100 %, last 90 %, between 90 % and 100 %; chain or version changed 2 times"
    assert f'aria-label="{label}"' in page
    newest, middle, oldest = entries(tmp_path)
    assert changes(oldest, middle) == ["litellm 1.90.0 → 1.106.2"]
    assert changes(middle, newest) == ["another chain file"]
    assert changes(newest, newest) == []


def test_the_last_week_stands_over_the_one_before(tmp_path: Path) -> None:
    """How many passed, and the median latency; a week without runs says so."""
    keep_run(tmp_path, BEGAN - timedelta(days=5), p95_ns=1e9)
    keep_run(tmp_path, BEGAN, p95_ns=2e9, verdict="fail")
    keep_run(tmp_path, BEGAN + timedelta(hours=1), p95_ns=3e9)
    keep_run(tmp_path, BEGAN - timedelta(days=8), scenario="refused")
    page = html(entries(tmp_path), "reports", now_s=NOW_S)
    assert '<td data-name="last 7 days"><div>1 of 2 passed' in page
    assert '<td data-name="latency p95"><div>3 s<svg' in page
    text = Page(page).text
    assert "1 of 2 passed, p95 2.5 s before: 1 of 1 passed, p95 1 s" in text
    assert "no run before: 1 of 1 passed, p95 2 s" in text


def test_all_rows_are_in_the_script_and_the_newest_in_the_page(tmp_path: Path) -> None:
    """What the script shows is made of the same texts."""
    for minute in range(SHOWN + 5):
        keep_run(tmp_path, BEGAN + timedelta(minutes=minute))
    page = html(entries(tmp_path), "reports", now_s=NOW_S)
    assert page.count('<td data-name="result"><div><span class="status pass">') == SHOWN
    rows = data_of(page)["rows"]
    assert len(rows) == SHOWN + 5
    assert rows[-1]["began"] == "2026-11-01 12:00"
    assert rows[-1]["command"] == "harness report reports/primary-429/2026-11-01T12-00-00Z-1"
    assert f"The newest {SHOWN} of {SHOWN + 5}." in page


def test_markup_in_names_is_text(tmp_path: Path) -> None:
    """Neither the page nor the script's data can be broken out of."""
    nasty = "</script><img src=x onerror=alert(1)>"
    keep_run(tmp_path, chain=nasty)
    keep_run(tmp_path, BEGAN + timedelta(hours=1), chain=nasty, litellm=nasty)
    page = html(entries(tmp_path), nasty, now_s=NOW_S)
    seen = Page(page)
    assert "img" not in seen.tags
    assert seen.tags.count("script") == 2
    assert data_of(page)["rows"][0]["chain"] == nasty


def test_an_empty_folder_says_what_makes_a_run() -> None:
    """There is no table without rows."""
    seen = Page(html([], "reports", now_s=NOW_S))
    assert "harness run scenarios/primary-429.yaml" in seen.text
    assert "table" not in seen.tags[: seen.tags.index("template")]


def test_ids_are_unique(tmp_path: Path) -> None:
    """A scenario on two chains has one anchor, and no scenario has the id of a part of the page."""
    run = keep_run(tmp_path, scenario="rows")
    keep_run(tmp_path, BEGAN + timedelta(hours=1), scenario="rows", chain="other")
    keep_suite(tmp_path, run)
    ids = Page(html(entries(tmp_path), "reports", now_s=NOW_S)).ids
    assert len(ids) == len({*ids})
    assert {"rows", "Rows"} <= {*ids}


@pytest.mark.parametrize("width", [80, 200])
def test_the_terminal_lists_folders_that_can_be_copied(width: int, tmp_path: Path) -> None:
    """Each with its answer; what is wrong with one is said."""
    keep_run(tmp_path, verdict=None)
    console = Console(file=io.StringIO(), width=width)
    print_entries(entries(tmp_path), Path("reports"), console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "reports/primary-429/2026-11-01T12-00-00Z-1" in shown
    assert "primary-429 on gpt4" in shown
    assert "not judged: it was killed, or is still running" in " ".join(shown.split())
