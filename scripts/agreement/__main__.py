"""Write docs/explanation/agreement.md: `python -m scripts.agreement SUITE…`.

SUITE is the folder of a live suite (reports/suites/…), or of a single live run; the page has a table for each chain. Runs in
environments that were built for a version of LiteLLM (`--litellm`) go to docs/explanation/agreement-by-version.md, and those that mix
kinds of request to docs/explanation/agreement-by-kind.md.
"""
# ruff: noqa: T201  -- it talks to whoever runs it

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.store import RunFolder
from scripts.agreement.comparison import simulate
from scripts.agreement.page import KINDS_PAGE, PAGE, VERSIONS_PAGE, kinds_page, page, row, versions_page


def folders(path: Path) -> list[RunFolder]:
    """Return the live runs of a suite, or the one run that a folder is."""
    if not (path / "suite.json").is_file():
        return [RunFolder.open(path)]
    cells = json.loads((path / "suite.json").read_bytes())["cells"]
    return [
        RunFolder.open(Path(run["run"])) for cell in cells for run in cell["runs"] if run["run"] and not run["error"]
    ]


def main() -> int:
    """Write the page; return 1 where the engines do not agree."""
    if len(sys.argv) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    found = []
    for folder in (folder for path in sys.argv[1:] for folder in folders(Path(path))):
        agreement = simulate(folder)
        if agreement is None:
            print(f"{folder.plan().name}: only live", file=sys.stderr)
            continue
        print(row(agreement), end="", flush=True)
        for line in agreement.differing:
            print(f"  {line}", flush=True)
        found.append(agreement)
    mixed = [each for each in found if len(each.kinds) > 1]
    usual = [each for each in found if len(each.kinds) == 1]
    own = [each for each in usual if each.litellm is None]
    others = [each for each in usual if each.litellm is not None]
    for path, write, those in (
        (PAGE, page, own),
        (VERSIONS_PAGE, versions_page, others),
        (KINDS_PAGE, kinds_page, mixed),
    ):
        if those:
            path.write_text(write(those), encoding="utf-8")
    return 0 if all(each.agree for each in found) else 1


if __name__ == "__main__":
    sys.exit(main())
