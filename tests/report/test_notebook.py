"""Notebooks, and the page made from one, run for real."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import nbformat
import psutil
import pytest

from harness.errors import HarnessError, UsageError
from harness.report import JudgedRun, notebook, show
from harness.report.pictures import all_pictures
from harness.store import RunFolder
from tests.histories import plan_in

NAMES = ("run-report", "retry-timing", "fallback-overhead", "success-after-fallback", "request-explorer")


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
    assert {reference.removeprefix("#") for reference in seen.references} <= set(seen.ids)
    assert "@import" not in page
    namespaces = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert set(re.findall(r"https?://[^\s\"'<]+", page)) <= namespaces
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", page))


def test_a_page_has_its_style_once_and_jupyterlab_each_block_its_own(page: str) -> None:
    """In JupyterLab a block brings the style of the page for itself alone; in the page it brings none."""
    assert page.count("<style") == 1
    assert "harness-block" not in page
    shown = show.Block("<h2>one</h2>")._repr_html_()
    assert shown.startswith('<div class="harness-block"><style>')
    assert shown.endswith("<h2>one</h2>\n</div>")
    rules = re.findall(r"(?m)^([^\s{@}][^{]*)\{", re.sub(r"(?s)\.harness-block \{\n:root.*</style>", "", shown))
    assert rules
    assert all(".harness-block" in rule for rule in rules)


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
    assert seen.tags.count("table") == 7
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
    """Each notebook runs on a run's folder, shows something in all cells but those that load it, and prints nothing."""
    cells = notebook.execute(name, folder.path)
    code = [cell for cell in cells if not cell.markdown]
    assert not any(cell.problem or cell.printed for cell in code)
    assert [bool(cell.outputs) for cell in code] == [False] * 3 + [True] * (len(code) - 3)
    assert all("text/html" in output for cell in code for output in cell.outputs)


def test_unknown_notebook() -> None:
    """An unknown name is the user's mistake; the error lists the known ones."""
    with pytest.raises(UsageError) as caught:
        notebook.find("nope")
    folder = Path(__file__).parents[2] / "notebooks"
    assert caught.value.known == ", ".join(sorted(path.stem for path in folder.glob("*.ipynb")))


Edit = Callable[[str], None]


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edit:
    """Put a notebook with this text in the place of that of the report."""

    def edit(text: str) -> None:
        path = tmp_path / "run-report.ipynb"
        path.write_text(text, encoding="utf-8")
        monkeypatch.setattr(notebook, "find", lambda _: path)

    return edit


def of_cells(*sources: str) -> str:
    """Return the text of a notebook with these cells of code after that of the parameters; with `#`, of prose."""
    cells = [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": ["run = None"]}]
    cells += [
        {"cell_type": "markdown" if source.startswith("# ") else "code", "metadata": {}, "source": source}
        for source in sources
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[RunFolder]:
    """Return the folder of a run that has no page; it holds the same files afterwards."""
    made = RunFolder.create(tmp_path / "reports", plan_in(tmp_path))
    before = {path: path.stat().st_mtime_ns for path in made.path.rglob("*")}
    yield made
    assert {path: path.stat().st_mtime_ns for path in made.path.rglob("*") if path != made.report} == before


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "raise ValueError('what a cell said')",
            r"not be made: cell 2, `raise ValueError\('what a cell said'\)`: ValueError: what",
        ),
        ("import os\nos._exit(1)", r"cell 2, `import os`: ended early \(exit code 1\)"),
        ("import os\nos.kill(os.getpid(), 9)", r"cell 2, `import os`: ended early \(signal SIGKILL\)"),
    ],
)
def test_a_report_without_any_block_is_not_written(source: str, said: str, edited: Edit, kept: RunFolder) -> None:
    """A cell that raises, or a notebook that is killed, is a failure of the harness, and the run's folder does not change."""
    edited(of_cells(source))
    with pytest.raises(HarnessError, match=said) as caught:
        notebook.write_report(kept.path)
    assert caught.value.exit_code == 4
    assert caught.value.where == "run-report.ipynb"
    assert not kept.report.exists()


