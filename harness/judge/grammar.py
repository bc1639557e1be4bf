"""The grammar of expectations: what a line asks of which metric or finding, and what no run can fulfil."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from itertools import combinations, pairwise
from typing import Any, get_args

from pydantic_core import PydanticCustomError

from harness.document import Document, did_you_mean, duration_ns, field_error, rate_per_s, share, size_bytes
from harness.errors import UsageError
from harness.judge.findings import FINDINGS
from harness.judge.intervals import keeps
from harness.judge.metrics import MAX, METRICS, STATISTICS, asked_for, key
from harness.judge.metrics.kinds import Observations
from harness.provider.kinds import Kind
from harness.quantities import Unit
from harness.scenario import Expectation, Load, Op
from harness.scenario.abort import REQUESTS_MIN, Abort, AbortText

_LIMIT = re.compile(
    r"(?:(?P<statistic>[a-z][a-z\d.]*)\s+)?(?P<metric>[a-z_]+)(?:\((?P<argument>[^()]*)\))?(?:\s+of\s+(?P<kind>\S+))?"
    r"(?:\s+in\s+(?P<phase>\S+))?"
    r"\s*(?P<op>>=|<=|>|<)\s*(?P<target>\S.*)"
)
_NONE = re.compile(r"no\s+(?P<finding>[a-z_]+)")
_ABORT = re.compile(r"(?P<limit>\S.*?)\s+for\s+(?P<window>\S+)")
_ABORTING = ("success_rate", "latency", "ttft")
"""What a request alone tells when it ends."""


def parse(text: str, phases: Collection[str], kinds: Collection[str] = ("chat",)) -> Expectation:
    """Return an expectation.

    Args:
        text: The line.
        phases: Names of the scenario's phases.
        kinds: The kinds of its requests.

    Raises:
        PydanticCustomError: The line does not follow the grammar; with what is known, and a hint.
    """
    if match := _NONE.fullmatch(text.strip()):
        return Expectation(text=text, finding=_finding(match["finding"]))
    match = _LIMIT.fullmatch(text.strip())
    if match is None:
        raise field_error(
            f"not an expectation: {text[:60]!r}",
            known=(
                "METRIC in PHASE >= VALUE, METRIC(ARGUMENT) in PHASE >= VALUE, p95 METRIC in PHASE < VALUE, "
                "max METRIC in PHASE < VALUE, METRIC of KIND in PHASE >= VALUE, no FINDING"
            ),
            hint="success_rate in fault >= 99%",
        )
    name, statistic, phase = match["metric"], match["statistic"], match["phase"]
    known = [metric.name for metric in METRICS.values() if metric.asked]
    if name not in known:
        raise field_error(f"unknown metric {name!r}", known=", ".join(known), hint=did_you_mean(name, known))
    if phase is not None and phase not in phases:
        raise field_error(f"unknown phase {phase!r}", known=", ".join(phases), hint=did_you_mean(phase, phases))
    kind = _kind(name, match["kind"], kinds)
    argument = _argument(name, match["argument"])
    _check_statistic(name, statistic)
    op: Op = match["op"]  # type: ignore[assignment]
    target = _target(asked_for(name, statistic).unit, match["target"].strip())
    return Expectation(
        text=text,
        metric=name,
        argument=argument,
        quantile=statistic,
        kind=kind,
        phase=phase,
        op=op,
        target=target,
    )


def parse_abort(written: str | AbortText, phases: Collection[str], kinds: Collection[str] = ("chat",)) -> Abort:
    """Return when a run is aborted.

    Args:
        written: As in the scenario.
        phases: Names of the scenario's phases.
        kinds: The kinds of its requests.

    Raises:
        PydanticCustomError: The line does not follow the grammar; with what is known, and a hint.
    """
    written = AbortText(when=written) if isinstance(written, str) else written
    hint = "success_rate < 50% for 5s"
    match = _ABORT.fullmatch(written.when.strip())
    if match is None:
        raise field_error(f"not a condition with its time: {written.when[:60]!r}", hint=hint)
    limit = parse(match["limit"], phases, kinds)
    if limit.metric not in _ABORTING or limit.argument is not None:
        known = "success_rate, or a quantile of latency or ttft"
        raise field_error(f"{match['limit'][:60]!r} is not watched while a run goes on", known=known, hint=hint)
    try:
        window_ns = duration_ns(match["window"])
    except PydanticCustomError as error:
        context = error.context or {}
        raise field_error(f"{error.message()} after `for`, found {match['window'][:40]!r}", **context) from None
    if not window_ns:
        raise field_error("a condition that holds for no time", hint=hint)
    return Abort(text=written.when, limit=limit, window_ns=window_ns, verdict=written.verdict)


def _finding(name: str) -> str:
    own = [kind.id for kind in FINDINGS.own.values() if kind.severity != "run"]
    if name not in own and (name in FINDINGS.own or name not in FINDINGS):  # those of other packages are looked up last
        known = [*own, *FINDINGS.foreign]
        raise field_error(f"unknown finding {name!r}", known=", ".join(known), hint=did_you_mean(name, known))
    return FINDINGS[name].id  # that of another package is loaded now: if it is broken, nothing has started


def _kind(name: str, kind: str | None, kinds: Collection[str]) -> str | None:
    """Return the kind of request that a metric is about; None for all."""
    if kind is None:
        return None
    if "kind" not in METRICS[name].groups:
        raise field_error(f"{name!r} is not measured by kind", hint=f"write {name} alone")
    if kind in kinds:
        return kind
    if kind in get_args(Kind):
        raise field_error(f"no request is of kind {kind!r}", known=", ".join(kinds), hint="`load.mix` names the kinds")
    raise field_error(f"unknown kind {kind!r}", known=", ".join(kinds), hint=did_you_mean(kind, kinds))


def _argument(name: str, text: str | None) -> str | None:
    """Return what a metric is asked about, without the spaces around it; None for all of it."""
    if text is None:
        return None
    argument, asked = METRICS[name].argument, text.strip()
    if argument is None:
        raise field_error(f"{name!r} takes no argument, found {text[:40]!r}", hint=f"write {name} alone")
    try:
        argument.check(asked)
    except PydanticCustomError as error:
        context = {"hint": f"{name}({argument.example})"} | (error.context or {})
        raise field_error(f"{name}({argument.name}): {error.message()}, found {text[:40]!r}", **context) from None
    return asked


def _check_statistic(name: str, statistic: str | None) -> None:
    if METRICS[name].kind is Observations:
        if statistic not in STATISTICS:
            known, usual = ", ".join(STATISTICS), f"{MAX if METRICS[name].unit == 'count' else 'p95'} {name}"
            if statistic is None:
                raise field_error(f"{name!r} needs a quantile or {MAX!r}", known=known, hint=usual)
            hint = did_you_mean(statistic, STATISTICS) or usual
            raise field_error(f"unknown statistic {statistic!r}", known=known, hint=hint)
    elif statistic is not None and key(name, statistic) not in METRICS:
        raise field_error(f"{statistic!r} does not go with {name!r}", hint=f"write {name} alone")


def _target(unit: Unit, text: str) -> float:
    try:
        if unit == "share":
            return share(text)
        if unit == "ns":
            return float(duration_ns(text))
        if unit == "bytes":
            return float(size_bytes(text))
        if unit == "per_s" and "/" in text:
            return rate_per_s(text)
    except PydanticCustomError as error:
        context = error.context or {}
        raise field_error(f"{error.message()}, found {text[:40]!r}", **context) from None
    if not re.fullmatch(r"\d{1,15}(\.\d{1,9})?", text):
        raise field_error(f"expected a number, found {text[:40]!r}")
    return float(text)


def abort_errors(document: Document, load: Load | None) -> Iterator[UsageError]:
    """Yield what is wrong with when a scenario is to be aborted.

    Args:
        document: The scenario's file.
        load: What callers do; None where that is wrong itself.
    """
    data: Any = document.data if isinstance(document.data, dict) else {}
    phases, written = data.get("phases"), data.get("abort")
    when = written.get("when") if isinstance(written, dict) else written
    if not isinstance(phases, dict) or not phases or not isinstance(when, str):
        return
    place = ("abort", "when") if isinstance(written, dict) else ("abort",)
    try:
        abort = parse_abort(when, phases, _written_kinds(data.get("load")))
    except PydanticCustomError as error:
        context = error.context or {}
        yield document.error(error.message(), place, known=context.get("known"), hint=context.get("hint"))
        return
    most = 0.0 if load is None else load.peak_rate * load.turns * abort.window_ns / 1e9
    if load is not None and most < REQUESTS_MIN:
        problem = f"never happens: about {most:.0f} requests end in that time, and at least {REQUESTS_MIN} are needed"
        yield document.error(problem, place, hint="write a longer time after `for`, or raise the rate")


def expectation_errors(document: Document) -> Iterator[UsageError]:
    """Yield what is wrong with a scenario's expectations, each at its line: a wrong word, or what no run can fulfil.

    Expectations are read even if another field is wrong, so that all mistakes are reported at once.
    """
    data: Any = document.data if isinstance(document.data, dict) else {}
    phases, written = data.get("phases"), data.get("expect")
    if not isinstance(phases, dict) or not phases or not isinstance(written, list):
        return
    kinds = _written_kinds(data.get("load"))
    possible: list[tuple[int, Expectation]] = []
    for number, text in enumerate(written):
        if not isinstance(text, str):
            continue
        try:
            expectation = parse(text, phases, kinds)
        except PydanticCustomError as error:
            context, place = error.context or {}, ("expect", number)
            yield document.error(error.message(), place, known=context.get("known"), hint=context.get("hint"))
            continue
        if expectation.metric is None or can_hold(expectation):
            possible.append((number, expectation))
        else:
            yield document.error(f"can never hold: {_range(expectation)}", ("expect", number))
    for (first, one), (second, other) in combinations(possible, 2):
        alike = all(
            getattr(one, name) == getattr(other, name) for name in ("metric", "argument", "quantile", "kind", "phase")
        )
        if one.metric is not None and alike and not can_hold(one, other):
            line = document.lines.get(("expect", first), 1)
            yield document.error(f"contradicts {one.text!r} in line {line}: both can never hold", ("expect", second))


def _written_kinds(load: Any) -> tuple[str, ...]:
    """Return the kinds of request that a scenario's load names; without a mix all are chats."""
    mix = load.get("mix") if isinstance(load, dict) else None
    parts = [part for part in mix if isinstance(part, dict)] if isinstance(mix, list) else []
    found = dict.fromkeys(kind for part in parts if isinstance(kind := part.get("kind", "chat"), str))
    return tuple(found) or ("chat",)


def can_hold(*limits: Expectation) -> bool:
    """Return whether a value of the metric is within all limits: one of the limits, or between or beyond them."""
    low, high = 0.0, _most(limits[0])
    ends = sorted({low, high, *(each.target or 0.0 for each in limits)})
    candidates = [*ends, *((one + other) / 2 for one, other in pairwise(ends) if other < float("inf"))]
    candidates += [ends[-2] + 1.0] if high == float("inf") and len(ends) > 1 else []
    return any(
        low <= value <= high and all(keeps(each.op or ">=", each.target or 0.0, (value, value)) for each in limits)
        for value in candidates
    )


def _most(limit: Expectation) -> float:
    return 1.0 if asked_for(limit.metric or "", limit.quantile).unit == "share" else float("inf")


def _range(limit: Expectation) -> str:
    return f"{limit.metric} is {'from 0% to 100%' if _most(limit) == 1.0 else 'never below 0'}"
