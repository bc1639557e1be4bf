"""What is kept in JupyterLab: a list of runs, each opened in any notebook or as its page."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

import traitlets

from harness.errors import HarnessError, UsageError
from harness.lab.notebooks import copy_for, listed
from harness.lab.widget import LabWidget, module
from harness.report import notebook
from harness.store.index import entries

_RUNS_MAX = 2000
_SHOWN_MAX = 20


class IndexWidget(LabWidget):
    """The runs and the notebooks.

    Args:
        reports: Folder of all runs.
    """

    _esm = module("index")
    runs = traitlets.List(traitlets.Dict()).tag(sync=True)
    notebooks = traitlets.List(traitlets.Dict()).tag(sync=True)
    folder = traitlets.Unicode().tag(sync=True)
    left_out = traitlets.Int().tag(sync=True)
    wrong = traitlets.Unicode().tag(sync=True)

    def __init__(self, reports: Path) -> None:
        super().__init__()
        kept = [entry for entry in entries(reports) if entry.kind == "run"]
        self.folder = str(reports)
        self.left_out = max(0, len(kept) - _RUNS_MAX)
        self.runs = [
            {
                "path": entry.path,
                "began": datetime.fromtimestamp(entry.when_s, UTC).strftime("%Y-%m-%d %H:%M"),
                "verdict": entry.verdict or "not judged",
                "scenario": entry.scenario,
                "chain": entry.chain,
                "engine": entry.engine,
                "page": entry.page,
            }
            for entry in kept[:_RUNS_MAX]
        ]
        self.notebooks = [each._asdict() for each in listed()]
        self.on_msg(self._asked)

    def _asked(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        """Make ready what the page wants to open, and answer with its path as JupyterLab names it."""
        self.wrong = ""
        try:
            path = self._ready(content)
            root = Path(content["root"]).expanduser().resolve()
            if not path.resolve().is_relative_to(root):
                hint = "start JupyterLab in a folder that holds both: make lab does"
                raise UsageError(f"is not below {root}, which JupyterLab shows", where=str(path), hint=hint)
        except HarnessError as error:
            self.wrong = str(error)
        else:
            self.send({"open": path.resolve().relative_to(root).as_posix()})

    def _ready(self, content: dict[str, Any]) -> Path:
        """Return the file to open."""
        name, run = content.get("notebook"), content.get("run")
        known = {each["path"]: each for each in self.runs}
        if run is None:
            return notebook.find(str(name))
        if run not in known:
            raise UsageError(f"no such run: {run!r}", where=self.folder)
        folder = Path(self.folder) / run
        return folder / str(known[run]["page"]) if name is None else copy_for(str(name), folder)

    def static(self) -> str:
        """Return the newest runs and all notebooks."""
        names = ("began", "verdict", "scenario", "chain", "engine")
        rows = (
            f"<tr>{''.join(f'<td>{escape(str(run[name]))}</td>' for name in names)}</tr>"
            for run in self.runs[:_SHOWN_MAX]
        )
        head = "".join(f"<th>{name}</th>" for name in names)
        books = "".join(f"<li>{escape(each['name'])}.ipynb: {escape(each['question'])}</li>" for each in self.notebooks)
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table><ul>{books}</ul>"


def index(reports: str | os.PathLike[str] | None = None) -> IndexWidget:
    """Show the runs that are kept, and open notebooks on them.

    Args:
        reports: Folder of all runs; None for `reports` in the current folder or the one above it.
    """
    here = Path.cwd()
    places = [Path(reports)] if reports is not None else [here / "reports", here.parent / "reports"]
    return IndexWidget(next((place for place in places if place.is_dir()), places[0]))