def test_a_page_names_the_cell_that_is_broken(edited: Edit, kept: RunFolder) -> None:
    """Who edits a notebook by hand sees on the page what the other cells show, and in the broken one's place why it shows nothing."""
    edited(of_cells("'first'", "# The next\nis <b>broken</b>.", "show.numbers(it)", "1 +", "'last'"))
    with pytest.raises(
        HarnessError, match=r"cell 4, `show.numbers\(it\)`: NameError: name 'show' is not defined, and 1 more"
    ):
        notebook.write_report(kept.path)
    seen = Page(kept.report.read_text(encoding="utf-8"))
    assert "'first' The next is <b>broken</b>." in seen.text
    assert "could not be made: cell 4, `show.numbers(it)`: NameError: name 'show' is not defined" in seen.text
    assert "could not be made: cell 5, `1 +`: SyntaxError" in seen.text
    assert "'last'" in seen.text


def test_a_notebook_that_takes_too_long_is_killed(
    edited: Edit, kept: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the cell that it was at."""
    monkeypatch.setattr(notebook, "TIMEOUT_S", 0.05)
    edited(of_cells("import signal\n\nwhile True:\n    signal.pause()"))
    before = set(psutil.Process().children())
    with pytest.raises(HarnessError, match=r"took longer than 0\.05 s"):
        notebook.write_report(kept.path)
    assert set(psutil.Process().children()) <= before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not a notebook: Expecting value"),
        ("[]", "not a notebook: TypeError"),
        ("{}", "not a notebook: KeyError: 'nbformat'"),
        ('{"nbformat": 3}', "a notebook of format 3; this version reads format 4"),
        ('{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "not a notebook: KeyError: 'source'"),
        ('{"nbformat": 4, "cells": []}', "no cell tagged `parameters`"),
    ],
)
def test_what_is_no_notebook_is_refused(text: str, said: str, edited: Edit, kept: RunFolder) -> None:
    """Nothing of it is run, and the error names its file."""
    edited(text)
    with pytest.raises(UsageError, match=said) as caught:
        notebook.write_report(kept.path)
    assert (caught.value.where or "").endswith("/run-report.ipynb")


def test_outputs_of_every_kind_are_shown(edited: Edit) -> None:
    """The richest form that a page can show, in the order in which it was shown; what is printed is text."""
    edited(
        of_cells(
            "from IPython.display import SVG, Image, display\n"
            "print('<i>printed</i>')\n"
            "display(SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>'))\n"
            "Image(b'\\x89PNG\\r\\n\\x1a\\n')",
            "!echo from a program",
        )
    )
    cell, shell = notebook.execute("run-report")[2:]
    html = cell.html()
    assert "&lt;i&gt;printed&lt;/i&gt;" in html
    assert html.index("<svg") < html.index('src="data:image/png;base64,iVBORw0KGgo="')
    assert not shell.problem


def test_parameters_follow_on_their_defaults(edited: Edit) -> None:
    """Those that are not given keep the values of the notebook."""
    edited(of_cells("run, old, new"))
    assert notebook.execute("run-report", Path("/x"), old=Path("/a"), new=None)[2].outputs == (
        {"text/plain": "('/x', '/a', None)"},
    )


def test_a_run_in_memory_is_not_loaded_again(edited: Edit, hasty: JudgedRun, tmp_path: Path) -> None:
    """The process that judged a run has its tables, and so has a fork of it."""
    folder = RunFolder.create(tmp_path, hasty.plan)
    edited(of_cells("from harness.report import open_run", "len(open_run(run).requests)"))
    assert notebook.execute("run-report", folder.path)[3].outputs == ({"text/plain": "0"},)
    cells = notebook.execute("run-report", folder.path, judged=replace(hasty, path=folder.path))
    assert cells[3].outputs == ({"text/plain": str(len(hasty.requests))},)


def test_blocks_escape_ids_and_messages(hasty: JudgedRun) -> None:
    """Findings and reasons are text, wherever they came from."""
    nasty = "<img src=x onerror=alert(1)>"
    findings = tuple(replace(f, message=nasty, requests=(nasty,)) for f in hasty.verdict.findings)
    rows = tuple(replace(row, text=nasty, message=nasty) for row in hasty.verdict.expectations)
    verdict = replace(hasty.verdict, findings=findings, expectations=rows, reasons=(nasty,))
    data = replace(hasty.data, columns=replace(hasty.data.columns, plan=replace(hasty.plan, title=nasty)))
    run = replace(hasty, verdict=verdict, environment={nasty: {nasty: nasty}}, data=data)
    for block in (show.heading, show.opening, show.verdict, show.numbers, show.measured):
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
    listed = re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", page.partition('<section class="glossary">')[2])
    assert len(listed) == len(set(listed)) > 8
    assert {(term, meaning) for meaning, term in explained} == set(listed)
    assert {"attempts per request", "amplification", "fallback_overhead", "seed", "samples", "loop lag"} <= {
        term for term, _ in listed
    }
