"""Writes docs/reference/python-chains.md: what frameworks do under the smoke suite: `python -m scripts.python_chains`."""
# ruff: noqa: INP001  -- a script, in no package

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.document import read
from harness.quantities import duration, share
from scripts.smoke_runs import CHATS, ROOT, SMOKE, in_fault, suite

CHAINS = ROOT / "examples" / "python-chains"
PAGE = ROOT / "docs" / "reference" / "python-chains.md"

_INTRODUCTION = """\
# What frameworks do

Measured with `python -m scripts.python_chains`: the chains of [examples/python-chains](../../examples/python-chains) under the
smoke suite in virtual time. Each of them asks a second provider when the first one fails, with one retry at each where the library
takes that setting. [The guide](../guides/python-chains.md) shows how to test your own.

For each scenario: the share of callers with a complete answer, the median wait for the fallback, and the attempts per request, all
during the fault.

"""
_VERSION = (
    "import sys; from importlib.metadata import version; print(*(f'{n} {version(n)}' for n in sys.argv[1:]), sep=', ')"
)


def measured(chains: Iterable[Path], reports: Path) -> list[Mapping[str, Any]]:
    """Run the suite on all chains, and return its results."""
    named = [word for chain in chains for word in ("--chain", str(chain))]
    return suite([f"{SMOKE / name}.yaml" for name in CHATS], "--engine", "sim", "--reports", str(reports), *named)


def page(chains: Iterable[Path], cells: Iterable[Mapping[str, Any]]) -> str:
    """Return the page, in Markdown: a row for each chain, and what the checks found."""
    by_chain: dict[str, dict[str, Mapping[str, Any]]] = {}
    for cell in cells:
        by_chain.setdefault(cell["chain"], {})[cell["scenario"]] = cell
    scenarios = sorted({name for each in by_chain.values() for name in each})
    lines = ["| chain | " + " | ".join(scenarios) + " |", "|---" * (len(scenarios) + 1) + "|"]
    found = []
    for path in chains:
        results = by_chain[path.stem]
        shown = [_cell(Path(results[name]["run"])) for name in scenarios]
        lines.append(f"| [{path.stem}](../../examples/python-chains/{path.name}) | " + " | ".join(shown) + " |")
        found += [each for name in scenarios for each in _findings(path.stem, name, Path(results[name]["run"]))]
    versions = [f"- {path.stem}: {_versions(path, by_chain[path.stem])}" for path in chains]
    noted = found or ["- Nothing."]
    return (
        _INTRODUCTION
        + "\n".join([*lines, "", "What the behaviour checks found:", "", *noted, "", "Versions:", "", *versions])
        + "\n"
    )


def _cell(run: Path) -> str:
    fault = in_fault(run)
    success, wait, attempts = (fault.get(name) for name in ("success_rate", "fallback_overhead_p50", "amplification"))
    words = [
        "–" if success is None else share(success),
        "–" if wait is None else duration(wait),
        "–" if attempts is None else f"{attempts:.1f}×",
    ]
    return ", ".join(words)


def _findings(chain: str, scenario: str, run: Path) -> list[str]:
    verdict = json.loads((run / "verdict.json").read_text())
    failed = [f"`{each['id']}`: {each['message']}" for each in verdict["findings"] if each["status"] == "fail"]
    failed += [f"`{each['text']}` was not met" for each in verdict["expectations"] if each["status"] == "fail"]
    if verdict["status"] == "inconclusive":
        failed.append("inconclusive: " + "; ".join(verdict["reasons"]))
    return [f"- {chain}, {scenario}: {each}" for each in failed]


def _versions(path: Path, results: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the versions of the packages that a chain's environment was built for, or of those that it imports."""
    written = read(path).data
    packages = [re.split(r"[\[=<>~! ]", each)[0] for each in (written.get("environment") or {}).get("packages", ())]
    environment = json.loads((Path(next(iter(results.values()))["run"]) / "environment.json").read_text())
    python = Path(environment["chain"]["interpreter"]).expanduser() if packages else Path(sys.executable)
    named = packages or [path.stem.split("-")[0]]
    ran = subprocess.run([python, "-c", _VERSION, *named], stdout=subprocess.PIPE, text=True, check=True)
    return ran.stdout.strip()


if __name__ == "__main__":
    paths = sorted(CHAINS.glob("*.yaml"))
    with tempfile.TemporaryDirectory() as made:
        PAGE.write_text(page(paths, measured(paths, Path(made))), encoding="utf-8")
