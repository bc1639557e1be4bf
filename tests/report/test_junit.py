"""The verdict as JUnit XML."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge import ExpectationResult, Finding, RunData, Score, Status, Verdict
from harness.report import JudgedRun, scorecard
from harness.report.comparison import with_baseline
from harness.report.junit import junit
from tests.histories import primary_429
from tests.report.test_github import compared
from tests.report.test_scorecard import EVERY, card, cell, run

DEMO = JudgedRun.of(RunData.of(*primary_429()))


def expectation(status: Status, text: str = "success_rate in fault >= 98%", message: str = "") -> ExpectationResult:
    """Return an answered expectation."""
    return ExpectationResult(
        text=text,
        metric=text.removeprefix("no "),
        phase="fault",
        status=status,
        observed=0.5,
        ci=(0.4, None),
        unit="share",
        samples=20,
        needed=189,
        message=message,
    )


def finding(status: Status, severity: str, name: str = "hang") -> Finding:
    """Return an answered finding."""
    return Finding(
        id=name,
        severity=severity,  # type: ignore[arg-type]
        status=status,
        count=1,
        samples=2,
        requests=("req-000001",),
        message="it hung",
    )


def parse(verdict: Verdict) -> ET.Element:
    """Return the suite."""
    suite = ET.fromstring(junit(replace(DEMO, verdict=verdict))).find("testsuite")  # noqa: S314 - our own text
    assert suite is not None
    return suite


def test_a_case_per_check(demo: JudgedRun) -> None:
    """The suite holds the run, each expectation and each finding, and its counts agree with its cases."""
    suite = parse(demo.verdict)
    assert len(suite) == 1 + len(demo.verdict.expectations) + len(demo.verdict.findings)
    assert suite.get("tests") == str(len(suite))
    for tag, key in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert suite.get(key) == str(len(suite.findall(f"testcase/{tag}")))


@pytest.mark.parametrize(
    ("status", "tag"), [(Status.PASS, None), (Status.FAIL, "failure"), (Status.INCONCLUSIVE, "error")]
)
def test_an_expectation_that_is_not_kept_is_red(status: Status, tag: str | None) -> None:
    """A broken expectation is a failure; an inconclusive one an error, since CI takes skipped for success."""
    suite = parse(Verdict(status=status, exit_code=0, expectations=(expectation(status),)))
    assert [child.tag for case in suite for child in case] == ([tag, tag] if tag else [])


@pytest.mark.parametrize(
    ("status", "severity", "asked", "tag"),
    [
        (Status.PASS, "required", False, None),
        (Status.FAIL, "required", False, "failure"),
        (Status.FAIL, "advisory", False, "skipped"),
        (Status.FAIL, "advisory", True, "failure"),
        (Status.INCONCLUSIVE, "required", False, "skipped"),
        (Status.INCONCLUSIVE, "required", True, "error"),
        (Status.INCONCLUSIVE, "run", False, "error"),
    ],
)
def test_a_finding_is_red_where_it_counts(status: Status, severity: str, asked: bool, tag: str | None) -> None:
    """A finding makes CI red exactly where it touches the verdict."""
    rows = (expectation(Status.PASS, "no hang"),) if asked else ()
    verdict = Verdict(status=Status.PASS, exit_code=0, expectations=rows, findings=(finding(status, severity),))
    case = parse(verdict)[-1]
    assert [child.tag for child in case] == ([tag] if tag else [])


def test_a_run_that_is_inconclusive_by_its_own_health_is_red() -> None:
    """Where all checks pass but the run does not, its own case is an error with the reasons."""
    verdict = Verdict(status=Status.INCONCLUSIVE, exit_code=3, reasons=("3 arrivals were dropped",))
    error = parse(verdict)[0][0]
    assert error.tag == "error"
    assert "3 arrivals were dropped" in (error.get("message") or "")


@given(st.text())
def test_any_text_is_valid_xml(text: str) -> None:
    """Whatever a scenario or a provider put into a message, the file can be parsed."""
    row = expectation(Status.FAIL, text="x " + text, message=text)
    suite = parse(Verdict(status=Status.FAIL, exit_code=1, reasons=(text,), expectations=(row,)))
    assert suite[1][0].tag == "failure"


ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    "testsuites": ({"name", "time", "tests", "failures", "errors", "disabled"}, {"testsuite"}),
    "testsuite": (
        {
            "name",
            "time",
            "tests",
            "failures",
            "errors",
            "disabled",
            "skipped",
            "timestamp",
            "hostname",
            "id",
            "package",
        },
        {"properties", "testcase", "system-out", "system-err"},
    ),
    "testcase": (
        {"name", "classname", "time", "assertions", "status"},
        {"skipped", "error", "failure", "system-out", "system-err"},
    ),
    "failure": ({"message", "type"}, set()),
    "error": ({"message", "type"}, set()),
    "skipped": ({"message"}, set()),
    "system-out": (set(), set()),
    "properties": (set(), {"property"}),
    "property": ({"name", "value"}, set()),
}
"""Attributes and children of each element in the schema that Jenkins' JUnit plugin publishes, which others follow."""


