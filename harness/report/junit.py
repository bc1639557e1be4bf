"""The verdict as JUnit XML, which every CI shows.

An inconclusive check is an `error`, not a `skipped`: most CI systems count skipped tests as success, and a run that
did not test what it claims never passes. What cannot change the verdict (an advisory finding, an inconclusive check
nobody asked for) is `skipped`, with its message, so that it is seen but keeps the build green.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

from harness.judge import ExpectationResult, Finding, Status
from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.summary import summary

# All that XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_IDS_MAX = 20


def junit(run: JudgedRun) -> bytes:
    """Return one test suite: a test case per expectation, per finding, and one for the run itself."""
    plan, verdict = run.plan, run.verdict
    name = f"{plan.name} (seed {plan.seed})"
    suite = ET.Element("testsuite", name=clean(name))
    counts = {"failure": 0, "error": 0, "skipped": 0}
    cases = [_overall(suite, run)]
    cases += [_expectation(suite, plan.name, row) for row in verdict.expectations]
    asked = {row.metric for row in verdict.expectations if row.text.split()[:1] == ["no"]}
    cases += [_finding(suite, plan.name, finding, asked=finding.id in asked) for finding in verdict.findings]
    for case in cases:
        for child in case:
            counts[child.tag] = counts.get(child.tag, 0) + 1
    seconds = plan.end_ns / 1e9
    totals = {"failures": counts["failure"], "errors": counts["error"]}
    for element in (suite, root := ET.Element("testsuites", name="llm-fallback-harness")):
        element.set("tests", str(len(cases)))
        for key, total in totals.items():
            element.set(key, str(total))
        element.set("time", f"{seconds:.3f}")
    suite.set("skipped", str(counts["skipped"]))  # which the root may not have
    root.append(suite)
    ET.indent(root)
    page: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return page + b"\n"


def clean(text: str) -> str:
    """Return a text without what XML cannot hold."""
    return _FORBIDDEN.sub("\ufffd", text)


def _case(suite: ET.Element, kind: str, scenario: str, name: str) -> ET.Element:
    return ET.SubElement(suite, "testcase", classname=clean(f"{scenario}.{kind}"), name=clean(name))


def _outcome(case: ET.Element, tag: str, message: str, details: str = "") -> None:
    child = ET.SubElement(case, tag, message=clean(message))
    if tag != "skipped":
        child.set("type", tag)
    child.text = clean(details or message)


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
    observed = f"observed {words.amount(row.observed, row.unit)}"
    around = words.interval(row.ci, row.unit)
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
    text = f"{finding.message} ({words.count(finding.count)} of {words.count(finding.samples)})"
    details = "\n".join([text, *finding.requests[:_IDS_MAX], *(["…"] if len(finding.requests) > _IDS_MAX else [])])
    advisory = finding.severity == "advisory" and not asked
    if finding.status is Status.FAIL:
        _outcome(case, "skipped" if advisory else "failure", text, details)
    elif finding.status is Status.INCONCLUSIVE:
        red = asked or finding.severity == "run"
        _outcome(case, "error" if red else "skipped", f"inconclusive: {text}", details)
    return case
