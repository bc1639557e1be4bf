"""A suite on real parts: its runs go side by side, one wave, one scorecard."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.system.conftest import CHAIN, ROOT

pytestmark = pytest.mark.system

SCENARIO = """\
name: {name}
load: {{rate: 6/s, arrivals: constant, deadline: 8s}}
phases: {{baseline: 2s, fault: 1s, recovery: 1s}}
faults:
  - {{on: primary, during: fault, inject: {{{inject}}}}}
expect: ["{expect}"]
"""


def test_two_scenarios_side_by_side(tmp_path: Path) -> None:
    """Each run faces its own fault alone, though one process drives both; the worst of them is the exit code."""
    (tmp_path / "chains").mkdir()
    (tmp_path / "chains" / "quick.yaml").write_text(CHAIN)
    told = (("status", "status: 503", "success_rate >= 50%"), ("refused", "connection: refused", "amplification < 0.5"))
    for name, inject, expect in told:
        (tmp_path / f"{name}.yaml").write_text(SCENARIO.format(name=name, inject=inject, expect=expect))
    command = [sys.executable, "-m", "harness", "suite", str(tmp_path), "--chain", "chains/quick.yaml", "--json"]
    done = subprocess.run(
        [*command, "--reports", str(tmp_path / "reports"), "--junit", str(tmp_path / "out.xml")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    card = json.loads(done.stdout)
    cells = {cell["scenario"]: cell for cell in card["cells"]}
    assert {name: (cell["status"], cell["score"]) for name, cell in cells.items()} == {
        "status": ("pass", "pass"),
        "refused": ("fail", "partial"),
    }
    outcomes = {}
    origins = []
    for name, cell in cells.items():
        folder = Path(cell["run"])
        assert json.loads((folder / "verdict.json").read_text())["status"] == cell["status"]
        rows = [json.loads(line) for line in (folder / "capture" / "runner.jsonl").read_text().splitlines()]
        origins += [row["at_ns"] for kind, row in rows if kind == "origin"]
        rows = [json.loads(line) for line in (folder / "capture" / "chain.jsonl").read_text().splitlines()]
        outcomes[name] = {row["outcome"] for kind, row in rows if kind == "chain"}
    assert abs(origins[0] - origins[1]) < 10**9
    assert outcomes == {"status": {"ok", "status"}, "refused": {"ok", "refused"}}
    suite = Path(card["suite"])
    assert suite.parent == tmp_path / "reports" / "suites"
    assert len(ET.parse(tmp_path / "out.xml").findall(".//testcase")) == 2  # noqa: S314 - our own
    assert "Do it again" in (suite / "scorecard.html").read_text()
