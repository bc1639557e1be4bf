"""A run in one or two sentences."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from harness import quantities
from harness.judge import Status, Verdict
from harness.judge.intervals import quantile
from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.scenario import Plan, Window


def summary(run: JudgedRun) -> str:
    """Return the answer, what broke, how many callers noticed, who served, and what decided. Plain text."""
    whole = run.history.complete and run.history.aborted is None
    return " ".join([answer(run), *(f"{sentence}." for sentence in _why(run) if whole)])


def answer(run: JudgedRun) -> str:
    """Return the same without what decided."""
    status = words.WORDS[run.verdict.status]
    if not run.history.complete:
        if not len(run.requests):
            return f"{status} — the run was cut short before its first request."
        sent = quantities.plural(len(run.requests), "request")
        return f"{status} — the run was cut short; the numbers cover the {sent} until then."
    if run.history.aborted is not None:
        return f"{status} — {run.verdict.reasons[0]}. Until then {_noticed(run)}{_served(run)}."
    return f"{status} — {broke(run.plan)}; {_noticed(run)}{_served(run)}."


def broke(plan: Plan) -> str:
    """Return what the faults did, in a phrase: `openai answered 429 for 40 s`."""
    by_deed: defaultdict[str, list[str]] = defaultdict(list)
    for window in plan.timeline.windows:
        by_deed[_deed(window)].append(window.provider if window.at_provider else f"the {window.leg}")
    if not by_deed:
        return "no fault was injected"
    return quantities.listed([f"{quantities.listed(names, most=3)} {deed}" for deed, names in by_deed.items()], most=3)


def _deed(window: Window) -> str:
    inject = window.inject
    did = inject.fault_kind.words(inject).did
    if inject.kind == "restart":
        return did
    return f"{did}{_chosen(window)} for {quantities.duration(window.end_ns - window.start_ns)}"


def _chosen(window: Window) -> str:
    """Return which attempts a fault was for, in words; empty where it was for all."""
    whom = "in {} of attempts" if window.share_by == "attempt" else "for {} of callers"
    chosen = " " + whom.format(quantities.share(window.share)) if window.share < 1 else ""
    if window.every is not None:
        chosen += f" in one of {window.every} attempts"
    if window.first is not None:
        first = "first attempt" if window.first == 1 else f"first {window.first} attempts"
        chosen += f" in the {first} of each request"
    if window.streaming is not None:
        chosen += " in streams" if window.streaming else " in plain answers"
    if window.models is not None:
        chosen += f" for {quantities.listed(window.models, most=3)}"
    return chosen


def _noticed(run: JudgedRun) -> str:
    """Return how many callers got a complete answer."""
    callers = len(run.requests)
    lost = callers - int(run.requests["complete"].sum())
    if callers == 0:
        return "no request was recorded"
    if callers == 1:
        return "the one caller got no complete answer" if lost else "the one caller got a complete answer"
    if lost == 0:
        return f"all {quantities.count(callers)} callers got a complete answer"
    if lost == callers:
        return f"none of {quantities.count(callers)} callers got a complete answer"
    return f"{quantities.count(lost)} of {quantities.count(callers)} callers ({quantities.share(lost / callers)}) got no complete answer"


def _served(run: JudgedRun) -> str:
    """Return which fallbacks served how many callers, after how long; empty where none did."""
    journeys = run.journeys
    others = journeys[journeys["complete"].astype(bool) & journeys["by_fallback"].astype(bool)]
    if others.empty:
        return ""
    counts = others["served_by"].astype(str).value_counts()
    parts = [
        f"{name} {'' if place else 'served '}{quantities.count(n)}" for place, (name, n) in enumerate(counts.items())
    ]
    served = f", {quantities.listed(parts, most=3)}"
    waits_ns = np.sort(others["fallback_overhead_ns"].dropna().to_numpy(dtype=float))
    if not len(waits_ns) or run.blind:
        return served
    median, p95 = (quantities.duration(quantile(waits_ns, share)) for share in (0.5, 0.95))
    spread = f" (median; 95 % within {p95})" if len(waits_ns) > 1 else ""
    return f"{served}; falling back took {median}{spread}"


def _why(run: JudgedRun) -> list[str]:
    """Return what decided the verdict, or what it lacks."""
    verdict = run.verdict
    if verdict.status is Status.PASS:
        met = len(verdict.expectations)
        return [f"All {met} expectations were met" if met > 1 else "The one expectation was met"] if met else []
    if verdict.status is Status.FAIL:
        return [*_unmet(verdict), *_found(verdict)]
    reason = next(iter(verdict.reasons), "")
    return [f"This cannot be decided: {reason.rstrip('.')}"] if reason else []


def _unmet(verdict: Verdict) -> list[str]:
    """Return the limits that were not kept."""
    rows = [row for row in verdict.expectations if row.status is Status.FAIL and not words.forbids(row)]
    texts = [f"`{row.text}` ({'no value' if row.observed is None else f'was {words.observed(row)}'})" for row in rows]
    return [f"Not met: {quantities.listed(texts, most=3)}"] if texts else []


def _found(verdict: Verdict) -> list[str]:
    """Return the findings that failed the run."""
    forbidden = {row.metric for row in verdict.expectations if row.status is Status.FAIL and words.forbids(row)}
    texts = [
        f"{words.finding_name(finding.id)} ({quantities.plural(finding.count, 'case')})"
        for finding in verdict.findings
        if finding.status is Status.FAIL and (finding.severity == "required" or finding.id in forbidden)
    ]
    return [f"Found: {quantities.listed(texts, most=3)}"] if texts else []
