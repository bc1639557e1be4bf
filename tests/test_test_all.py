"""The page of `make test-all` has every result, and the reason of each that is not a pass."""

from __future__ import annotations

import re
from pathlib import Path

from scripts.test_all import PARTS, Part, outcomes, page

ROOT = Path(__file__).parents[1]
JUNIT = """\
<testsuites><testsuite>
  <testcase classname="tests.sim.test_a" name="test_one" time="61.5"/>
  <testcase classname="tests.sim.test_a" name="test_two[x]" time="2"><failure message="assert 1 == 2&#10;more">trace</failure></testcase>
  <testcase classname="tests.sim.test_b" name="test_three" time="0.1"><error message="failed on setup">trace</error></testcase>
  <testcase classname="tests.system.test_composed" name="test_four" time="0"><skipped message="no Docker daemon answers"/></testcase>
</testsuite></testsuites>
"""


def test_the_page_has_every_result(tmp_path: Path) -> None:
    """Counts, reasons, and how long each slow test took, the longest first."""
    junit = tmp_path / "junit.xml"
    junit.write_text(JUNIT)
    slow = Part(task="test-slow", code=2, took_s=64, outcomes=outcomes(junit))
    text = page([slow], date="2026-11-30", cores=2, python="3.11.7")
    assert "| slow | 1 | 2 | 1 | 64 s | 2 |" in text
    assert "- `tests/sim/test_a.py::test_two[x]`: assert 1 == 2\n" in text
    assert "- `tests/sim/test_b.py::test_three`: failed on setup\n" in text
    assert "## Not possible here\n\n- `tests/system/test_composed.py::test_four`: no Docker daemon answers\n" in text
    rows = re.findall(r"^\| `(\S+)` \| (.+?) \|", text, flags=re.MULTILINE)
    assert rows[0] == ("tests/sim/test_a.py::test_one", "passed")
    assert len(rows) == 4


def test_a_part_without_results_is_listed(tmp_path: Path) -> None:
    """One that ended before its tests did has its exit code and no counts."""
    part = Part(task="coverage", code=2, took_s=3, outcomes=outcomes(tmp_path / "none.xml"))
    assert "| 0 | 0 | 0 | 3 s | 2 |" in page([part], date="2026-11-30", cores=2, python="3.11.7")


def test_every_part_is_a_task_that_takes_the_file_of_its_results() -> None:
    """The script asks for it by a variable that these tasks pass on to pytest."""
    makefile = (ROOT / "Makefile").read_text()
    for task in PARTS:
        (recipe,) = re.findall(rf"^{task}:.*\n((?:\t.*\n)+)", makefile, flags=re.MULTILINE)
        assert "$(JUNIT)" in recipe, task
