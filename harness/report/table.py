"""A table as HTML: on a phone each row becomes a card whose lines are named by `data-name`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from harness.report.glossary import TERMS, explained


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    caption: str | None = None,
    meanings: Mapping[str, str] | None = None,
) -> str:
    """Return a table of cells that are HTML already; a column without any content is left out.

    Args:
        columns: Their names, as text; those that have a meaning explain themselves.
        rows: A cell for each column.
        caption: As text; None for none.
        meanings: Of columns, beside those in the glossary.
    """
    kept = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    columns, rows = [columns[place] for place in kept], [[row[place] for place in kept] for row in rows]
    above = "" if caption is None else f"<caption>{escape(caption)}</caption>"
    known = {**TERMS, **(meanings or {})}
    names = (explained(name, known[name]) if name in known else escape(name) for name in columns)
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-name="{escape(name)}"><div>{cell}</div></td>' for name, cell in zip(columns, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table>{above}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
