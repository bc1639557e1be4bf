"""One request attempt by attempt, the requests like it, and the worst of a run."""

from __future__ import annotations

from html import escape
from typing import Any

import pandas as pd

from harness import quantities
from harness.errors import UsageError
from harness.judge.tables import likeness
from harness.report.judged_run import JudgedRun
from harness.report.pictures import style
from harness.report.pictures.picture import unseen
from harness.report.show.block import Block, nothing, reading, section
from harness.report.table import table
from harness.report.waterfall import RequestStory, stories

_WORST_MAX = 10
_BAR_PX = 200
_NONE = "No request was recorded."
_SHOWN_BY = "harness run scenarios/all-providers-down.yaml"
_MEANINGS = {
    "at": "Since the request was due.",
    "wait": "Since the attempt before it ended.",
    "fault": "What the harness did to this attempt.",
    "first byte": "From the attempt's start to the first byte of the answer.",
    "Retry-After": "How long the answer asked the chain to stay away.",
    "text": "Length of the text that the provider meant to send, in characters.",
    "tokens": "Prompt and completion tokens billed.",
}
_SAME = {
    3: "the same outcome, providers and triggers",
    2: "the same outcome and providers",
    1: "the same outcome",
}


def worst(run: JudgedRun) -> Block:
    """Show the worst requests: those without a complete answer first, and the slowest first."""
    name, title = "worst", "Which requests were worst?"
    if run.requests.empty:
        return nothing(name, title, _NONE, shown_by=_SHOWN_BY)
    data = run.data
    order = likeness.worst_first(data.columns, data.journeys)[:_WORST_MAX]
    keys = likeness.likeness(data.columns, data.fallbacks).iloc[order]
    latency_ns = data.journeys.latency_ns[order]
    rows = [
        [
            f"<code class='id'>{escape(key['request_id'])}</code>",
            escape(key["outcome"]),
            "" if pd.isna(took) else quantities.duration(float(took)),
            escape(key["providers"]) or "nobody",
            escape(key["triggers"]),
        ]
        for key, took in zip(keys.to_dict("records"), latency_ns, strict=True)
    ]
    columns = ("request", "outcome", "took", "asked", "fell back after")
    # Which requests were worst is known without their attempts.
    note = reading(why) if (why := unseen(run)) else ""
    return section(name, title, note, table(columns, rows, caption="Without a complete answer first, then the slowest"))


def request(run: JudgedRun, request_id: str | None = None) -> Block:
    """Show one request: each attempt with its answer, what mattered of its headers, its waits and sizes.

    Args:
        run: The run.
        request_id: The request; None for the worst.

    Raises:
        UsageError: The run has no such request.
    """
    name, title = "request", "What did this request do?"
    if run.requests.empty:
        return nothing(name, title, _NONE, shown_by=_SHOWN_BY)
    chosen = _chosen(run, request_id)
    (story,) = stories(run, [chosen])
    own = run.requests[run.requests["request_id"] == chosen].to_dict("records")[0]
    parts = [reading(_sentence(story, own))]
    if why := unseen(run):
        parts.append(reading(why))
    if story.attempts:
        columns = (
            "at",
            "time",
            "provider",
            "answer",
            "wait",
            "took",
            "first byte",
            "Retry-After",
            "fault",
            "text",
            "tokens",
            "cost",
        )
        parts.append(table(columns, _attempts(run, story), caption="Its attempts", meanings=_MEANINGS))
    else:
        parts.append(reading("The chain asked no provider."))
    return section(name, f"What did {chosen} do?", *parts)


def alike(run: JudgedRun, request_id: str | None = None) -> Block:
    """Show how many requests are like one, and some of them.

    Args:
        run: The run.
        request_id: The request; None for the worst.

    Raises:
        UsageError: The run has no such request.
    """
    name, title = "alike", "Is it the only one?"
    if run.requests.empty:
        return nothing(name, title, _NONE, shown_by=_SHOWN_BY)
    data, chosen = run.data, _chosen(run, request_id)
    place = _ids(run).index(chosen)
    own = likeness.likeness(data.columns, data.fallbacks).iloc[place]
    found = likeness.alike(data.columns, data.journeys, data.fallbacks, place)
    found = found[
        found["requests"] > found["requests"].shift(fill_value=0)
    ]  # what fewer conditions add nothing to is left out
    rows = [
        [
            _SAME[row["same"]],
            f'{quantities.count(row["requests"])}<span class="ci">{quantities.share(row["share"])} of the others</span>',
            "" if pd.isna(row["latency_ns"]) else quantities.duration(row["latency_ns"]),
            " ".join(f"<code class='id'>{escape(each)}</code>" for each in row["examples"]),
        ]
        for row in found.to_dict("records")
    ]
    asked = f", asked {own['providers']}" if own["providers"] else ", asked nobody"
    text = f"{chosen}: {own['outcome']}{asked}" + (f", fell back after {own['triggers']}." if own["triggers"] else ".")
    if not rows:
        return section(name, title, reading(f"{text} No other request had the same outcome."))
    columns = ("with", "other requests", "took (median)", "nearest in time taken")
    return section(name, title, reading(text), table(columns, rows))