def conforming(page: bytes) -> ET.Element:
    """Return a JUnit file's root, having seen that its elements and its counts are as readers expect."""
    root = ET.fromstring(page)  # noqa: S314 - we wrote it
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.keys()) <= attributes, element.tag
        assert {child.tag for child in element} <= children, element.tag
    cases = 0
    for suite in root:
        cases += len(suite.findall("testcase"))
        assert int(suite.get("tests", "")) == len(suite.findall("testcase"))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(suite.get(name, "")) == len(suite.findall(f"testcase/{tag}"))
    assert int(root.get("tests", "")) == cases
    for name in ("failures", "errors"):
        assert int(root.get(name, "")) == sum(int(suite.get(name, "")) for suite in root)
    return root


def test_every_file_has_the_common_shape(hasty: JudgedRun) -> None:
    """A run's, a suite's, and both with a baseline."""
    pages = [junit(hasty), scorecard.junit(EVERY)]
    for page in [*pages, *(with_baseline(page, compared()) for page in pages)]:
        assert conforming(page).tag == "testsuites"


@pytest.mark.parametrize(
    ("environment", "time", "properties"),
    [
        ({"engine": "sim", "wall_s": 1.25}, "1.250", {"simulated_s": "63.000"}),
        ({"engine": "live", "wall_s": 75.5}, "75.500", {}),
        ({}, None, {}),
    ],
)
def test_time_is_by_the_clock(
    demo: JudgedRun, environment: dict[str, object], time: str | None, properties: dict[str, str]
) -> None:
    """The time is what somebody waited for; simulated seconds are a property."""
    root = conforming(junit(replace(demo, environment=environment)))
    (suite,) = root
    assert root.get("time") == suite.get("time") == time
    assert {found.get("name"): found.get("value") for found in suite.iter("property")} == properties


@pytest.mark.parametrize("engine", ["live", "sim"])
@pytest.mark.parametrize(("wall_s", "time"), [(9.5, "9.500"), (None, "4.500")])
def test_a_suite_took_the_seconds_of_the_clock(engine: str, wall_s: float | None, time: str) -> None:
    """A resumed suite takes the sum of its runs; each cell takes the sum of its own."""
    runs = [run(Score.PASS, 1, wall_s=1.5), run(Score.PASS, 2, wall_s=2.0), run(Score.PASS, 3, wall_s=1.0)]
    shown = replace(card(cell("one", *runs[:2]), cell("two", runs[2])), engine=engine, wall_s=wall_s)
    root = conforming(scorecard.junit(shown))
    (suite,) = root
    assert root.get("time") == suite.get("time") == time
    assert [case.get("time") for case in suite.iter("testcase")] == ["3.500", "1.000"]
    assert [found.get("value") for found in suite.iter("property")] == (["90.000"] if engine == "sim" else [])
