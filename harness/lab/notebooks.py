"""The notebooks by name, and a copy of one with a run filled in, in the run's folder."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from harness import store
from harness.errors import UsageError
from harness.report import notebook

_ROW = re.compile(r"^\| `(?P<name>[\w-]+)\.ipynb` \| (?P<question>.*) \|$", re.MULTILINE)
_RUN = re.compile(r"^run\s*=.*$", re.MULTILINE)
_LIST = "README.md"
_INDEX = "index"


class ListedNotebook(NamedTuple):
    """One notebook.

    Attributes:
        name: Without its ending.
        question: What it answers.
        of_run: It is about one run, and has a parameter for it.
    """

    name: str
    question: str
    of_run: bool


def listed() -> list[ListedNotebook]:
    """Return all notebooks but the index, in the order of their list."""
    folder = notebook.find(_INDEX).parent
    rows = _ROW.findall((folder / _LIST).read_text(encoding="utf-8"))
    return [
        ListedNotebook(name, question.replace("`", ""), _run_cell(name) is not None)
        for name, question in rows
        if name != _INDEX
    ]


def copy_for(name: str, run: Path) -> Path:
    """Return a copy of a notebook in a run's folder that opens this run; one that is there already is left as it is.

    A notebook runs in the folder where it lies, so the copy still finds its run when the folder is moved.

    Args:
        name: Of a notebook about one run.
        run: The folder.

    Raises:
        UsageError: There is no such run or notebook, or the folder cannot be written.
    """
    folder = store.RunFolder.open(run)
    path = folder.path / f"{name}.ipynb"
    if path.exists():
        return path
    content = json.loads(notebook.find(name).read_text(encoding="utf-8"))
    place = _run_cell(name)
    if place is None:
        raise UsageError("is about no single run", where=f"{name}.ipynb")
    source = "".join(content["cells"][place]["source"])
    given = _RUN.sub('run = "."  # the folder of this notebook', source, count=1)
    content["cells"][place]["source"] = given.splitlines(keepends=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        hint = f"open notebooks/{name}.ipynb, and write run = {str(folder.path)!r} in its first cell"
        raise UsageError(f"cannot be written: {error.strerror}", where=str(path), hint=hint) from None
    return path


def _run_cell(name: str) -> int | None:
    """Return the place of the cell that gives a notebook its run; None if it has none."""
    cells: list[dict[str, Any]] = json.loads(notebook.find(name).read_text(encoding="utf-8"))["cells"]
    for place, cell in enumerate(cells):
        if "parameters" in cell["metadata"].get("tags", ()) and _RUN.search("".join(cell["source"])):
            return place
    return None
