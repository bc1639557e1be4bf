"""The scorecard as JUnit XML: one test case per cell; the file of each run has one for each expectation.

As in a run's file, an inconclusive cell is an `error`, never `skipped`: most CI systems count that as success. Skipped is only what
does not fit its chain.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET

from harness.judge import Status
from harness.report.escape import xml
from harness.report.junit import add_properties
from harness.report.scorecard.model import Cell, Scorecard
from harness.report.scorecard.texts import cell_texts, why, word

_TAGS = {Status.FAIL: "failure", Status.INCONCLUSIVE: "error"}


def junit(card: Scorecard) -> bytes:
    """Return one test suite, a test case per cell. Times are by the clock; those that were simulated are a property."""
    root = ET.Element("testsuites", name="llm-fallback-harness")
    suite = ET.SubElement(root, "testsuite", name="scorecard")
    if card.engine == "sim":
        add_properties(suite, {"simulated_s": f"{card.own_s:.3f}"})
    for cell in card.cells:
        _case(suite, cell)
    for each in card.left_out:
        case = ET.SubElement(suite, "testcase", classname=xml(each.chain), name=xml(each.scenario), time="0.000")
        ET.SubElement(case, "skipped", message=xml(each.why))
    statuses = [cell.status for cell in card.cells]
    wall_s = card.wall_s if card.wall_s is not None else sum(_wall_s(cell) for cell in card.cells)
    for element in (root, suite):
        element.set("tests", str(len(statuses) + len(card.left_out)))
        element.set("failures", str(statuses.count(Status.FAIL)))
        element.set("errors", str(statuses.count(Status.INCONCLUSIVE)))
        element.set("time", f"{wall_s:.3f}")
    suite.set("skipped", str(len(card.left_out)))  # which the root may not have
    ET.indent(root)
    page: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return page + b"\n"


def _case(suite: ET.Element, cell: Cell) -> None:
    seconds = f"{_wall_s(cell):.3f}"
    case = ET.SubElement(suite, "testcase", classname=xml(cell.chain), name=xml(cell.scenario), time=seconds)
    if cell.status is not Status.PASS:
        reasons = why(cell)
        message = xml(f"{word(cell.score)}: {reasons[0]}" if reasons else word(cell.score))
        child = ET.SubElement(case, _TAGS[cell.status], message=message, type=cell.score.value)
        child.text = xml("\n".join([*reasons, f"repeat with: {cell.shown.command}"]))
    if attempts := cell_texts(cell).attempts:
        ET.SubElement(case, "system-out").text = xml(f"attempts: {attempts}")


def _wall_s(cell: Cell) -> float:
    return sum(run.wall_s or 0.0 for run in cell.runs)
