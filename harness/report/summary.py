"""A run in one sentence, as a person would tell it."""

from __future__ import annotations

from collections import defaultdict

from harness.judge import ExpectationResult, Status
from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.scenario import Plan, Window

_DID = {
    "refused": "refused connections",
    "reset": "reset connections",
    "close": "closed connections",
    "silent": "went silent",
    "slow": "was slow",
    "throttle": "was throttled",
    "limit": "limited its callers",
    "delay": "answered late",
    "pace": "wrote slowly",
    "stream_cut": "cut answers off",
    "stream_reset": "reset connections in mid-answer",
    "stream_end": "ended streams early",
    "stream_stall": "stalled in mid-answer",
    "stream_malformed": "broke an event of its streams",
    "stream_no_done": "left `[DONE]` out of its streams",
    "stream_no_usage": "left usage out of its streams",
    "stream_error_event": "ended streams in an error",
    "stream_keepalive": "sent comments in place of content",
    "stream_empty": "sent empty streams",
    "stream_content_filter": "filtered its streams",
}


def summary(run: JudgedRun) -> str:
    """Return what broke, who noticed, who served after how long, and what the answer hangs on. Plain text."""
    if not run.history.complete:
        seen = words.plural(len(run.requests), "request")
        return (
            f"{words.WORDS[run.verdict.status]} — the run did not come to its end; what follows is from {seen} before."
        )
    clauses = [f"{broke(run.plan)}; {_noticed(run)}{_served(run)}"]
    if why := _why(run):
        clauses.append(why)
    text = ". ".join(clause[0].upper() + clause[1:] if place else clause for place, clause in enumerate(clauses))
    return f"{words.WORDS[run.verdict.status]} — {text}."


def broke(plan: Plan) -> str:
    """Return what the faults did, in a phrase: `openai answered 429 for 40 s`."""
    by_deed: defaultdict[str, list[str]] = defaultdict(list)
    for window in plan.timeline.windows:
        by_deed[_deed(window)].append(window.provider)
    if not by_deed:
        return "nothing was broken on purpose"
    return words.listed([f"{words.listed(names, most=3)} {deed}" for deed, names in by_deed.items()], most=3)


def _deed(window: Window) -> str:
    inject = window.inject
    deed = _DID.get(inject.kind, f"answered {inject.status or 200}")
    return f"{deed}{_chosen(window)} for {words.duration(window.end_ns - window.start_ns)}"


def _chosen(window: Window) -> str:
    """Return which attempts a fault was for, in words; empty where it was for all."""
    chosen = f" in {window.share:.0%} of attempts" if window.share < 1 else ""
    if window.every is not None:
        chosen += f" in one of {window.every} attempts"
    if window.first is not None:
        first = "first attempt" if window.first == 1 else f"first {window.first} attempts"
        chosen += f" in the {first} of each request"
    if window.streaming is not None:
        chosen += " in streams" if window.streaming else " in plain answers"
    if window.models is not None:
        chosen += f" for {words.listed(window.models, most=3)}"
    return chosen


def _noticed(run: JudgedRun) -> str:
    requests = run.requests
    whole = len(requests)
    lost = whole - int(requests["complete"].sum())
    if whole == 0:
        return "no request was recorded"
    if lost == 0:
        return (
            f"all {words.plural(whole, 'caller')} got their whole answer"
            if whole > 1
            else "the one caller got its answer"
        )
    if lost == whole:
        return (
            f"none of {words.plural(whole, 'caller')} got a whole answer"
            if whole > 1
            else "the one caller got no answer"
        )
    return f"{words.count(lost)} of {words.count(whole)} callers ({words.share(lost / whole)}) got no whole answer"


def _served(run: JudgedRun) -> str:
    journeys = run.journeys
    served_by = journeys["served_by"]
    others = journeys[journeys["complete"].astype(bool) & served_by.notna() & ~served_by.isin(run.first_providers)]
    if others.empty:
        return ""
    counts = others["served_by"].astype(str).value_counts()
    deeds = [
        f"{name} {'served ' if not place else ''}{words.count(n)}" for place, (name, n) in enumerate(counts.items())
    ]
    who = words.listed(deeds, most=3)
    overhead = others["fallback_overhead_ns"].dropna().astype("float64")
    after = ""
    if len(overhead) and not run.blind:
        median, p95 = (words.duration(float(overhead.quantile(q, interpolation="higher"))) for q in (0.5, 0.95))
        after = (
            f"; falling back took {median} (median; p95 {p95})"
            if len(overhead) > 1
            else f"; falling back took {median}"
        )
    return f", {who}{after}"


def _why(run: JudgedRun) -> str:
    """Return what broke the verdict, or what it lacks."""
    verdict = run.verdict
    if verdict.status is Status.PASS:
        kept = len(verdict.expectations)
        return (
            f"{'the one expectation' if kept == 1 else f'all {kept} expectations'} held"
            if kept
            else "nothing was expected"
        )
    rows = [row for row in verdict.expectations if row.status is verdict.status]
    told = [_broken(row) for row in rows]
    asked = {row.metric for row in rows}
    told += [
        f"{finding.id} ({words.plural(finding.count, 'case')})"
        for finding in verdict.findings
        if finding.status is verdict.status and finding.severity == "required" and finding.id not in asked
    ]
    if verdict.status is Status.FAIL and told:
        return f"broken: {words.listed(told, most=3)}"
    if verdict.reasons:
        return f"not enough to tell: {verdict.reasons[0].rstrip('.')}"
    return f"not enough to tell: {words.listed(told, most=3)}" if told else ""


def _broken(row: ExpectationResult) -> str:
    if row.observed is None:
        return f"`{row.text}` (no value)"
    if row.unit == "count" and row.text.split()[0] == "no":
        return f"`{row.text}` ({words.plural(round(row.observed), 'case')})"
    return f"`{row.text}` (was {words.amount(row.observed, row.unit)})"
