"""Pages of runs that did not go as planned: cut short, killed, empty, small, old, oddly named, or reported twice at once."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from harness import experiment
from harness.engines import Quiet
from harness.fork import WorkingFork
from harness.history import History
from harness.report import notebook
from harness.scenario import Plan
from harness.store import RunFolder, decode, encode, tables
from tests.experiment.test_full_disk import full_disk
from tests.histories import framed, history, plan_in
from tests.report.conftest import keep
from tests.report.test_notebook import Page

MARKUP = "<img src=x onerror=alert(1)>"


def kept(root: Path, plan: Plan, happened: History | None) -> RunFolder:
    """Return the folder of a run that nobody has judged; without a history it was killed before its first row was written."""
    folder = RunFolder.create(root / "reports", plan)
    if happened is not None:
        tables.write(folder.path, happened)
    return folder


def reported(folder: RunFolder) -> tuple[str, Page]:
    """Return the verdict and the page of a run; every cell of the notebook has come to its end."""
    result = experiment.report(folder.path, reports=folder.path.parent, progress=Quiet())
    text = folder.report.read_text(encoding="utf-8")
    assert 'class="broken"' not in text
    assert len(text) < 1_500_000
    return str(result.run.verdict.status), Page(text)


def until(happened: History, at_s: float) -> History:
    """Return what was recorded until a moment, by parts that nobody has stopped."""
    requests, attempts = happened.requests, happened.attempts
    return replace(
        framed(
            happened,
            requests=requests[requests["scheduled_ns"] < at_s * 1e9],
            attempts=attempts[attempts["start_ns"] < at_s * 1e9],
        ),
        complete=False,
    )


def test_an_interrupted_run_has_no_numbers_of_a_phase_that_never_began(tmp_path: Path) -> None:
    """Its row says so; the phases before have theirs, and the run is no pass."""
    plan = plan_in(tmp_path)
    status, seen = reported(kept(tmp_path, plan, until(history(plan), 20)))
    assert status == "inconclusive"
    assert "cut short" in seen.text
    words = [text for words in seen.words if (text := words.strip())]
    assert ["recovery", "never begun", "–", "–"] in [words[at : at + 4] for at in range(len(words))]


@pytest.mark.parametrize("rows", ["none", "some"])
def test_a_run_without_any_request_says_why_each_part_is_empty(rows: str, tmp_path: Path) -> None:
    """It was killed before its first row was written, or before its first request: each block and picture has its sentence."""
    plan = plan_in(tmp_path)
    status, seen = reported(kept(tmp_path, plan, until(history(plan), -100) if rows == "some" else None))
    assert status == "inconclusive"
    assert "No request" in seen.text
    assert "nan" not in seen.text.lower().split()


def test_a_run_of_one_provider_has_nobody_to_fall_back_to(tmp_path: Path) -> None:
    """What compares providers says why it has nothing to show."""
    plan = plan_in(tmp_path, providers=("openai",))
    _status, seen = reported(kept(tmp_path, plan, history(plan)))
    assert "No request went from one provider to another" in seen.text


def test_a_run_of_an_older_format_has_a_page(tmp_path: Path) -> None:
    """It was written before plans kept what is known about their chain, and knows neither how it ran nor what it came to."""
    plan = plan_in(tmp_path)
    folder = kept(tmp_path, plan, history(plan))
    written = json.loads((folder.path / "plan.json").read_bytes())
    del written["facts"]
    (folder.path / "plan.json").write_text(json.dumps(written | {"format": 1}))
    status, seen = reported(folder)
    assert status == "pass"
    assert plan.title in seen.text


def test_markup_in_a_name_is_text(tmp_path: Path) -> None:
    """Scenario, chain, provider, model, and title come from files that anybody may have written."""
    plain = plan_in(tmp_path)
    text = encode({name: getattr(plain, name) for name in plain.__slots__}).decode()
    written = decode(text.replace("openai", MARKUP).replace("gpt-4", MARKUP).encode(), dict)
    written["chain"]["name"] = written["name"] = written["title"] = MARKUP
    plan = decode(encode(written), Plan)
    assert MARKUP in plan.chain.order
    folder = kept(tmp_path, plan, history(plan))
    _status, seen = reported(folder)
    assert "img" not in seen.tags
    assert seen.text.count(MARKUP) > 5


def test_two_reports_of_one_run_at_once(tmp_path: Path) -> None:
    """Each writes its files whole; neither trips over the other's."""
    plan = plan_in(tmp_path)
    folder = keep(tmp_path, plan)
    work = partial(reported, folder)
    with WorkingFork(lambda: work()[0]) as one, WorkingFork(lambda: work()[0]) as two:
        assert one.result(within_s=200) == two.result(within_s=200) == "fail"
    assert folder.report.read_text(encoding="utf-8").endswith("</html>\n")
    assert not list(folder.path.rglob(".*.part"))


def test_a_page_that_does_not_fit_leaves_the_one_before(tmp_path: Path) -> None:
    """The error names the file, and half a page is nowhere."""
    folder = keep(tmp_path, plan_in(tmp_path))
    folder.report.write_text("the page before", encoding="utf-8")
    with full_disk(), pytest.raises(OSError, match="File too large") as caught:
        notebook.write_report(folder.path)
    assert caught.value.filename == str(folder.report)
    assert folder.report.read_text(encoding="utf-8") == "the page before"
    assert not list(folder.path.rglob(".*.part"))
