"""Run every benchmark of this folder in a row, print one table and write it to README.md: `python -m benchmarks`.

`python -m benchmarks NAME…` runs only those, and replaces their rows on the page.
"""

from __future__ import annotations

import ast
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TIMEOUT_S = 1200
PACKAGES = ("aiohttp", "gevent", "litellm", "locust")


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one benchmark.

    Attributes:
        name: Its file's.
        purpose: Its docstring.
        rows: As the benchmark gave them; empty if it failed.
        failure: The last line of its output; None if it finished.
    """

    name: str
    purpose: str
    rows: list[dict[str, Any]]
    failure: str | None = None


def scripts() -> list[Path]:
    """Return the benchmarks, by name."""
    return sorted(path for path in HERE.glob("*.py") if not path.name.startswith("_"))


def run(script: Path) -> Result:
    """Run one benchmark."""
    docstring = ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""
    purpose = " ".join(docstring.split())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "result.json"
        command = [sys.executable, str(script), "--json", str(file)]
        try:
            done = subprocess.run(command, cwd=HERE.parent, capture_output=True, text=True, timeout=TIMEOUT_S)  # noqa: PLW1510 - its exit code is looked at below
        except subprocess.TimeoutExpired:
            return Result(name=script.stem, purpose=purpose, rows=[], failure=f"no end after {TIMEOUT_S} s")
        if not file.exists():
            words = done.stderr.strip().splitlines()
            return Result(name=script.stem, purpose=purpose, rows=[], failure=words[-1] if words else "no result")
        return Result(name=script.stem, purpose=purpose, rows=json.loads(file.read_text())["rows"])


def table(results: list[Result]) -> list[str]:
    """Return one Markdown table of all numbers."""
    lines = ["| benchmark | what | measured | target | met |", "|---|---|---:|---|---|"]
    for result in results:
        if result.failure is not None:
            lines.append(f"| {result.name} | failed | | | **no** |")
        for row in result.rows:
            met = {True: "yes", False: "**no**", None: ""}[row["met"]]
            number = f"{row['measured']:,.0f}" if row["measured"] >= 1000 else f"{row['measured']:.3g}"
            target = "" if row["target"] is None else str(row["target"])
            lines.append(f"| {result.name} | {row['what']} | {number} {row['unit']} | {target} | {met} |")
    return lines


def machine(load: float) -> str:
    """Return what the numbers depend on; no name of a machine or a person."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES)
    return (
        f"{len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()} cores, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {versions}; "
        f"load average {load:.1f} before the first benchmark."
    )


def page(results: list[Result], facts: str) -> str:
    """Return the whole of README.md."""
    purposes = [f"- `{result.name}`: {result.purpose}" for result in results]
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "`make bench` (or `python -m benchmarks`) runs every script of this folder in a row and writes this page.",
            "What is compared is measured in the same run, in turns, so a busy machine slows both sides.",
            "",
            *table(results),
            "",
            f"Machine: {facts}",
            "",
            "What each one measures:",
            "",
            *purposes,
            "",
        ]
    )


def renewed(text: str, results: list[Result]) -> str:
    """Return the page with the rows of some benchmarks in the place of those it has."""
    head, *rows = table(results)[1:]
    again = {result.name for result in results}
    kept = [
        line for line in text.splitlines() if line.startswith("| ") and line.split()[1] not in {*again, "benchmark"}
    ]
    before, _, after = text.partition(head + "\n")
    rest = after.splitlines()[sum(line.startswith("| ") for line in after.splitlines()) :]
    return "\n".join([before + head, *sorted(kept + rows, key=lambda line: line.split()[1]), *rest]) + "\n"


def main(names: list[str]) -> int:
    """Run all, or those with the given names; return 1 if a benchmark failed or missed a target."""
    facts = machine(os.getloadavg()[0])
    results = []
    for script in [script for script in scripts() if not names or script.stem in names]:
        print(f"{script.stem} …", file=sys.stderr, flush=True)
        results.append(run(script))
        if results[-1].failure is not None:
            print(f"  failed: {results[-1].failure}", file=sys.stderr)
    print("\n".join(table(results)))
    readme = HERE / "README.md"
    text = renewed(readme.read_text(encoding="utf-8"), results) if names else page(results, facts)
    readme.write_text(text, encoding="utf-8")
    good = all(result.failure is None and all(row["met"] is not False for row in result.rows) for result in results)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
