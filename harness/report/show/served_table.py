"""How often falling back helped, and who was not served."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import pandas as pd

from harness import quantities
from harness.judge import RUN
from harness.judge.tables import served
from harness.judge.tables.failures import CAUSES
from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.pictures.picture import unseen
from harness.report.show.block import Block, nothing, reading, section
from harness.report.show.fallback_table import NO_STEP, SHOWN_BY
from harness.report.table import table

_BY: Mapping[str, str] = {
    "trigger": "trigger",
    "to_provider": "provider",
    "depth": "depth",
    "fault_id": "fault",
    "kind": "kind of request",
}
"""What success is shown by: columns of the steps, and how a reader calls them."""
_MEANINGS = {
    "fallbacks": "Steps from one provider to another; a request can take several. Those whose answer was not needed are left out.",
    "served": "The caller got the complete answer from there.",
    "depth": "The first step of a request leads to its first fallback, the second to the next one.",
    "fault": "The fault that changed the attempt before the step.",
}
_FAILED = ("attempts", "requests", "served")
_CAUSES: Mapping[str, str] = dict(zip(CAUSES, CAUSES, strict=True)) | {
    "rate_limit": "was rate-limited",
    "server_error": "failed with a server error",
    "timeout": "did not answer in time",
    "connection": "broke off the connection or the answer",
    "denied": "denied access",
    "invalid": "refused the request as invalid",
    "content_policy": "refused the request for its content",
    "context_window": "refused the request as too long",
    "quota": "had no quota left",
}


def success(run: JudgedRun) -> Block:
    """Show how often a fallback gave its caller the complete answer: by trigger, provider, depth, fault and kind of request."""
    title = "When did falling back help?"
    if why := unseen(run):
        return nothing("success", title, why)
    if run.fallbacks.empty:
        return _without_fallback(run, title)
    whole = words.with_interval(run.metrics.phases.get(RUN, {}).get("success_after_fallback"))
    parts = [reading(f"Of the requests that reached a fallback, {whole} got a complete answer.")]
    single = []
    for key, name in _BY.items():
        found = served.success_by(run.fallbacks, key)
        if len(found) > 1:
            rows = [[_named(run, key, row[key]), *_share(row)] for row in found.to_dict("records")]
            columns = (name, "fallbacks", "served", "share served")
            parts.append(table(columns, rows, caption=f"By {name}", meanings=_MEANINGS))
        elif len(found):
            single.append(f"{name} ({_named(run, key, found[key].iloc[0])})")
    if single:
        parts.append(f'<p class="nothing">All fallbacks had the same {quantities.listed(single)}.</p>')
    return section("success", title, *parts)


def _without_fallback(run: JudgedRun, title: str) -> Block:
    """Show what failed in a run in which no request went to another provider."""
    found = served.passed_on_nowhere(run.data.columns, run.data.journeys)
    if found.empty:
        return nothing("success", title, f"{NO_STEP} No attempt failed.", shown_by=SHOWN_BY)
    rows = [
        [escape(row["provider"]), escape(row["cause"]), *(quantities.count(row[name]) for name in _FAILED)]
        for row in found.to_dict("records")
    ]
    columns = ("provider", "failure", "failed attempts", "requests", "of these served")
    text = f"{NO_STEP} These failures led to no other provider:"
    return section("success", title, reading(text), table(columns, rows, caption="Failures without a fallback"))


def success_over_time(run: JudgedRun) -> Block:
    """Show, stretch by stretch, how many requests got a complete answer, and how many of those that reached a fallback."""
    title = "Did that change over time?"
    found = served.success_over_time(run.data.columns, run.data.journeys)
    if found.empty:
        return nothing("success-over-time", title, "No request was recorded.", shown_by=SHOWN_BY)
    rows = [
        [
            f"{quantities.duration(row['begin_ns'])} – {quantities.duration(row['end_ns'])}",
            escape(str(row["phase"])),
            *_share(row),
            *(_share(row, "fallback_") if row["fallback_samples"] and not run.blind else ("", "", "")),
        ]
        for row in found.to_dict("records")
    ]
    columns = ("time", "phase", "requests", "served", "share served", "fell back", "served then", "share of these")
    why = unseen(run) or ("No request reached a fallback." if not found["fallback_samples"].any() else "")
    parts = [reading(why)] if why else []
    return section("success-over-time", title, *parts, table(columns, rows, caption="By when the request was due"))


def _named(run: JudgedRun, key: str, value: Any) -> str:
    if key == "fault_id":
        windows = [each for each in run.plan.timeline.windows if each.fault_id == value]
        names = quantities.listed([*dict.fromkeys(each.provider for each in windows)], most=3)
        return escape(f"{names} {windows[0].inject.fault_kind.words(windows[0].inject).did}")
    return escape(str(value))


def _share(row: Mapping[Any, Any], before: str = "") -> list[str]:
    """Return samples, those that were served, and their share with its interval; `before` is a prefix of the columns."""
    samples, hits, share, low, high = (row[f"{before}{name}"] for name in ("samples", "served", "share", "low", "high"))
    around = quantities.interval((low, high), "share")
    return [
        quantities.count(samples),
        quantities.count(hits),
        f'{quantities.share(share)}<span class="ci">{escape(around)}</span>',
    ]


def not_served(run: JudgedRun) -> Block:
    """Show which requests got no complete answer and why, in five groups at most."""
    title = "Who was not served, and why?"
    found = served.not_served(run.data.columns, run.data.journeys)
    if found.empty:
        why = "Every request got a complete answer." if len(run.requests) else "No request was recorded."
        return nothing("not-served", title, why, shown_by="harness run scenarios/all-providers-down.yaml")
    callers = len(run.requests)
    lost = int(found["requests"].sum())
    text = f"{quantities.count(lost)} of {quantities.plural(callers, 'request')} got no complete answer."
    rows = [_unserved(run, row, callers) for row in found.to_dict("records")]
    columns = ("what happened", "requests", "due between", "phase", "kind", "took (median)", "examples")
    return section("not-served", title, reading(text), table(columns, rows))


def _unserved(run: JudgedRun, row: dict[Any, Any], callers: int) -> list[str]:
    span = dict.fromkeys(quantities.duration(row[end]) for end in ("first_ns", "last_ns"))
    took = row["waited_ns"]
    return [
        escape(_why(row)),
        f'{quantities.count(row["requests"])}<span class="ci">{quantities.share(row["requests"] / callers)} of all</span>',
        " – ".join(span),
        escape(quantities.listed(row["phases"], most=3)),
        escape(quantities.listed(row["kinds"], most=3)) if len(run.data.columns.kinds) > 1 else "",
        "" if pd.isna(took) else quantities.duration(took),
        " ".join(f"<code class='id'>{escape(name)}</code>" for name in row["examples"]),
    ]


def _why(row: dict[Any, Any]) -> str:
    """Return in a sentence what happened to a group of requests."""
    ended, provider, cause = (None if pd.isna(row[key]) else row[key] for key in ("ended", "provider", "cause"))
    if ended is None:
        return "All others, each way rarer."
    if ended == served.NEVER_SENT:
        return "The harness could not send the request: its callers were all busy."
    status = "" if pd.isna(row["status"]) else f" {int(row['status'])}"
    got = {
        served.LEFT: "The caller gave up at its deadline",
        served.ERROR: f"The caller got an error{status}",
        served.INCOMPLETE: "The caller got an incomplete answer reported as success",
    }[ended]
    if row["tried"] < 0:
        return f"{got}; which providers were tried is not observable."
    if row["tried"] == 0:
        return f"{got}; no provider was asked."
    last = f"the last one, {provider}," if row["tried"] > 1 else f"{provider}"
    tried = f"{row['tried']} of {row['of']} providers were tried" if row["tried"] > 1 else ""
    if row["tried"] == 1 and row["of"] > 1:
        tried = "no other provider was tried"
    deed = _CAUSES[cause] if cause else "had answered, or was still being waited for"
    return f"{got}: {last} {deed}" + (f"; {tried}." if tried else ".")
