"""A find as a person would say it: what happened to whom, and what it came to for the caller. All numbers are the run's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from harness.history import AttemptRecord, RequestRecord
from harness.judge.account import (
    Account,
    early_ns,
    failures_ns,
    healthy,
    in_vain,
    out_of_turn,
    swallowed,
    too_early,
)
from harness.judge.properties import attempts_max
from harness.scenario import Inject, Window

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_DEEDS = {
    "reset": ("reset", "resets"),
    "close": ("closed connection", "closed connections"),
    "refused": ("refused connection", "refused connections"),
    "silent": ("silence", "silences"),
    "delay": ("late answer", "late answers"),
    "pace": ("slow stream", "slow streams"),
    "stream_cut": ("cut answer", "cut answers"),
    "stream_reset": ("reset in mid-answer", "resets in mid-answer"),
    "stream_end": ("stream that ended early", "streams that ended early"),
    "stream_stall": ("stall in mid-answer", "stalls in mid-answer"),
    "stream_malformed": ("broken stream", "broken streams"),
    "stream_error_event": ("error inside a stream", "errors inside streams"),
    "stream_empty": ("empty stream", "empty streams"),
    "stream_keepalive": ("stream of mere comments", "streams of mere comments"),
}
_APART_NS = 50_000_000
"""What is closer together than this happened at once, for a person."""
Tried = list[AttemptRecord]


class _Seen(NamedTuple):
    """The request that shows it, with its attempts in order, in its run."""

    run: Account
    request: RequestRecord
    attempts: Tried


def sentence(name: str, run: Account, shown: tuple[str, ...]) -> str:
    """Return what a person would say of a run that breaks a property.

    Args:
        name: The property's.
        run: The run.
        shown: The requests that break it.
    """
    worst = _worst(name, run, shown)
    attempts = run.of[worst.request_id]
    touched = [each for each in attempts if each.fault_id is not None]
    if not touched or name == "returns_to_primary":  # it is an earlier request that was hit
        touched = sorted((each for tried in run.of.values() for each in tried if each.fault_id), key=_begun)
    harm = _HARMS[name](_Seen(run, worst, attempts))
    if not touched:
        return harm
    causes = _causes(touched, {(window.fault_id, window.provider): window for window in run.windows})
    starts_ns = [next(each.start_ns for each in touched if each.fault_id == cause) for cause in _ids(touched)]
    apart_ns = starts_ns[-1] - starts_ns[0]
    apart = f", {apart_ns / 1e9:.1f} s apart" if apart_ns >= _APART_NS else ""
    return f"{_listed(causes)}{apart}, and {harm}"


def _worst(name: str, run: Account, shown: tuple[str, ...]) -> RequestRecord:
    """Return the request that shows it most; of equals the one that waited longest."""
    weights: Mapping[str, Callable[[Tried], int]] = {
        "bounded_attempts": len,
        "respects_retry_after": lambda tried: max(early_ns(*pair) for pair in too_early(run, tried)),
    }
    weight = weights.get(name)

    def much(request: RequestRecord) -> tuple[int, int]:
        return weight(run.of[request.request_id]) if weight else 0, _took_ns(run, request)

    return max((request for request in run.requests if request.request_id in shown), key=much)


def _took_ns(run: Account, request: RequestRecord) -> int:
    return (run.end_ns if request.end_ns is None else request.end_ns) - request.scheduled_ns


def _begun(attempt: AttemptRecord) -> int:
    return attempt.start_ns


def _ids(attempts: Iterable[AttemptRecord]) -> list[str]:
    return list(dict.fromkeys(each.fault_id for each in attempts if each.fault_id))


def _causes(touched: Iterable[AttemptRecord], windows: Mapping[tuple[str, str], Window]) -> list[str]:
    """Return what happened to the attempts, counted: `two 429s from openai`."""
    counts: Counter[tuple[tuple[str, str], str]] = Counter()
    for each in touched:
        window = windows[each.fault_id or "", each.provider]
        counts[_deed(window.inject), each.provider] += 1
    return [
        f"{_COUNTS[many] if many < len(_COUNTS) else many} {one if many == 1 else more} from {provider}"
        for ((one, more), provider), many in counts.items()
    ]


def _deed(inject: Inject) -> tuple[str, str]:
    if inject.status is None:
        return _DEEDS.get(inject.kind, (inject.kind, inject.kind))
    why = f" ({inject.error.replace('_', ' ')})" if inject.error else ""
    wait = ""
    if inject.retry_after is not None:  # a date is in whole seconds, so how long that is differs from answer to answer
        as_date = inject.retry_after_as == "date"
        wait = " with a date for Retry-After" if as_date else f" with Retry-After {_said(inject.retry_after)}"
    return f"{inject.status}{why}{wait}", f"{inject.status}s{why}{wait}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _said(ns: float) -> str:
    """Return a time as people say it: `0.45 s`, `31.2 s`, `120 s`."""
    seconds = ns / 1e9
    return f"{seconds:.0f} s" if seconds >= 100 else f"{seconds:.{2 if seconds < 1 else 3}g} s"


def _unanswered(seen: _Seen) -> str:
    well = [provider for provider in seen.run.providers if healthy(seen.run, provider, seen.request)]
    if seen.request.client_left:
        given = "gives up"
    elif seen.request.status is None:
        given = "gets no answer at all"
    else:
        given = "gets no whole answer" if seen.request.status < 300 else f"gets a {seen.request.status}"
    return f"the caller {given} after {_said(_took_ns(seen.run, seen.request))} although {_listed(well)} {_was(well)} healthy"


def _was(names: list[str]) -> str:
    return "was" if len(names) == 1 else "were"


def _too_many(seen: _Seen) -> str:
    made = sum(each.provider in seen.run.providers for each in seen.attempts)
    return (
        f"one request makes {made} attempts where {attempts_max(seen.run.chain, len(seen.run.providers))} are its share"
    )


def _too_long(seen: _Seen) -> str:
    waited = f"the caller waits {_said(_took_ns(seen.run, seen.request))}"
    return f"{waited} in vain" if seen.request.client_left else waited


def _too_soon(seen: _Seen) -> str:
    before, after = max(too_early(seen.run, seen.attempts), key=lambda pair: early_ns(*pair))
    told = _said(before.retry_after_ns or 0)
    return f"{before.provider} is asked again after {_between(before, after)} though it said to wait {told}"


def _for_nothing(seen: _Seen) -> str:
    before, after = in_vain(seen.run, seen.attempts)[0]
    return f"{before.provider} is asked again after {_between(before, after)} though no retry can change that"


def _between(before: AttemptRecord, after: AttemptRecord) -> str:
    return _said(max(after.start_ns - (before.end_ns or 0), 0))


def _never_back(seen: _Seen) -> str:
    ended_ns = max(window.end_ns for window in seen.run.windows if window.provider in seen.run.first)
    return f"{seen.run.chain.order[0]} is never asked again, though it has been well for {_said(seen.run.end_ns - ended_ns)}"


def _passed_over(seen: _Seen) -> str:
    tried, earlier = out_of_turn(seen.run, seen.attempts, failures_ns(seen.run)) or ("", "")
    return f"{tried} is asked though it was {earlier}'s turn"


def _no_answer(seen: _Seen) -> str:
    if len(set(seen.request.sources)) > 1:
        return "the caller is given the beginning of the answer twice"
    if not seen.request.text_chars:
        return "the caller is given an empty answer as if it were one"
    begun = any(each.status is not None and each.status < 300 for each in seen.attempts)
    if swallowed(seen.request, seen.attempts) and not begun:
        return f"the caller is given a {seen.request.status} although every attempt failed"
    return "the caller is given part of an answer as if it were all"


_HARMS: Mapping[str, Callable[[_Seen], str]] = {
    "survives_if_any_healthy": _unanswered,
    "bounded_attempts": _too_many,
    "bounded_latency": _too_long,
    "respects_retry_after": _too_soon,
    "no_retry_on_non_retryable": _for_nothing,
    "returns_to_primary": _never_back,
    "order_respected": _passed_over,
    "no_truncated_success": _no_answer,
}
"""What a broken property comes to."""
