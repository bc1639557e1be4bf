"""When retries came: by which rule, within its bands or not, as Retry-After asks, and all at once or spread."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from harness import quantities
from harness.chain.schedule import Band
from harness.chain.waits import WaitRule
from harness.judge.findings.lockstep_retries import LOCKSTEP_RETRIES, neighbours
from harness.judge.findings.retry_timing import judged_retries
from harness.judge.intervals import wilson
from harness.judge.tables import backoff
from harness.judge.tables import gaps as tables
from harness.judge.tables.backoff import BackoffFit, Ends, Estimate
from harness.judge.tables.columns import Floats, Ints
from harness.report.judged_run import JudgedRun
from harness.report.pictures.picture import unseen
from harness.report.show.block import Block, nothing, reading, section
from harness.report.table import table

_WITHOUT_HINT = "harness run scenarios/primary-503-outage.yaml"
_WITH_HINT = "harness run scenarios/primary-429.yaml"
_ROWS_MAX = 20
_WORST_MAX = 10
_BUSIEST_MAX = 3
_MEANINGS = {
    "looks like": "The rules whose bands have ends within the intervals of all measured ones, with 99 % certainty.",
    "base": "The first wait at its longest; where a random part is added to it, at its shortest.",
    "factor": "How many times as long the second wait is.",
    "drawn": "The part of the first wait that is random.",
    "shortest": "The lower end of the band from which the waits were drawn, with its 95 % interval.",
    "longest": "The upper end of that band, with its 95 % interval.",
    "allowed": "By the chain's own settings.",
    "adds": "By how much longer than Retry-After the chain waited: the ends of that band.",
    "obeyed": "No more than 50 ms too early.",
}


def _no_retry(run: JudgedRun) -> str:
    """Return why there is no retry to look at."""
    if not (run.attempts["outcome"] != "ok").any():
        return "No attempt failed, so that none was made again."
    return "No request tried a provider again right after a failed attempt."


def retry_backoff(run: JudgedRun) -> Block:
    """Show by which rule the chain waits before retries, fitted to its gaps, and each measured band beside the allowed one."""
    name, title = "backoff", "Which backoff does it look like?"
    if why := unseen(run):
        return nothing(name, title, why)
    gaps = run.gaps
    if gaps.empty:
        return nothing(name, title, _no_retry(run), shown_by=_WITHOUT_HINT)
    # A Retry-After that is mostly ignored does not set the wait.
    free = gaps[gaps["told_ns"].isna() | ~tables.obeyed(gaps)]
    fits = {
        str(provider): found
        for provider, mine in free.groupby("provider", observed=True)
        if (found := backoff.fit(mine["gap_ns"].to_numpy(dtype=float), mine["nth"].to_numpy())) is not None
    }
    if not fits:
        why = f"{quantities.plural(len(free), 'retry', 'retries')} came without a Retry-After to obey, and at least {backoff.SAMPLES_MIN} are needed."
        return nothing(name, title, why[0].upper() + why[1:], shown_by=_WITHOUT_HINT)
    rules = run.wait_rules
    columns = ("provider", "looks like", "base", "factor", "drawn", "by its settings")
    rows = [_fit(provider, found, rules.get(provider)) for provider, found in fits.items()]
    bands = [row for provider, found in fits.items() for row in _bands(provider, found, rules.get(provider))]
    return section(
        name,
        title,
        reading("From the waits before retries that had no Retry-After to obey, or did not obey it."),
        table(columns, rows, caption="Fitted rule, with 95 % intervals", meanings=_MEANINGS),
        table(
            ("provider", "retry", "retries", "shortest", "longest", "allowed"),
            bands,
            caption="Measured waits and allowed ones",
            meanings=_MEANINGS,
        ),
    )


def _fit(provider: str, found: BackoffFit, rule: WaitRule | None) -> list[str]:
    factor = found.factor
    known = backoff.IMMEDIATE not in found.names
    return [
        escape(provider),
        f"<strong>{escape(backoff.in_words(found))}</strong>",
        _estimate(found.base, "ns"),
        _estimate(factor, "ratio") if factor is not None and known else "",
        _estimate(found.drawn, "share") if known else "",
        escape(rule.text) if rule is not None else "not known before a run",
    ]


def _bands(provider: str, found: BackoffFit, rule: WaitRule | None) -> list[list[str]]:
    return [
        [
            escape(provider),
            str(number),
            quantities.count(ends.samples),
            _estimate(ends.shortest(), "ns"),
            _estimate(ends.longest(), "ns"),
            "" if rule is None else rule.band(number, None).text,
        ]
        for number, ends in enumerate(found.ends, start=1)
    ]


def _estimate(found: Estimate, unit: str) -> str:
    """Return a number with its interval; a time is not less than 0."""
    value, low, high = (max(0.0, end) for end in found)
    around = quantities.interval((low, high), unit)
    return escape(quantities.amount(value, unit)) + (f'<span class="ci">{escape(around)}</span>' if around else "")


def retry_after(run: JudgedRun) -> Block:
    """Show whether retries waited as long as Retry-After asked, and how much longer."""
    name, title = "retry-after", "Is Retry-After obeyed?"
    if why := unseen(run):
        return nothing(name, title, why)
    gaps = run.gaps
    told = gaps[gaps["told_ns"].notna()]
    if told.empty:
        why = "No retry followed an answer with a Retry-After." if len(gaps) else _no_retry(run)
        return nothing(name, title, why, shown_by=_WITH_HINT)
    rows = []
    for provider, mine in told.groupby("provider", observed=True):
        kept = tables.obeyed(mine)
        hits, samples = int(kept.sum()), len(mine)
        extra = np.sort((mine["gap_ns"] - mine["told_ns"])[kept].to_numpy(dtype=float))
        around = quantities.interval(wilson(hits, samples), "share")
        asked = dict.fromkeys(quantities.duration(mine["told_ns"].agg(end)) for end in ("min", "max"))
        rows.append(
            [
                escape(str(provider)),
                " – ".join(asked),
                quantities.count(samples),
                f'{quantities.share(hits / samples)}<span class="ci">{escape(around)}</span>',
                _added(Ends(extra)) if len(extra) >= backoff.SAMPLES_MIN else "",
                escape(_verdict(hits, samples, extra)),
            ]
        )
    columns = ("provider", "Retry-After", "retries", "obeyed", "adds", "that is")
    return section(
        name, title, table(columns, rows, caption="Retries after an answer with a Retry-After", meanings=_MEANINGS)
    )


def _added(extra: Ends) -> str:
    shortest, longest = extra.shortest(), extra.longest()
    return f"{quantities.duration(max(0.0, shortest.value))} – {_estimate(longest, 'ns')}"


def _verdict(hits: int, samples: int, extra_ns: Floats) -> str:
    if hits == samples:
        return backoff.beyond_retry_after(extra_ns)
    return "ignored" if 2 * hits < samples else f"{quantities.plural(samples - hits, 'retry', 'retries')} too early"


def retry_gaps(run: JudgedRun) -> Block:
    """Show the waits by provider, failure and number of the retry, each against its allowed band; the worst ones one by one."""
    name, title = "gaps", "Which waits were outside of the allowed band?"
    if why := unseen(run):
        return nothing(name, title, why)
    gaps = run.gaps
    if gaps.empty:
        return nothing(name, title, _no_retry(run), shown_by=_WITHOUT_HINT)
    told = gaps["told_ns"].round(-8)  # a date gives a different wait each time
    few = told.dropna().nunique() <= 3
    asked = told if few else told.where(told.isna(), -1.0)
    groups = gaps.assign(asked=asked).groupby(["provider", "cause", "nth", "asked"], observed=True, dropna=False)
    found = [_group(key, mine) for key, mine in groups]
    columns = ("provider", "after", "retry", "Retry-After", "retries", "waited (median)", "allowed", *tables.SIDES)
    more = len(found) - _ROWS_MAX
    rest = f'<p class="nothing">{quantities.plural(more, "more row")} not shown</p>' if more > 0 else ""
    parts = [table(columns, found[:_ROWS_MAX], caption="Waits by provider, failure and number of the retry"), rest]
    if not run.wait_rules:
        parts.insert(0, reading("The chain's settings do not give its waits, so that only Retry-After sets a band."))
    return section(name, title, *parts, _outside(gaps))


def _group(key: tuple[Any, ...], mine: pd.DataFrame) -> list[str]:
    provider, cause, nth, asked_ns = key
    sides = mine["side"].value_counts()
    middle, low, high = (quantities.duration(float(mine["gap_ns"].quantile(share))) for share in (0.5, 0.0, 1.0))
    known = mine["least_ns"].notna().all()
    return [
        escape(str(provider)),
        escape(str(cause)),
        str(nth),
        "" if pd.isna(asked_ns) else "various" if asked_ns < 0 else quantities.duration(asked_ns),
        quantities.count(len(mine)),
        f'{middle}<span class="ci">{low} – {high}</span>',
        _band(mine["least_ns"].min(), mine["most_ns"].max()) if known else "",
        *(quantities.count(int(sides[side])) if sides[side] else "" for side in tables.SIDES),
    ]


def _band(least_ns: float, most_ns: float) -> str:
    if math.isinf(most_ns):
        return f"at least {quantities.duration(least_ns)}"
    return Band(round(least_ns), round(most_ns)).text


def _outside(gaps: pd.DataFrame) -> str:
    """Return the waits that lie the furthest outside of their bands, each in a row."""
    outside = gaps[gaps["side"].isin([tables.EARLY, tables.LATE])]
    if outside.empty:
        return "" if gaps["side"].isna().all() else reading("No wait was more than 50 ms outside of its band.")
    by_ns = np.maximum(outside["least_ns"] - outside["gap_ns"], outside["gap_ns"] - outside["most_ns"])
    worst = outside.assign(by_ns=by_ns).sort_values("by_ns", ascending=False, kind="stable").head(_WORST_MAX)
    rows = [
        [
            f"<code class='id'>{escape(row['request_id'])}</code>",
            quantities.duration(row["start_ns"]),
            escape(str(row["provider"])),
            str(row["nth"]),
            quantities.duration(row["gap_ns"]),
            _band(row["least_ns"], row["most_ns"]),
            f"{quantities.duration(row['by_ns'])} {'too early' if row['side'] == tables.EARLY else 'later'}",
        ]
        for row in worst.to_dict("records")
    ]
    columns = ("request", "time", "provider", "retry", "waited", "allowed", "off by")
    return table(columns, rows, caption="Furthest outside of the band")


def lockstep(run: JudgedRun) -> Block:
    """Show whether the retries of many requests came at the same moment."""
    name, title = "lockstep", "Do retries come all at once?"
    if why := unseen(run):
        return nothing(name, title, why)
    retries = judged_retries(run.data)
    if not len(retries):
        return nothing(name, title, _no_retry(run), shown_by=_WITHOUT_HINT)
    attempts = run.data.columns.attempts
    at_ns, request = attempts.start_ns[retries.after], attempts.request[retries.after]
    others = neighbours(at_ns, request)
    result = LOCKSTEP_RETRIES.check(run.data)
    message = f"{result.message[0].upper()}{result.message[1:]}." if result.message else ""
    middle = int(np.median(others))
    near = f"had at least {quantities.plural(middle, 'other')} within 10 ms" if middle else "came alone"
    text = f"{message} Half of them {near}."
    rows = [
        [quantities.duration(when), quantities.count(count + 1)]
        for when, count in _busiest(np.sort(at_ns), others)
        if count
    ]
    if not rows:
        return section(name, title, reading(f"{text} No two requests tried again within 10 ms."))
    columns = ("time", "requests that tried again within 10 ms")
    return section(name, title, reading(text), table(columns, rows, caption="The busiest moments"))


def _busiest(at_ns: Floats, others: Ints) -> list[tuple[float, int]]:
    """Return the moments with the most retries, none within 100 ms of another."""
    found: list[tuple[float, int]] = []
    for place in np.argsort(-others, kind="stable"):
        if all(abs(at_ns[place] - when) > 100 * quantities.MS for when, _ in found):
            found.append((float(at_ns[place]), int(others[place])))
        if len(found) == _BUSIEST_MAX:
            break
    return found
