"""What a benchmark says: numbers, each with its unit and its target."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One number.

    Attributes:
        what: What was measured.
        measured: The number.
        unit: Its unit; empty for a ratio.
        target: For people: `<= 5`; None where it only informs.
        met: Whether the target is met; None without one.
    """

    what: str
    measured: float
    unit: str
    target: str | None = None
    met: bool | None = None


def limited(what: str, measured: float, unit: str, at_most: float) -> Row:
    """Return a row whose number is to be at most `at_most`."""
    return Row(what=what, measured=measured, unit=unit, target=f"<= {at_most:g}", met=bool(measured <= at_most))


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def tell(name: str, measure: Callable[[], list[Row]]) -> None:
    """Measure, print the rows, and write them as JSON where `--json FILE` asks for it; the body of a benchmark."""
    parser = argparse.ArgumentParser(description=name)
    parser.add_argument("--json", type=Path, help="write the result here")
    options = parser.parse_args()
    rows = measure()
    for row in rows:
        verdict = {True: "met", False: "MISSED", None: ""}[row.met]
        print(f"{row.what:<60} {row.measured:>10.3f} {row.unit:<8} {row.target or '':<10} {verdict}")
    if options.json is not None:
        options.json.write_text(json.dumps({"name": name, "rows": [asdict(row) for row in rows]}) + "\n")
