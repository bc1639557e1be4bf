"""Notebooks, and the page made from one, run for real."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import pytest

from harness.errors import HarnessError, UsageError
from harness.report import JudgedRun, notebook, show
from harness.report.pictures import all_pictures
from harness.store import RunFolder
from tests.histories import plan_in

NAMES = ("run-report", "retry-timing", "fallback-overhead", "success-after-fallback")


class Page(HTMLParser):
    """What a page contains: tags, references, ids, words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Record a tag."""
        self.tags.append(tag)
        for name, value in attrs:
            if name in {"src", "href", "xlink:href", "srcset", "data", "action", "poster"}:
                self.references.append(value or "")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        """Record a text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """All text."""
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page(folder: RunFolder) -> Iterator[str]:
    """Return the page of a run."""
    path = notebook.write_report(folder.path)
    assert path == folder.report
    yield path.read_text(encoding="utf-8")
    path.unlink()


def test_page_needs_nothing_but_itself(page: str) -> None:
    """No script, no import, no link, no address: the page is complete on a machine without a network."""
    seen = Page(page)
    assert not {"script", "link", "iframe", "img", "object", "embed", "base"} & set(seen.tags)
    assert all(reference.startswith("#") for reference in seen.references)
    assert "@import" not in page
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= namespaces
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))


def test_page_is_small_and_its_ids_are_unique(page: str) -> None:
    """The page can be mailed, and no picture takes another's patterns."""
    assert len(page.encode()) <= 600_000
    ids = Page(page).ids
    assert len(ids) == len(set(ids))


def test_page_shows_what_files_say_as_text(page: str) -> None:
    """A title that tries to be a script is shown, not run; so is the environment."""
    seen = Page(page)
    assert "<script>alert('x')</script> & co" in seen.text
    assert "<b>bold</b>" in seen.text
    assert "<title>&lt;script&gt;" in page


def test_page_answers_in_words_and_tables(page: str) -> None:
    """The sentence comes first; verdicts are words in real tables; every section and picture is there."""
    seen = Page(page)
    assert "FAIL — openai answered 429 for 40 s" in seen.text
    for text in (
        "no retry_after_ignored",
        "✗ FAIL",
        "✓ PASS",
        "How this was measured",
        "harness run scenario.yaml --seed 1",
    ):
        assert text in seen.text
    assert seen.tags.count("table") == 6
    assert seen.tags.count("svg") == page.count('role="img"') == len(all_pictures())
    for picture in all_pictures():
        assert picture.question in seen.text
        assert picture.reading in seen.text
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page


def test_page_shows_no_code(page: str) -> None:
    """A stakeholder reads no Python."""
    assert "open_run" not in page
    assert "import " not in Page(page).text


@pytest.mark.parametrize("name", NAMES)
def test_notebooks_are_kept_clean(name: str) -> None:
    """Notebooks are valid, without outputs or counters, take `run`, and open the latest run by default."""
    path = notebook.find(name)
    raw: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    nbformat.validate(raw)
    code = [cell for cell in raw["cells"] if cell["cell_type"] == "code"]
    assert all(not cell["outputs"] and cell["execution_count"] is None for cell in code)
    tagged = [cell for cell in code if "parameters" in cell["metadata"].get("tags", [])]
    assert ["".join(cell["source"]).startswith("run = None") for cell in tagged] == [True]


@pytest.mark.parametrize("name", NAMES[1:])
def test_notebooks_run(name: str, folder: RunFolder) -> None:
    """Each notebook runs on a run's folder, and writes nothing to standard error."""
    done = notebook.execute(name, folder.path)
    code = [cell for cell in done.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in code)
    outputs = [output for cell in code for output in cell.outputs]
    assert len(outputs) >= 3
    assert all("text/html" in output.get("data", {}) for output in outputs)


def test_unknown_notebook() -> None:
    """An unknown name is the user's mistake; the error lists the known ones."""
    with pytest.raises(UsageError) as caught:
        notebook.find("nope")
    folder = Path(__file__).parents[2] / "notebooks"
    assert caught.value.known == ", ".join(sorted(path.stem for path in folder.glob("*.ipynb")))


def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
    """Replace our notebook by one with this source."""
    book = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell("run = None", metadata={"tags": ["parameters"]}),
            nbformat.v4.new_code_cell(source),
        ]
    )
    path = tmp_path / "run-report.ipynb"
    nbformat.write(book, path)
    monkeypatch.setattr(notebook, "find", lambda _: path)


@pytest.mark.parametrize(
    ("source", "said"),
    [("raise ValueError('what a cell said')", "what a cell said"), ("import os; os._exit(1)", "died")],
)
def test_a_broken_report_is_the_harness_s_own_failure(
    source: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cell that raises or a kernel that dies is a failure of the harness, and the run's folder does not change."""
    kept = RunFolder.create(tmp_path / "reports", plan_in(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in kept.path.rglob("*")}
    broken(tmp_path, monkeypatch, source)
    with pytest.raises(HarnessError, match=said) as caught:
        notebook.write_report(kept.path)
    assert caught.value.exit_code == 4
    assert {path: path.stat().st_mtime_ns for path in kept.path.rglob("*")} == before


def test_blocks_escape_ids_and_messages(hasty: JudgedRun) -> None:
    """Findings and reasons are text, wherever they came from."""
    nasty = "<img src=x onerror=alert(1)>"
    findings = tuple(replace(f, message=nasty, requests=(nasty,)) for f in hasty.verdict.findings)
    rows = tuple(replace(row, text=nasty, message=nasty) for row in hasty.verdict.expectations)
    verdict = replace(hasty.verdict, findings=findings, expectations=rows, reasons=(nasty,))
    data = replace(hasty.data, columns=replace(hasty.data.columns, plan=replace(hasty.plan, title=nasty)))
    run = replace(hasty, verdict=verdict, environment={nasty: {nasty: nasty}}, data=data)
    for block in (show.heading, show.verdict, show.numbers, show.measured):
        assert "img" not in Page(block(run).html).tags


def test_command_without_an_environment(hasty: JudgedRun) -> None:
    """A run without a recorded command can still be repeated."""
    assert show.command(hasty) == "harness run primary-429.yaml --seed 1"


def test_an_installed_package_brings_its_notebooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package has its own notebooks; those of a checkout beside it come second."""
    for place in ("harness/notebooks", "notebooks"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "run-report.ipynb").touch()
    (tmp_path / "notebooks" / "other.ipynb").touch()
    monkeypatch.setattr(notebook, "_PACKAGE", tmp_path / "harness")
    assert notebook.find("run-report") == tmp_path / "harness" / "notebooks" / "run-report.ipynb"
    assert notebook.find("other") == tmp_path / "notebooks" / "other.ipynb"


def test_every_word_that_explains_itself_is_in_the_list(page: str) -> None:
    """What a mouse shows on hover is printed too: each term once, with its explanation."""
    explained = re.findall(r'<abbr tabindex="0" title="([^"]*)">([^<]*)</abbr>', page)
    listed = re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page)
    assert len(listed) == len(set(listed)) > 8
    assert {(term, meaning) for meaning, term in explained} == set(listed)
    assert {"attempts per request", "amplification", "fallback_overhead", "seed", "samples", "loop lag"} <= {
        term for term, _ in listed
    }
