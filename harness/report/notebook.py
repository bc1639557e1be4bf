"""Notebooks, executed; the page of a run, made from one."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from harness import store
from harness.errors import HarnessError, UsageError
from harness.extras import REPORT
from harness.fork import WorkingFork
from harness.report import judged_run
from harness.report.cells import NotebookCell, body, read_cells, run_cells
from harness.report.judged_run import JudgedRun
from harness.report.page import page

TIMEOUT_S = 120.0
_PACKAGE = Path(__file__).parents[1]


def find(name: str) -> Path:
    """Return the path of one of our notebooks: in the installed package, else in the checkout.

    Args:
        name: `run-report`, `retry-timing` and so on.

    Raises:
        UsageError: There is no such notebook.
    """
    places = [_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"]
    for place in places:
        path = place / f"{name}.ipynb"
        if path.is_file():
            return path
    known = sorted({path.stem for place in places for path in place.glob("*.ipynb")})
    raise UsageError(f"no such notebook: {name!r}", known=", ".join(known) or None)


def execute(
    name: str, run: Path | None = None, *, judged: JudgedRun | None = None, **parameters: object
) -> list[NotebookCell]:
    """Run a notebook in a fork of this process, and return its cells with what they showed.

    There is no kernel and no port, and whatever the notebook does to its process ends with that.

    Args:
        name: As for `find`.
        run: The parameter of that name: a run's folder.
        judged: That run, where this process has it in memory: then the notebook does not load it again.
        parameters: Values of other parameters.

    Raises:
        UsageError: There is no such notebook, or it is damaged.
        HarnessError: The notebook came to no end: it was killed, or took too long.
    """
    path = find(name)
    cells = _with_parameters(read_cells(path), {"run": run, **parameters} if run else parameters, path)
    receiving, sending = os.pipe()
    os.set_blocking(receiving, False)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="harness-nb-") as scratch,
            WorkingFork(partial(_executed, cells, judged, Path(scratch), sending)) as fork,
        ):
            return fork.result(within_s=TIMEOUT_S)
    except (HarnessError, TimeoutError) as error:
        why = f"took longer than {TIMEOUT_S:g} s" if isinstance(error, TimeoutError) else error.problem
        hint = f"the run itself is safe; try again with: harness report {run}" if run else None
        raise HarnessError(f"{_last_begun(receiving, cells)}: {why}", where=path.name, hint=hint) from None
    finally:
        os.close(receiving)
        os.close(sending)


def write_report(run: Path, judged: JudgedRun | None = None) -> Path:
    """Make `report.html` in a run's folder, whole or not at all, and return its path.

    Args:
        run: Its folder.
        judged: The run, where this process has it in memory.

    Raises:
        UsageError: What it takes is not installed, or the notebook is damaged.
        HarnessError: The notebook was killed, or no cell of it shows anything: the run's folder is untouched. Or a cell
            raised: the page has the others, and says so in its place.
        OSError: The page cannot be written.
    """
    REPORT.need()
    folder = store.RunFolder.open(run)
    cells = execute("run-report", folder.path, judged=judged)
    shown = any(cell.outputs for cell in cells)
    if shown:
        folder.write_report(page(folder.plan().title, body(cells)))
    if broken := [cell for cell in cells if cell.problem]:
        more = f", and {len(broken) - 1} more" if len(broken) > 1 else ""
        problem = f"the report {'is incomplete' if shown else 'could not be made'}: {broken[0].name}: {broken[0].problem}{more}"
        raise HarnessError(problem, where="run-report.ipynb", hint=f"the run itself is safe: {folder.path}")
    return folder.report


def _with_parameters(cells: Sequence[NotebookCell], parameters: dict[str, object], path: Path) -> list[NotebookCell]:
    """Return cells with one more after that of the parameters, which gives them their values."""
    place = next((place for place, cell in enumerate(cells, start=1) if cell.parameters), None)
    if place is None:
        raise UsageError("the notebook has no cell tagged `parameters`", where=str(path))
    given = {name: str(value) if isinstance(value, Path) else value for name, value in parameters.items()}
    source = "\n".join(f"{name} = {value!r}" for name, value in given.items())
    return [*cells[:place], NotebookCell(number=place, markdown=False, source=source), *cells[place:]]


def _executed(
    cells: Sequence[NotebookCell], judged: JudgedRun | None, scratch: Path, sending: int
) -> list[NotebookCell]:
    """Be the fork: standard output is the command's answer, and no cell writes to it."""
    os.dup2(2, 1)
    if judged is not None:
        judged_run.hold(judged)
    return run_cells(cells, scratch, lambda number: os.write(sending, b"%d\n" % number))


def _last_begun(receiving: int, cells: Sequence[NotebookCell]) -> str:
    """Return the name of the cell that a fork was at."""
    written = b""
    with contextlib.suppress(BlockingIOError):
        while piece := os.read(receiving, 1 << 16):
            written += piece
    last = int(written.split()[-1]) if written else 0
    return next((cell.name for cell in cells if cell.number == last), "before its first cell")
