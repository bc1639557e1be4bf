"""Incidents, and what they would have come to for a chain: on a terminal, and as JSON."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console

from harness import quantities
from harness.errors import ExitCode
from harness.incident.outage import PlayedOutage, Replayed, UncertainNumber
from harness.incident.schema import Incident, ShareBand
from harness.incident.variants import Hit
from harness.incident.writing import plain
from harness.report import console as output

_BAR = 60
_HITS_TOLD = 2
_LATE_NS = 100e6
_CENT = 0.01
_NOTHING = 1e-9
"""Less is what a sum of floats leaves of nothing."""
_WHERE = "harness replay --show INCIDENT"


def list_incidents(incidents: Mapping[str, Incident], console: Console) -> None:
    """Print a line for each incident."""
    rows = [
        (
            name,
            f"{incident.start:%Y-%m-%d}",
            quantities.duration(incident.end_ns),
            ", ".join(incident.vendors),
            incident.title,
        )
        for name, incident in incidents.items()
    ]
    output.table(console, ("incident", "began", "length", "vendors", "what happened"), rows)
    output.line(console, f"{quantities.plural(len(rows), 'incident')}; one of them: {_WHERE}")


def show_incident(name: str, incident: Incident, console: Console) -> None:
    """Print an incident: its windows drawn on its time, and how all of it is known."""
    output.line(console, f"{name}: {incident.title}", "bold")
    output.line(console, f"{incident.start:%Y-%m-%d %H:%M} UTC, {quantities.duration(incident.end_ns)}")
    for number, window in enumerate(incident.windows):
        begin = round(window.at / incident.end_ns * _BAR)
        width = max(1, round(window.end_ns / incident.end_ns * _BAR) - begin)
        output.line(console, f"{' ' * begin}{'█' * width}{' ' * (_BAR - begin - width)}", whole=True)
        met = [each.fault_kind.words(each).label for each in window.inject] or ["nothing that a fault can play"]
        models = f" ({quantities.listed(window.models, most=3)})" if window.models else ""
        streams = {True: ", streams", False: ", plain answers", None: ""}[window.streaming]
        output.line(
            console,
            f"{', '.join(window.on)}{models}{streams}: {' or '.join(met)} for {_share(window.share)} of "
            f"{'the callers' if window.share_by == 'caller' else 'the requests'}, from {quantities.duration(window.at)} on, "
            f"for {quantities.duration(window.for_)}. {window.note}".rstrip(),
        )
        for field in ("share", "inject", "at", "for"):
            if how := incident.assumed.get(f"windows[{number}].{field}"):
                output.line(console, f"  {field} is assumed: {how}", "dim")
    times = {
        "stated": "stated",
        "announced": "those of its notices",
        "mixed": "partly stated, partly those of its notices",
    }
    output.line(
        console, f"times: {times[incident.times]}, to the {incident.precision}; account: {incident.account}", "dim"
    )
    for source in incident.sources:
        output.line(console, source, "dim", whole=True)


def _share(share: ShareBand) -> str:
    low, high = quantities.share(share.low), quantities.share(share.high)
    return low if low == high else f"{low} to {high}"


def ends(value: UncertainNumber, unit: str) -> str:
    """Return a number as `0 s – 12 min (at most 22 min)`; once where both ends look the same, and the rest where it adds something."""
    least, low, high, most = (_amount(end, unit) for end in (value.least, value.low, value.high, value.most))
    shown = low if low == high else f"{low} – {high}"
    beyond = [f"at least {least}"] if least != low else []
    beyond += [f"at most {most}"] if most != high else []
    return shown + (f" ({', '.join(beyond)})" if beyond else "")


def _amount(value: float, unit: str) -> str:
    return quantities.amount(0.0 if abs(value) < _NOTHING else value, unit)


def print_replay(replayed: Replayed, slo: float | None, page: str, console: Console) -> None:
    """Print what each incident would have come to, the worst first, and the sum.

    Args:
        replayed: What was played.
        slo: Share of the requests that had to be served; None if nothing was asked for.
        page: Where the same is shown to a browser.
        console: Where to.
    """
    how = "live, each in one way" if replayed.live else "in virtual time"
    output.line(console, f"{replayed.chain.drawn} ({replayed.chain.driver}), {how}", "bold")
    output.line(console, load_words(replayed), "dim")
    for outage in replayed.outages:
        more = f" and {len(outage.names) - 1} more" if len(outage.names) > 1 else ""
        output.line(console, f"{outage.names[0]}{more}: {outage.title}")
        output.line(
            console,
            f"    unserved {ends(outage.unserved_ns, 'ns')} of {quantities.duration(outage.length_ns)}{_price(outage)}",
            "dim",
        )
        if run := replayed.runs.get(outage.names[0]):
            output.line(console, f"    run: {run}", "dim", whole=True)
    for outage in replayed.outages:
        for error in outage.errors:
            output.line(console, f"{outage.names[0]}: {error}", "red")
    if replayed.missed:
        output.line(console, f"{missed_sentence(replayed.missed)} (--json names them)", "dim")
    output.line(console, summary(replayed), "bold")
    if slo is not None:
        output.line(console, slo_sentence(replayed, slo), "bold")
    output.line(console, f"page: {page}", whole=True)


def load_words(replayed: Replayed) -> str:
    """Return what callers do, and how long providers take when nothing is wrong. Plain text."""
    load = replayed.load
    takes = {provider.reply.takes_ns for provider in replayed.chain.providers.values()}
    answers = quantities.listed([quantities.duration(each) for each in sorted(takes)])
    return (
        f"{quantities.amount(load.peak_rate, 'per_s')}, {quantities.share(load.streamed)} streamed; an answer takes {answers}, and callers wait "
        f"{quantities.duration(load.deadline)}"
    )


def slo_sentence(replayed: Replayed, slo: float) -> str:
    """Return whether the share asked for was served. Plain text."""
    answer = {ExitCode.PASS: "kept", ExitCode.FAIL: "not kept"}.get(exit_code(replayed, slo), "cannot be decided")
    served, all_ = ends(_served(replayed), "share"), quantities.count(round(replayed.requests))
    return f"served {served} of {all_} requests; asked for {quantities.exact(slo, 'share')}: {answer}"


def _price(outage: PlayedOutage) -> str:
    """Return what else it came to, where that is anything."""
    parts = []
    if outage.late_ns.high >= _LATE_NS:
        parts.append(f"answers {ends(outage.late_ns, 'ns')} later")
    if outage.cost_usd.high >= _CENT:
        parts.append(f"{ends(outage.cost_usd, 'usd')} dearer")
    return "".join(f"; {part}" for part in parts)


def met(hit: Hit) -> str:
    """Return what callers met, in words that follow who answered so: `http 500 or http 503 for 5 % to 50 % of the requests`."""
    window = hit.window
    named = list(dict.fromkeys(each.fault_kind.words(each).label for each in window.inject))
    of = "callers" if window.share_by == "caller" else "requests"
    what = "every one" if window.share.low == window.share.high == 1 else f"{_share(window.share)}"
    kinds = {True: "streamed ", False: "plain ", None: ""}[window.streaming]
    return f"{' or '.join(named)} for {what} of the {kinds}{of}"


def hurt(outage: PlayedOutage) -> str:
    """Return what an incident did to callers, in a sentence. Plain text."""
    worst = sorted(outage.hits, key=lambda hit: -hit.window.share.high * hit.window.for_)
    said = [
        f"{quantities.listed(hit.providers, most=3)}: {met(hit)}, for {quantities.duration(hit.window.for_)}"
        for hit in worst[:_HITS_TOLD]
    ]
    more = f", and {len(worst) - _HITS_TOLD} more windows" if len(worst) > _HITS_TOLD else ""
    lost = outage.lost.times(1 / max(outage.requests, 1.0))
    then = f"{ends(lost, 'share')} of all requests were lost"
    if outage.unserved_ns.most == 0:
        then = "every request was served"
    return f"{'; '.join(said)}{more}. {then[0].upper()}{then[1:]}{_price(outage)}."


def summary(replayed: Replayed) -> str:
    """Return what all incidents together would have come to, in a sentence. Plain text."""
    number = len(replayed.played)
    size = "this incident" if number == 1 else f"these {number} incidents"
    stopped = "stopped early: " if replayed.interrupted else ""
    if not replayed.outages:
        return f"{stopped}no incident was played" if replayed.interrupted else "no incident hits this chain"
    failed = len(replayed.outages) - number
    lacking = f"; {quantities.plural(failed, 'incident')} could not be played" if failed else ""
    if not number:
        return f"{stopped}{lacking.removeprefix('; ')}"
    length = quantities.duration(sum(outage.length_ns for outage in replayed.played))
    unserved = ends(replayed.unserved_ns, "ns")
    return f"{stopped}over {size} ({length}), callers would have gone unserved for {unserved}{lacking}"


def exit_code(replayed: Replayed, slo: float | None) -> ExitCode:
    """Return 0 if at least the share asked for was served whatever the incidents were like, 1 if it never was, 3 between.

    Args:
        replayed: What was played.
        slo: Share of the requests; None asks for nothing.
    """
    if replayed.interrupted:
        return ExitCode.INTERRUPTED
    if any(outage.errors for outage in replayed.outages):
        return ExitCode.HARNESS
    if slo is None:
        return ExitCode.PASS
    if not replayed.requests:
        return ExitCode.INCONCLUSIVE
    served = _served(replayed)
    if served.most < slo:
        return ExitCode.FAIL
    return ExitCode.PASS if served.least >= slo else ExitCode.INCONCLUSIVE


def _served(replayed: Replayed) -> UncertainNumber:
    """Return the share of the requests over all incidents that was served."""
    lost = replayed.lost.times(1 / max(replayed.requests, 1.0))
    return UncertainNumber(
        least=1 - min(1.0, lost.most), low=1 - min(1.0, lost.high), high=1 - lost.low, most=1 - lost.least
    )


def incidents_as_json(incidents: Mapping[str, Incident]) -> dict[str, Any]:
    """Return incidents as their files have them, by name."""
    return {"incidents": {name: plain(incident) for name, incident in incidents.items()}}


def missed_sentence(missed: Mapping[str, str]) -> str:
    """Return how many incidents were left out, and why."""
    counts = Counter(missed.values())
    said = [f"{quantities.count(number)} {reason}" for reason, number in counts.most_common()]
    return f"left out, and not in the sum: {quantities.listed(said)}"


def as_json(replayed: Replayed, slo: float | None, page: str) -> dict[str, Any]:
    """Return all of it for programs; times in nanoseconds, each number with its low and its high end."""
    code = exit_code(replayed, slo)
    words = {ExitCode.PASS: "pass", ExitCode.FAIL: "fail", ExitCode.INCONCLUSIVE: "inconclusive"}
    return {
        "exit_code": int(code),
        "summary": summary(replayed),
        "verdict": "" if slo is None else words.get(code, ""),
        "page": page,
        "version": replayed.version,
        "chain": replayed.chain.name,
        "slo": slo,
        "requests": replayed.requests,
        "unserved_ns": _json(replayed.unserved_ns),
        "lost": _json(replayed.lost),
        "interrupted": replayed.interrupted,
        "engine": "live" if replayed.live else "sim",
        "runs": dict(replayed.runs),
        "missed": dict(replayed.missed),
        "incidents": [_outage(outage) for outage in replayed.outages],
    }


def _outage(outage: PlayedOutage) -> dict[str, Any]:
    fields: Sequence[str] = ("lost", "unserved_ns", "late_ns", "cost_usd", "attempts")
    return {
        "names": list(outage.names),
        "title": outage.title,
        "start": outage.start.isoformat(),
        "length_ns": outage.length_ns,
        "providers": list(outage.hit),
        "variants": outage.variants,
        "requests": outage.requests,
        **{field: _json(getattr(outage, field)) for field in fields},
        "errors": list(outage.errors),
    }


def _json(value: UncertainNumber) -> dict[str, float | None]:
    return {name: None if math.isnan(end) else end for name in value.__slots__ for end in (getattr(value, name),)}
