"""The sample runs that the repository shows."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

import pytest

from harness.judge import Status
from harness.report import open_run
from harness.report.pictures import all_pictures

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "reports" / "samples"
SAMPLES = sorted(path.parent for path in FOLDER.glob("*/plan.json"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_sample_s_page_has_every_picture(path: Path) -> None:
    """A picture that is new, or explained in other words, gets there by `make samples`; and the page stays small."""
    run = open_run(path)
    page = unescape((path / "report.html").read_text(encoding="utf-8"))
    missing = [
        picture.name
        for picture in all_pictures()
        if picture.question not in page or (picture.nothing(run) or picture.reading) not in page
    ]
    assert not missing, "make samples"
    assert sum(file.stat().st_size for file in path.rglob("*")) < 800_000


def test_there_is_a_found_failure() -> None:
    """It is the README's picture; the other samples passed, and show too little."""
    statuses = {path.name: json.loads((path / "verdict.json").read_text())["status"] for path in SAMPLES}
    assert statuses == {
        "primary-429": Status.PASS,
        "quick-look": Status.INCONCLUSIVE,
        "stream-empty": Status.FAIL,
    }
    assert "(docs/report.png)](reports/samples/stream-empty/report.html)" in (ROOT / "README.md").read_text()


def test_two_chains_differ_in_the_suite() -> None:
    """One fails where the other does not."""
    suite = json.loads((FOLDER / "two-chains" / "suite.json").read_text())
    scores = {(cell["scenario"], cell["chain"]): cell["score"] for cell in suite["cells"]}
    assert (scores["stream-empty", "gpt4-azure-claude"], scores["stream-empty", "reference"]) == ("fail", "pass")


def test_real_outages_show_every_mark() -> None:
    """Of incidents in which callers went unserved, perhaps did, and of one that misses the chain; and the SLO that was asked for."""
    sample = FOLDER / "real-outages"
    data = json.loads((sample / "replay.json").read_text())
    page = (sample / "report.html").read_text(encoding="utf-8")
    assert len(data["incidents"]) == 6
    assert data["page"] == "reports/samples/real-outages/report.html"
    for mark in ('<circle class="lost"', '<circle class="open"', '<g class="out">'):
        assert mark in page
    assert "asked for 99.9" in page


def test_a_sample_names_no_path_of_the_machine_that_made_it() -> None:
    """Nor of a temporary folder: commands can be copied from it as they are."""
    texts = {path: path.read_text() for path in FOLDER.rglob("*.*") if path.suffix in (".json", ".html", ".md", ".xml")}
    assert texts
    assert not [
        path for path, text in texts.items() if str(ROOT) in text or "/tmp/harness-" in text or "/home/" in text
    ]
