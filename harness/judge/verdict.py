"""The answer of a run: fail beats inconclusive beats pass."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeVar

from harness.errors import ExitCode
from harness.history.records import Aborted
from harness.judge.expectations import answer_finding, answer_limit
from harness.judge.findings import FINDINGS
from harness.judge.findings.check_result import unsure
from harness.judge.health import ailments
from harness.judge.measure import measure
from harness.judge.metrics import METRICS, RUN
from harness.judge.result import Ailment, ExpectationResult, Finding, Metrics, Severity, Status, Verdict
from harness.judge.run_data import RunData
from harness.quantities import duration, plural
from harness.scenario import Expectation, Plan

_EXIT = {Status.PASS: ExitCode.PASS, Status.FAIL: ExitCode.FAIL, Status.INCONCLUSIVE: ExitCode.INCONCLUSIVE}
_CRASHED = "the check itself failed"
UNSOUND = "(the run was not sound)"
"""Ends the message of each answer that the run's own health made worthless."""
_REPORT_IT = "This is a mistake of the harness, or of a package that adds to it: report it with this message."
_ABORTED = (
    "The run ended itself, as `abort` in the scenario asked. End the cause, or allow more there, to see the rest."
)
T = TypeVar("T", Finding, ExpectationResult)
_log = logging.getLogger(__name__)


def judge(run: RunData, metrics: Metrics | None = None) -> Verdict:
    """Return the verdict of a run.

    Args:
        run: The run.
        metrics: From `measure`, where they are at hand.
    """
    plan = run.plan
    try:
        metrics = metrics or measure(run)
        sick = ailments(run)
    except Exception as error:
        _log.exception("the judge could not measure the run")
        return _unmeasurable(plan, error)
    # A finding of another package is looked for only where the scenario names it.
    names = dict.fromkeys((*FINDINGS.own, *(each.finding for each in plan.expectations if each.finding)))
    findings = {name: _find(run, name, _asked(plan, name)) for name in names}
    expectations = [_answer(run, metrics, findings, expectation) for expectation in plan.expectations]
    if sick:
        findings = {name: _doubt(finding) for name, finding in findings.items()}
        expectations = [_doubt(row) for row in expectations]
    crashed = [f for f in findings.values() if f.severity != "advisory" and f.message.startswith(_CRASHED)]
    idle = findings["fault_never_fired"]
    unsound = [*sick, *(Ailment(what=f"{each.id}: {each.message}", remedy=_REPORT_IT) for each in crashed)]
    aborted = run.columns.history.aborted
    if aborted is not None:
        expectations = [_unless_unfinished(plan, row, aborted.at_ns) for row in expectations]
        unsound.insert(0, Ailment(what=_abortion(plan, aborted), remedy=_ABORTED))
    elif idle.count:
        unsound.append(Ailment(what=idle.message, remedy=idle.remedy))
    if not plan.expectations:
        unsound.append(Ailment(what="nothing was expected", remedy="Write under `expect` what must hold."))
    counting = [row.status for row in expectations]
    counting += [finding.status for finding in findings.values() if _counts(finding)]
    counting += [Status.INCONCLUSIVE for _ in unsound]
    if aborted is not None and plan.abort is not None and plan.abort.verdict == "fail" and not sick:
        counting.append(Status.FAIL)
    status = _worst(counting)
    listed = [f for f in findings.values() if f.samples or f.message.startswith(_CRASHED) or _asked(plan, f.id)]
    return Verdict(
        status=status,
        exit_code=int(_EXIT[status]),
        reasons=(
            *(each.what for each in unsound),
            *_reasons(status, expectations, listed),
            *_bear_in_mind(run, status, metrics, listed),
        ),
        expectations=tuple(expectations),
        findings=tuple(listed),
        ailments=tuple(unsound),
    )


def _abortion(plan: Plan, aborted: Aborted) -> str:
    """Return when and why a run was aborted."""
    wanted = f" (abort: {plan.abort.text})" if plan.abort is not None else ""
    return f"aborted {duration(aborted.at_ns)} into the run: {aborted.found}{wanted}"


def _unless_unfinished(plan: Plan, row: ExpectationResult, at_ns: int) -> ExpectationResult:
    """Return an answer; none where the run was aborted before the end of what it is about."""
    ends_ns = {phase.name: phase.end_ns for phase in plan.phases}
    if row.status is Status.INCONCLUSIVE or ends_ns.get(row.phase or "", plan.end_ns) <= at_ns:
        return row
    until = f"the end of {row.phase}" if row.phase in ends_ns else "its end"
    message = f"{row.message} (the run was aborted before {until})".strip()
    return replace(row, status=Status.INCONCLUSIVE, message=message, remedy="")


