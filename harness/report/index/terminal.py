"""What is kept, on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from harness.quantities import count
from harness.report import console as output
from harness.report.index.texts import LABELS, VERDICTS, began, name, number
from harness.store.index_entry import Entry

_STYLES = {"pass": "green", "fail": "bold red", "inconclusive": "yellow", "": "dim"}
_NOTE_MAX = 100
_ENTRIES_MAX = 200
_SHOWN = ("success_rate", "latency_p95")


def print_entries(found: Sequence[Entry], reports: Path, console: Console | None = None) -> None:
    """Print what is kept, a row each; of very many, the first ones.

    Args:
        found: It, in the order in which it is printed.
        reports: The folder that it is in.
        console: Where to; standard output if None.
    """
    console = console or Console()
    columns = ("", "what", "began (UTC)", *(LABELS[each] for each in _SHOWN), "folder", "")
    output.table(console, columns, [_row(entry, reports) for entry in found[:_ENTRIES_MAX]])
    if (more := len(found) - _ENTRIES_MAX) > 0:
        output.line(console, f"and {count(more)} more: --since and --scenario choose some, --json lists all", "dim")


def _row(entry: Entry, reports: Path) -> list[Text | str]:
    note = entry.note if len(entry.note) <= _NOTE_MAX else entry.note[:_NOTE_MAX] + "…"
    return [
        output.text(VERDICTS[entry.verdict], _STYLES[entry.verdict]),
        f"{name(entry)} on {entry.chain}" if entry.chain else name(entry),
        began(entry),
        *(number(entry, each) for each in _SHOWN),
        str(reports / entry.path),
        "; ".join(filter(None, (note, f"part of {entry.suite}" if entry.suite else ""))),
    ]
