"""The scorecard as JUnit XML: one test case per cell, the runs' own files tell each expectation.

As in a run's file, an inconclusive cell is an `error`, never `skipped`: most CI systems count that as success.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from harness.judge import Status
from harness.report.junit import clean
from harness.report.scorecard.model import Cell, Scorecard
from harness.report.scorecard.texts import cell_texts, why, word

_TAGS = {Status.FAIL: "failure", Status.INCONCLUSIVE: "error"}


def junit(card: Scorecard) -> bytes:
    """Return one test suite, a test case per cell."""
    root = ET.Element("testsuites", name="llm-fallback-harness")
    suite = ET.SubElement(root, "testsuite", name="scorecard")
    for cell in card.cells:
        _case(suite, cell)
    statuses = [cell.status for cell in card.cells]
    for element in (root, suite):
        element.set("tests", str(len(statuses)))
        element.set("failures", str(statuses.count(Status.FAIL)))
        element.set("errors", str(statuses.count(Status.INCONCLUSIVE)))
        element.set("time", f"{card.own_s:.3f}")
    suite.set("skipped", "0")  # which the root may not have
    ET.indent(root)
    page: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return page + b"\n"


def _case(suite: ET.Element, cell: Cell) -> None:
    seconds = sum(run.length_s for run in cell.runs)
    case = ET.SubElement(
        suite, "testcase", classname=clean(cell.chain), name=clean(cell.scenario), time=f"{seconds:.3f}"
    )
    if cell.status is not Status.PASS:
        reasons = why(cell)
        message = clean(f"{word(cell.score)}: {reasons[0]}" if reasons else word(cell.score))
        child = ET.SubElement(case, _TAGS[cell.status], message=message, type=cell.score.value)
        child.text = clean("\n".join([*reasons, f"do it again: {cell.shown.command}"]))
    if attempts := cell_texts(cell).attempts:
        ET.SubElement(case, "system-out").text = clean(f"attempts: {attempts}")