def _worst(statuses: Iterable[Status]) -> Status:
    order = (Status.PASS, Status.INCONCLUSIVE, Status.FAIL)
    return max(statuses, key=order.index, default=Status.PASS)


def _asked(plan: Plan, name: str) -> bool:
    return any(expectation.finding == name for expectation in plan.expectations)


def _counts(finding: Finding) -> bool:
    """Return whether a finding alone can make the run fail; an inconclusive one counts by its expectation, if any."""
    return finding.severity == "required" and finding.status is Status.FAIL


def _find(run: RunData, name: str, asked: bool) -> Finding:
    severity: Severity = "required"
    try:
        kind = FINDINGS[name]
        severity = "required" if asked else kind.severity
        result = unsure(run.apart) if kind.across and run.apart else kind.check(run)
        if result.advisory and not asked:
            severity = "advisory"
    except Exception as error:
        # That a check crashed does not mean that all is well.
        _log.exception("the check %s failed", name)
        result = unsure(f"{_CRASHED}: {type(error).__name__}: {error}")
    return Finding(
        id=name,
        severity=severity,
        status=result.status,
        count=result.count,
        samples=result.samples,
        requests=result.requests,
        message=result.message,
        remedy="" if result.status is Status.PASS or name not in FINDINGS else FINDINGS[name].remedy.at(run.plan.chain),
    )


def _answer(
    run: RunData, metrics: Metrics, findings: dict[str, Finding], expectation: Expectation
) -> ExpectationResult:
    if expectation.finding is not None:
        return answer_finding(expectation, findings[expectation.finding])
    try:
        return answer_limit(run, metrics, expectation)
    except Exception as error:
        _log.exception("the expectation %r failed", expectation.text)
        return _no_answer(expectation, f"{_CRASHED}: {type(error).__name__}: {error}")


def _no_answer(expectation: Expectation, message: str) -> ExpectationResult:
    metric = expectation.metric
    return ExpectationResult(
        text=expectation.text,
        metric=metric or expectation.finding or "",
        phase=expectation.phase,
        kind=expectation.kind,
        status=Status.INCONCLUSIVE,
        observed=None,
        ci=None,
        unit=METRICS[metric].unit if metric else "count",
        samples=0,
        needed=None,
        message=message,
        limit=expectation.target,
    )


def _unmeasurable(plan: Plan, error: Exception) -> Verdict:
    message = f"the run could not be measured: {type(error).__name__}: {error}"
    return Verdict(
        status=Status.INCONCLUSIVE,
        exit_code=int(ExitCode.INCONCLUSIVE),
        reasons=(message,),
        expectations=tuple(_no_answer(expectation, message) for expectation in plan.expectations),
        ailments=(Ailment(what=message, remedy=_REPORT_IT),),
    )


def _doubt(row: T) -> T:
    if row.status is Status.INCONCLUSIVE:
        return row
    message = f"{row.message} {UNSOUND}"
    return replace(row, status=Status.INCONCLUSIVE, message=message, remedy="")


def _reasons(status: Status, expectations: list[ExpectationResult], findings: list[Finding]) -> list[str]:
    if status is Status.PASS:
        return []
    rows = sorted((row for row in expectations if row.status is not Status.PASS), key=lambda row: row.status.value)
    sentences = [f"{_name(row)}: {row.message}" for row in rows]
    asked = {row.metric for row in expectations}
    return sentences + [f"{f.id}: {f.message}" for f in findings if _counts(f) and f.id not in asked]


def _name(row: ExpectationResult) -> str:
    return row.text.split(">")[0].split("<")[0].strip()


def _bear_in_mind(run: RunData, status: Status, metrics: Metrics, findings: list[Finding]) -> list[str]:
    """Return what does not change the answer but is worth knowing."""
    sentences = [] if run.plan.timeline.windows else ["no faults: the run measured a steady state"]
    sentences += [
        f"advisory, {finding.id}: {finding.message}"
        for finding in findings
        if finding.severity == "advisory" and finding.status is Status.FAIL
    ]
    foreign = metrics.harness["foreign"].value
    if foreign:
        sentences.append(f"{plural(int(foreign), 'call')} of another run {'was' if foreign == 1 else 'were'} refused")
    outlived = metrics.phases[RUN]["outlived"].value
    if outlived:
        sentences.append(
            f"{plural(int(outlived), 'request')} {'was' if outlived == 1 else 'were'} still retrying when the fault ended"
        )
    if status is Status.PASS:
        sentences.append("single run: intervals do not predict other runs")
    return sentences
