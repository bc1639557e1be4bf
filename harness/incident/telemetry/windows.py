"""Measured calls become incidents: windows of each vendor and each kind of failure, with the shares that were measured."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from harness.incident.schema import Incident, IncidentWindow, ShareBand
from harness.incident.telemetry.calls import BROKEN, NO_LATENCY, OK, OTHER, TIMED_OUT, MeasuredCalls
from harness.incident.telemetry.segments import BIN_CALLS, FAILURES_MIN, FailedSegment, failed_segments
from harness.judge.intervals import wilson
from harness.judge.tables.columns import Bools
from harness.provider.inject import Inject
from harness.quantities import MS, S

_SLOW = -1
"""Beside how calls end: they took `_SLOW_TIMES` as long as usual."""
_SLOW_TIMES = 3
_QUIET_MOST = 0.02
"""A share of failures above this is an incident, even if the telemetry has no quieter time."""
_EXCESS, _SLOW_EXCESS = 0.005, 0.05
_APART_NS = 3600 * S
"""Windows with so much quiet time between them are of two incidents."""
_WINDOWS_MAX, _LONGEST_NS = 50, 60 * 24 * 3600 * S
_SLOWED = (
    f"the wait is the median of the slow calls beyond the others; slow is {_SLOW_TIMES} times the model's median, and where in "
    "an answer it was slow was not measured, so before its first byte"
)
_TAKEN = {
    TIMED_OUT: "callers gave up waiting, taken as a provider that does not answer",
    BROKEN: "how the connection broke was not measured, taken as reset",
    OTHER: "the kind of error was not measured",
    _SLOW: _SLOWED,
    429: "429 was measured; it may have been the limit of your own account, and no failure of the vendor",
    401: "401 was measured; it may have been your own key",
    403: "403 was measured; it may have been your own account",
    400: "400 was measured; it may have been your own requests",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spell:
    """A window before it is part of an incident. Times in nanoseconds since 1970."""

    begin_ns: int
    end_ns: int
    vendor: str
    end: int
    inject: tuple[Inject, ...]
    failed: int
    calls: int
    models: tuple[str, ...] | None
    note: str


def incidents_of(calls: MeasuredCalls, source: str, *, zoneless: bool) -> tuple[list[Incident], dict[str, str]]:
    """Return the incidents in some calls, the oldest first, and what was left out with the reason.

    Args:
        calls: In the order of time.
        source: The name of the file that they are from.
        zoneless: Some of their times had no zone.
    """
    spells: list[_Spell] = []
    left_out: dict[str, str] = {}
    for number, vendor in enumerate(calls.vendors):
        mine = calls.at(calls.vendor == number)
        if len(mine.at_ns) < BIN_CALLS:
            left_out[f"{vendor} ({source})"] = f"{len(mine.at_ns)} calls; {BIN_CALLS} or more are needed to see a share"
            continue
        spells += _spells(mine, vendor)
    if too_long := [spell for spell in spells if spell.end_ns - spell.begin_ns > _LONGEST_NS]:
        left_out[f"{len(too_long)} windows ({source})"] = "longer than 60 days"
        spells = [spell for spell in spells if spell not in too_long]
    groups = list(_groups(sorted(spells, key=lambda spell: (spell.begin_ns, spell.end))))
    for group in groups:
        if len(group) > _WINDOWS_MAX:
            group.sort(key=lambda spell: -spell.failed)
            dropped = group[_WINDOWS_MAX:]
            del group[_WINDOWS_MAX:]
            left_out[f"{len(dropped)} windows ({source})"] = (
                f"an incident has at most {_WINDOWS_MAX}: those with the fewest failures"
            )
            group.sort(key=lambda spell: (spell.begin_ns, spell.end))
    return [_incident(group, source, zoneless=zoneless) for group in groups], left_out


def _spells(calls: MeasuredCalls, vendor: str) -> Iterator[_Spell]:
    """Yield the windows of one vendor."""
    slow = _slow(calls)
    for end in (*np.unique(calls.end[calls.end != OK]).tolist(), _SLOW):
        failed = slow if end == _SLOW else calls.end == end
        if failed.sum() < FAILURES_MIN:
            continue
        most, excess = (1.0, _SLOW_EXCESS) if end == _SLOW else (_QUIET_MOST, _EXCESS)
        for segment in failed_segments(failed, quiet_most=most, excess=excess):
            yield _spell(calls, vendor, end, failed, segment)


def _slow(calls: MeasuredCalls) -> Bools:
    """Return which calls were answered, and took much longer than is usual for their model."""
    answered = (calls.end == OK) & (calls.latency_ns != NO_LATENCY)
    slow = np.zeros(len(answered), dtype=bool)
    for model in np.unique(calls.model[answered]):
        mine = answered & (calls.model == model)
        slow |= mine & (calls.latency_ns > _SLOW_TIMES * max(float(np.median(calls.latency_ns[mine])), MS))
    return slow


def _spell(calls: MeasuredCalls, vendor: str, end: int, failed: Bools, segment: FailedSegment) -> _Spell:
    here = slice(segment.begin, segment.end)
    models = _models(calls, failed, segment)
    counted = np.ones(segment.end - segment.begin, dtype=bool)
    if models is not None:
        counted = np.isin(calls.model[here], [calls.models.index(name) for name in models])
    note = (
        f"{int(failed[here][counted].sum())} of {int(counted.sum())} calls; {100 * segment.quiet:.2g} % in quiet time"
    )
    inject: tuple[Inject, ...]
    if end == _SLOW:
        usual = np.median(calls.latency_ns[(calls.end == OK) & ~failed & (calls.latency_ns != NO_LATENCY)])
        later_ns = float(np.median(calls.latency_ns[here][failed[here]]) - usual)
        inject = (Inject(delay=max(round(later_ns / (10 * MS)) * 10 * MS, 10 * MS)),)
    elif end == OTHER:
        inject = (Inject(status=500), Inject(status=503))
    else:
        inject = (
            Inject(connection="silent")
            if end == TIMED_OUT
            else Inject(connection="reset")
            if end == BROKEN
            else Inject(status=end),
        )
    waited = calls.latency_ns[here][failed[here] & (calls.latency_ns[here] != NO_LATENCY)]
    if end == TIMED_OUT and len(waited):
        note += f"; callers gave up after {np.median(waited) / S:.3g} s, the median"
    return _Spell(
        begin_ns=int(calls.at_ns[segment.begin]),
        end_ns=int(calls.at_ns[segment.end - 1] if segment.end == len(calls.at_ns) else calls.at_ns[segment.end]),
        vendor=vendor,
        end=end,
        inject=inject,
        failed=int(failed[here][counted].sum()),
        calls=int(counted.sum()),
        models=models,
        note=note,
    )


def _models(calls: MeasuredCalls, failed: Bools, segment: FailedSegment) -> tuple[str, ...] | None:
    """Return the models that failed, if others clearly did not; None for all."""
    here = slice(segment.begin, segment.end)
    hit, spared = [], False
    for model in np.unique(calls.model[here]):
        mine = calls.model[here] == model
        count, size = int(failed[here][mine].sum()), int(mine.sum())
        low, high = wilson(count, size)
        share = failed[here].mean()
        if size >= BIN_CALLS and high < share / 2 and low <= max(2 * segment.quiet, 0.01):
            spared = True
        else:
            hit.append(calls.models[model])
    return tuple(hit)[:50] if spared and hit and "" not in hit else None


def _groups(spells: Sequence[_Spell]) -> Iterator[list[_Spell]]:
    """Yield the windows of each incident."""
    group: list[_Spell] = []
    until = 0
    for spell in spells:
        if group and (spell.begin_ns - until > _APART_NS or spell.end_ns - group[0].begin_ns > _LONGEST_NS):
            yield group
            group = []
        group.append(spell)
        until = max(until, spell.end_ns) if len(group) > 1 else spell.end_ns
    if group:
        yield group


def _incident(spells: Sequence[_Spell], source: str, *, zoneless: bool) -> Incident:
    start_ns = spells[0].begin_ns // S * S
    known = ["windows[*].on", "windows[*].at", "windows[*].for", "windows[*].share"]
    assumed = {} if not zoneless else {"start": "no time zone is given, so UTC"}
    known += [] if zoneless else ["start"]
    windows = []
    for number, spell in enumerate(spells):
        place = f"windows[{number}].inject"
        if spell.end in _TAKEN:
            assumed[place] = _TAKEN[spell.end]
        else:
            known.append(place)
        if spell.models is not None:
            known.append(f"windows[{number}].models")
        low, high = wilson(spell.failed, spell.calls)
        begin = 0 if number == 0 else round((spell.begin_ns - start_ns) / S) * S
        windows.append(
            IncidentWindow(
                on=(spell.vendor,),
                at=begin,
                for_=max(round((spell.end_ns - start_ns) / S) * S - begin, S),
                inject=spell.inject,
                share=ShareBand(math.floor(low * 1e4) / 100 / 100, math.ceil(high * 1e4) / 100 / 100),
                models=spell.models,
                note=spell.note,
            )
        )
    vendors = ", ".join(dict.fromkeys(spell.vendor for spell in spells))
    kinds = ", ".join(dict.fromkeys(_word(spell.end) for spell in spells))
    calls = sum(spell.failed for spell in spells)
    return Incident(
        title=f"Measured at {vendors}: {kinds} in {calls} calls"[:120],
        start=datetime.fromtimestamp(start_ns // S, UTC),
        windows=tuple(windows),
        times="stated",
        precision="minute",
        account="telemetry",
        known=tuple(known),
        assumed=assumed,
        sources=(source.rpartition("/")[2],),
    )


def _word(end: int) -> str:
    return {_SLOW: "slow answers", TIMED_OUT: "timeouts", BROKEN: "broken connections", OTHER: "errors"}.get(
        end, str(end)
    )