def _ids(run: JudgedRun) -> list[str]:
    return [str(name) for name in run.journeys["request_id"]]


def _chosen(run: JudgedRun, request_id: str | None) -> str:
    ids = _ids(run)
    if request_id is None:
        return ids[int(likeness.worst_first(run.data.columns, run.data.journeys)[0])]
    if request_id not in ids:
        hint = "leave it out for the worst request"
        raise UsageError(f"no request {request_id!r} in this run", known=f"{ids[0]} to {ids[-1]}", hint=hint)
    return request_id


def _sentence(story: RequestStory, own: dict[Any, Any]) -> str:
    """Return what the caller asked for, got, and when."""
    took = "" if story.took_ns is None else f" after {quantities.duration(story.took_ns)}"
    if story.complete:
        got = f"the caller got a complete answer from {story.served_by or 'the chain'}{took}"
    else:
        status = f" {story.status}" if story.status is not None else ""
        got = f"the caller got no complete answer: {story.outcome or 'no record of its end'}{status}{took}"
    first = own["first_token_ns"]
    token = (
        ""
        if pd.isna(first) or not own["streaming"]
        else f", the first token after {quantities.duration(first - story.due_ns)}"
    )
    size = "" if story.text_chars is None else f"; {quantities.count(story.text_chars)} characters of text"
    error = f" ({story.error})" if story.error else ""
    kind = f"a stream, {own['kind']}" if own["streaming"] else str(own["kind"])
    return f"{kind.capitalize()}, due at {quantities.duration(story.due_ns)} (phase {own['phase']}): {got}{token}{size}{error}.".replace(
        "`", "'"
    )


def _attempts(run: JudgedRun, story: RequestStory) -> list[list[str]]:
    """Return a row for each attempt, and one for the end of the request where the chain still waited before it."""
    rows = run.attempts.set_index("attempt_id").loc[[bar.attempt for bar in story.attempts]].to_dict("records")
    whole_ns = max(1, story.took_ns or 0, *(bar.start_ns + (bar.length_ns or 0) for bar in story.attempts))
    colours = style.colours(run.plan)
    shown = []
    for bar, row in zip(story.attempts, rows, strict=True):
        colour = colours.get(bar.provider, style.UNKNOWN)
        shown.append(
            [
                quantities.duration(bar.start_ns),
                _bar(bar.start_ns / whole_ns, (bar.length_ns or 0) / whole_ns, colour, failed=bar.outcome != "ok"),
                escape(bar.provider),
                _answer(bar.status, bar.outcome, bar.error_code) + (" <strong>used</strong>" if bar.served else ""),
                quantities.duration(bar.wait_ns) if bar.wait_ns else "",
                "not ended" if bar.length_ns is None else quantities.duration(bar.length_ns),
                _duration(row["first_byte_ns"], row["start_ns"]),
                _duration(row["retry_after_ns"], 0),
                _fault(run, row["fault_id"]),
                "" if pd.isna(row["text_chars"]) else quantities.count(row["text_chars"]),
                _tokens(row["tokens_in"], row["tokens_out"]),
                "" if bar.cost_usd is None else quantities.amount(bar.cost_usd, "usd"),
            ]
        )
    last = story.attempts[-1]
    if story.took_ns is not None and last.length_ns is not None:
        rest_ns = story.took_ns - last.start_ns - last.length_ns
        end = ["the caller's end", "", quantities.duration(rest_ns) if rest_ns > quantities.MS else "", *[""] * 7]
        shown.append([quantities.duration(story.took_ns), _bar(story.took_ns / whole_ns, 0, style.UNKNOWN), *end])
    return shown


def _bar(begin: float, length: float, colour: str, *, failed: bool = False) -> str:
    """Return a bar in the width of the whole request; a failed attempt's is pale with a border."""
    left = min(begin, 0.99) * _BAR_PX
    width = max(2.0, min(length, 1 - begin) * _BAR_PX)
    look = f'fill="{colour}" fill-opacity="{0.25 if failed else 1}" stroke="{colour}"'
    return (
        f'<svg width="{_BAR_PX}" height="14" viewBox="0 0 {_BAR_PX} 14" aria-hidden="true">'
        f'<rect x="{left:.1f}" y="2" width="{width:.1f}" height="10" {look}/></svg>'
    )


def _answer(status: int | None, outcome: str, code: str | None) -> str:
    words = [str(status)] if status is not None else []
    words += [outcome.replace("_", " ")] if outcome not in ("ok", "status") else []
    words += [code] if code else []
    return escape(" ".join(words)) or "ok"


def _fault(run: JudgedRun, fault_id: Any) -> str:
    for window in run.plan.timeline.windows:
        if window.fault_id == fault_id:
            return escape(window.inject.fault_kind.words(window.inject).did)
    return ""


def _duration(end_ns: Any, begin_ns: Any) -> str:
    return "" if pd.isna(end_ns) else quantities.duration(float(end_ns) - float(begin_ns))


def _tokens(asked: Any, answered: Any) -> str:
    if pd.isna(asked) and pd.isna(answered):
        return ""
    return " + ".join(quantities.MISSING if pd.isna(each) else quantities.count(each) for each in (asked, answered))
