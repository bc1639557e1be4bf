"""The index of runs and notebooks, without a browser: what it lists, and what it makes ready to open."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import nbformat
import pytest

from harness import lab
from harness.errors import UsageError
from harness.lab.index_widget import IndexWidget
from harness.lab.notebooks import copy_for, listed
from harness.report import notebook

ROOT = Path(__file__).parents[2]


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Return a folder of reports with two runs."""
    shutil.copytree(ROOT / "reports" / "samples", tmp_path / "reports" / "samples")
    return tmp_path / "reports"


def opened(widget: IndexWidget, monkeypatch: pytest.MonkeyPatch, root: Path, **wanted: Any) -> str | None:
    """Return the path that the page is told to open; None if none was."""
    sent: list[dict[str, str]] = []
    monkeypatch.setattr(widget, "send", sent.append)
    widget._handle_custom_msg({**wanted, "root": str(root)}, [])
    return sent[0]["open"] if sent else None


def test_every_notebook_is_listed_with_its_question() -> None:
    """The list is that of notebooks/README.md, and none is missing there."""
    names = [each.name for each in listed()]
    assert sorted([*names, "index"]) == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert all(each.question for each in listed())
    assert {each.name: each.of_run for each in listed()}["retry-timing"]
    assert not {each.name: each.of_run for each in listed()}["chain-lab"]


def test_runs_are_listed_newest_first(reports: Path) -> None:
    """Each run has its date, verdict, scenario, chain, engine and page."""
    runs = lab.index(reports).runs
    assert {run["path"] for run in runs} == {"samples/quick-look", "samples/stream-empty", "samples/primary-429"}
    assert [run["began"] for run in runs] == sorted((run["began"] for run in runs), reverse=True)
    live = runs[-1]
    assert live["path"] == "samples/primary-429"
    assert live["verdict"] == "pass"
    assert live["page"] == "report.html"
    assert live["engine"] == "live"


def test_a_notebook_opens_on_a_run(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What opens is a copy in the run's folder with the run filled in, and what somebody wrote into it stays."""
    widget = lab.index(reports)
    path = opened(widget, monkeypatch, reports.parent, notebook="retry-timing", run="samples/primary-429")
    assert path == "reports/samples/primary-429/retry-timing.ipynb"
    copy = reports.parent / path
    sources = ["".join(cell["source"]) for cell in json.loads(copy.read_text())["cells"]]
    ours = json.loads((ROOT / "notebooks" / "retry-timing.ipynb").read_text())["cells"]
    assert sum(source.startswith('run = "."') for source in sources) == 1
    assert len(sources) == len(ours)
    copy.write_text("mine")
    assert opened(widget, monkeypatch, reports.parent, notebook="retry-timing", run="samples/primary-429") == path
    assert copy.read_text() == "mine"


def test_other_parameters_stay(reports: Path) -> None:
    """Of the cell that gives a notebook its run, the line about the run alone changes."""
    copy = copy_for("request-explorer", reports / "samples" / "primary-429")
    sources = ["".join(cell["source"]) for cell in json.loads(copy.read_text())["cells"]]
    (given,) = [source for source in sources if source.startswith("run = ")]
    assert given.splitlines()[0].startswith('run = "."')
    assert given.splitlines()[1].startswith("request = None")


def test_pages_and_other_notebooks_open_where_they_are(reports: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run's page and a notebook about no single run are not copied."""
    widget = lab.index(reports)
    page = opened(widget, monkeypatch, reports.parent, run="samples/stream-empty")
    assert page == "reports/samples/stream-empty/report.html"
    assert opened(widget, monkeypatch, ROOT, notebook="chain-lab") == "notebooks/chain-lab.ipynb"
    assert not list(reports.rglob("*.ipynb"))


@pytest.mark.parametrize(
    ("wanted", "problem"),
    [
        ({"run": "../elsewhere", "notebook": "retry-timing"}, "no such run"),
        ({"run": "samples/primary-429", "notebook": "nope"}, "no such notebook"),
        ({"run": "samples/primary-429", "notebook": "chain-lab"}, "is about no single run"),
        ({"notebook": "chain-lab"}, "is not below"),
    ],
)
def test_what_cannot_be_opened_is_said(
    reports: Path, monkeypatch: pytest.MonkeyPatch, wanted: dict[str, str], problem: str
) -> None:
    """A run or notebook that is not there, and a file that JupyterLab does not show, are named in words."""
    widget = lab.index(reports)
    assert opened(widget, monkeypatch, reports.parent, **wanted) is None
    assert problem in widget.wrong


def test_a_copy_that_cannot_be_written(reports: Path) -> None:
    """The error says how to open the notebook without a copy."""
    run = reports / "samples" / "primary-429"
    (run / "retry-timing.ipynb").symlink_to("nowhere")
    with pytest.raises(UsageError, match="cannot be written") as caught:
        copy_for("retry-timing", run)
    assert "notebooks/retry-timing.ipynb" in (caught.value.hint or "")


def test_no_reports_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a run the notebooks are listed all the same."""
    monkeypatch.chdir(tmp_path)
    widget = lab.index()
    assert widget.runs == []
    assert widget.folder == str(tmp_path / "reports")
    data, _metadata = widget._repr_mimebundle_()
    assert "chain-lab.ipynb" in data["text/html"]


@pytest.mark.parametrize("name", ["index", "chain-lab"])
def test_notebooks_are_kept_clean_and_run(name: str) -> None:
    """They are valid, hold no outputs, and what they show has a form for where nothing can be operated."""
    raw = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text())
    nbformat.validate(raw)
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in raw["cells"])
    cells = [cell for cell in notebook.execute(name) if not cell.markdown]
    assert not any(cell.problem or cell.printed for cell in cells)
    assert ["text/html" in output for cell in cells for output in cell.outputs] == [True]
