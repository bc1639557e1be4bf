"""The verdict as JUnit XML, which every CI shows.

An inconclusive check is an `error`, not a `skipped`: most CI systems count skipped tests as success, and a run that
did not test what it claims never passes. What cannot change the verdict (an advisory finding, an inconclusive check
that no expectation asks for) is `skipped`, with its message, so that it is visible but keeps the build green.
"""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping

from harness import quantities
from harness.judge import ExpectationResult, Finding, Status
from harness.report import words
from harness.report.escape import xml
from harness.report.judged_run import JudgedRun
from harness.report.summary import summary

_IDS_MAX = 20


def junit(run: JudgedRun) -> bytes:
    """Return one test suite: a test case per expectation, per finding, and one for the run itself."""
    plan, verdict = run.plan, run.verdict
    suite = ET.Element("testsuite", name=xml(f"{plan.name} (seed {plan.seed})"))
    if run.environment.get("engine") == "sim":
        add_properties(suite, {"simulated_s": f"{plan.end_ns / 1e9:.3f}"})
    cases = [_overall(suite, run)]
    cases += [_expectation(suite, plan.name, row) for row in verdict.expectations]
    asked = {row.metric for row in verdict.expectations if words.forbids(row)}
    cases += [_finding(suite, plan.name, finding, asked=finding.id in asked) for finding in verdict.findings]
    tags = [child.tag for case in cases for child in case]
    for element in (suite, root := ET.Element("testsuites", name="llm-fallback-harness")):
        element.set("tests", str(len(cases)))
        element.set("failures", str(tags.count("failure")))
        element.set("errors", str(tags.count("error")))
        if isinstance(wall_s := run.environment.get("wall_s"), int | float):
            element.set("time", f"{wall_s:.3f}")
    suite.set("skipped", str(tags.count("skipped")))  # which the root may not have
    root.append(suite)
    ET.indent(root)
    page: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return page + b"\n"


def add_properties(suite: ET.Element, properties: Mapping[str, str]) -> None:
    """Add properties to a suite that has no test case yet: they come first."""
    element = ET.SubElement(suite, "properties")
    for name, value in properties.items():
        ET.SubElement(element, "property", name=name, value=value)


def _case(suite: ET.Element, kind: str, scenario: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=xml(f"{scenario}.{kind}"), name=xml(name))


def _outcome(case: ET.Element, tag: str, message: str, details: str = "") -> None:
    child = ET.SubElement(case, tag, message=xml(message))
    if tag != "skipped":
        child.set("type", tag)
    child.text = xml(details or message)


def _overall(suite: ET.Element, run: JudgedRun) -> ET.Element:
    """Add the run itself: it alone is red where only its own health makes it inconclusive."""
    case = _case(suite, "run", run.plan.name, "verdict")
    tag = {Status.FAIL: "failure", Status.INCONCLUSIVE: "error"}.get(run.verdict.status)
    if tag is not None:
        sentence = summary(run)
        _outcome(case, tag, sentence, "\n".join([sentence, *run.verdict.reasons]))
    return case


def _expectation(suite: ET.Element, scenario: str, row: ExpectationResult) -> ET.Element:
    case = _case(suite, "expect", scenario, row.text)
    observed = f"observed {words.observed(row)}"
    around = words.around(row)
    details = ", ".join(
        part for part in (observed, around and f"95 % interval {around}", f"samples {words.samples(row)}") if part
    )
    text = row.message or details
    if row.status is Status.FAIL:
        _outcome(case, "failure", text)
    elif row.status is Status.INCONCLUSIVE:
        _outcome(case, "error", f"inconclusive: {text}")
    return case


def _finding(suite: ET.Element, scenario: str, finding: Finding, *, asked: bool) -> ET.Element:
    case = _case(suite, "finding", scenario, finding.id)
    name = words.finding_name(finding.id)
    text = f"{name}: {finding.message} ({quantities.count(finding.count)} of {quantities.count(finding.samples)})"
    details = "\n".join([text, *finding.requests[:_IDS_MAX], *(["…"] if len(finding.requests) > _IDS_MAX else [])])
    advisory = finding.severity == "advisory" and not asked
    if finding.status is Status.FAIL:
        _outcome(case, "skipped" if advisory else "failure", text, details)
    elif finding.status is Status.INCONCLUSIVE:
        red = asked or finding.severity == "run"
        _outcome(case, "error" if red else "skipped", f"inconclusive: {text}", details)
    return case
