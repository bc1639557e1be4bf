"""Text and tables on a console: lines break between words only, and a table that is too wide becomes lines."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.quantities import MISSING
from harness.report import escape

_WIDTH_MIN = 80
"""Where there is no terminal: no log should get a column of single words."""
_INDENT = "    "
_BETWEEN = " · "


def text(content: str, style: str = "") -> Text:
    """Return text of others as it is: no markup, nothing that a terminal obeys."""
    return Text(escape.terminal(content), style=style)


def line(console: Console, content: Text | str, style: str = "", *, whole: bool = False) -> None:
    """Print a paragraph.

    Args:
        console: Where to.
        content: What; text of others must come as `str`.
        style: Of all of it.
        whole: In one line, however long: it will be copied.
    """
    shown = text(content, style) if isinstance(content, str) else content
    for part in [shown] if whole else _wrapped(shown, _width(console)):
        console.print(part, highlight=False, soft_wrap=True)


def _wrapped(content: Text, width: int) -> Iterator[Text]:
    """Yield a text in lines that break between words; a word that is too long, such as a path, sticks out."""
    for paragraph in content.split("\n", allow_blank=True):
        breaks, column = [], 0
        for word in re.finditer(r"\S+\s*|^\s+", paragraph.plain):
            if column and column + cell_len(word[0].rstrip()) > width:
                breaks.append(word.start())
                column = 0
            column += cell_len(word[0])
        for part in paragraph.divide(breaks):
            part.rstrip()
            yield part


def table(console: Console, columns: Sequence[str], rows: Sequence[Sequence[Text | str]]) -> None:
    """Print a table; where it does not fit, each row as lines that name its cells.

    Args:
        console: Where to.
        columns: Their names; a cell of a column without one needs none.
        rows: A cell for each column; an empty one is a dash in a table, and left out in lines.
    """
    cells = [[cell if isinstance(cell, Text) else text(cell) for cell in row] for row in rows]
    grid = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", show_edge=False, pad_edge=False)
    for name in columns:
        grid.add_column(name, no_wrap=True)
    for row in cells:
        grid.add_row(
            *(cell if cell.plain or not name else Text(MISSING) for name, cell in zip(columns, row, strict=True))
        )
    width = _width(console)
    if console.measure(grid, options=console.options.update(max_width=10**6)).maximum <= width:
        console.print(grid, width=width, highlight=False)
        return
    for row in cells:
        _lines(console, columns, row)


def _lines(console: Console, columns: Sequence[str], row: Sequence[Text]) -> None:
    """Print a row: its cells up to the first one with a named column, and below it the others with their names."""
    named = next((place for place, name in enumerate(columns) if name), 0) + 1
    line(console, Text("  ").join(cell for cell in row[:named] if cell.plain))
    rest = [
        Text.assemble((f"{name} " if name else "", "dim"), cell)
        for name, cell in zip(columns[named:], row[named:], strict=True)
        if cell.plain
    ]
    room = _width(console) - len(_INDENT)
    for part in _filled(rest, room):
        for wrapped in _wrapped(part, room):
            console.print(Text.assemble(_INDENT, wrapped), highlight=False, soft_wrap=True)


def _filled(cells: Sequence[Text], width: int) -> Iterator[Text]:
    """Yield cells in lines, as many in each as fit."""
    current = Text()
    for cell in cells:
        joined = Text.assemble(current, _BETWEEN, cell) if current.plain else cell
        if current.plain and cell_len(joined.plain) > width:
            yield current
            joined = cell
        current = joined
    if current.plain:
        yield current


def _width(console: Console) -> int:
    return console.width if console.is_terminal else max(_WIDTH_MIN, console.width)
