"""A find as people read it: one sentence, and a scenario file that shows it again."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable
from dataclasses import fields

from harness.document import duration_text, share_text
from harness.history import AttemptRecord, RequestRecord
from harness.judge.properties import PROPERTIES, Account
from harness.scenario import Fault, Inject, Scenario, Window

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
_DURATIONS = ("retry_after", "delay", "pause", "ttft")
_WIDTH = 118
_PLAIN = re.compile(r"(?!(true|false|null|yes|no)$)[A-Za-z./][A-Za-z0-9._/\-]*", re.IGNORECASE)
"""What YAML takes for a text without quotes."""


def sentence(name: str, run: Account, shown: tuple[str, ...]) -> str:
    """Return what a person would say of a run that breaks a property.

    Args:
        name: The property's.
        run: The run.
        shown: The requests that break it.
    """
    worst = _worst(run, shown)
    attempts = run.of[worst.request_id]
    touched = [each for each in attempts if each.fault_id is not None]
    elsewhere = not touched or name == "returns_to_primary"
    if elsewhere:  # it is an earlier request that was hit
        touched = sorted((each for tried in run.of.values() for each in tried if each.fault_id), key=_begun)
    causes = _causes(touched, {(window.fault_id, window.provider): window for window in run.windows})
    apart = ""
    starts_ns = [next(each.start_ns for each in touched if each.fault_id == cause) for cause in _ids(touched)]
    if len(starts_ns) > 1 and starts_ns[-1] - starts_ns[0] >= 50_000_000:
        apart = f", {(starts_ns[-1] - starts_ns[0]) / 1e9:.1f} s apart"
    return (
        f"{_listed(causes)}{apart}, and {_harm(name, run, worst, attempts)}"
        if causes
        else _harm(name, run, worst, attempts)
    )


def scenario_yaml(
    scenario: Scenario, *, chain: str, name: str, told: str, property_name: str, expect: Iterable[str], path: str
) -> str:
    """Return a find as a scenario file.

    Args:
        scenario: What is to run.
        chain: Path of the chain's file, as the scenario names it.
        name: The scenario's.
        told: The sentence.
        property_name: What it breaks.
        expect: What fails when it is run.
        path: Where it will lie, for the comments.
    """
    means = " ".join((PROPERTIES[property_name].__doc__ or "").split("\n\n", maxsplit=1)[0].split())
    comments = [
        f"Found by `harness explore`. It breaks {property_name}: {told}.",
        f"{property_name} is broken by {means.removeprefix('Return ')}",
    ]
    lines = [f"# {line}" for comment in comments for line in textwrap.wrap(comment, _WIDTH, break_on_hyphens=False)]
    lines += [f"# In virtual time: harness run {path} --engine sim", f"# On real parts:   harness run {path}"]
    load = scenario.load
    streaming = f", streaming: {share_text(load.streaming)}" if load.streaming else ""
    lines += [
        f"name: {name}",
        f"title: {_quoted(told[0].upper() + told[1:])}",
        f"chain: {_quoted(chain)}",
        f"seed: {scenario.seed}",
        f"load: {{rate: {load.rate:g}/s, arrivals: {load.arrivals}{streaming}, deadline: {duration_text(load.deadline)}}}",
        f"phases: {{{', '.join(f'{phase}: {duration_text(length)}' for phase, length in scenario.phases.items())}}}",
        "faults:",
        *(line for fault in scenario.faults for line in _fault_lines(fault)),
    ]
    wanted = tuple(expect)
    lines += ["expect:", *(f"  - {text}" for text in wanted)] if wanted else []
    return "\n".join(lines) + "\n"


def _fault_lines(fault: Fault) -> list[str]:
    lines = [
        f"  - on: {_quoted(fault.on)}",
        f"    at: {duration_text(fault.at or 0)}",
        f"    for: {duration_text(fault.for_ or 0)}",
        f"    inject: {{{', '.join(_written(fault.inject))}}}",
    ]
    lines += [f"    first: {fault.first}"] if fault.first is not None else []
    return lines + ([f"    share: {share_text(fault.share)}"] if fault.share < 1 else [])


def _written(inject: Inject) -> Iterable[str]:
    for field in fields(inject):
        value = getattr(inject, field.name)
        if value is not None:
            yield f"{field.name}: {duration_text(value) if field.name in _DURATIONS else value}"


def _quoted(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "''") + "'"


def _begun(attempt: AttemptRecord) -> int:
    return attempt.start_ns


def _worst(run: Account, shown: tuple[str, ...]) -> RequestRecord:
    """Return the request that waited longest of those that show it."""
    chosen = [request for request in run.requests if request.request_id in shown]
    return max(chosen, key=lambda request: _took_ns(run, request))


def _took_ns(run: Account, request: RequestRecord) -> int:
    return (run.end_ns if request.end_ns is None else request.end_ns) - request.scheduled_ns


def _ids(attempts: Iterable[AttemptRecord]) -> list[str]:
    return list(dict.fromkeys(each.fault_id for each in attempts if each.fault_id))


def _causes(touched: Iterable[AttemptRecord], windows: dict[tuple[str, str], Window]) -> list[str]:
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
    wait = f" with Retry-After {inject.retry_after / 1e9:g} s" if inject.retry_after is not None else ""
    return f"{inject.status}{why}{wait}", f"{inject.status}s{why}{wait}"


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def _harm(name: str, run: Account, request: RequestRecord, attempts: list[AttemptRecord]) -> str:
    """Return what it comes to for the caller."""
    tried = list(dict.fromkeys(each.provider for each in attempts))
    waited = f"{_took_ns(run, request) / 1e9:.3g} s"
    if name == "survives_if_any_healthy":
        left = [
            provider
            for provider in run.providers
            if provider not in {each.provider for each in attempts if each.fault_id}
        ]
        good = request.status is not None and request.status < 300
        given = (
            "gives up"
            if request.client_left
            else "gets no whole answer"
            if good
            else f"gets a {request.status or 'break'}"
        )
        well = f"{_listed(left)} {'was' if len(left) == 1 else 'were'}" if left else "a provider was"
        return f"the caller {given} after {waited} although {well} healthy"
    if name == "bounded_attempts":
        return f"one request makes {len(attempts)} attempts"
    if name == "bounded_latency":
        return f"the caller waits {waited}"
    if name == "respects_retry_after":
        return _too_early(run, attempts)
    if name == "no_retry_on_non_retryable":
        return "the provider is asked again although no retry can change that"
    if name == "returns_to_primary":
        return f"{run.chain.order[0]} is never asked again, though it has been well for {_well(run)}"
    if name == "order_respected":
        return f"{_listed(tried)} {'is' if len(tried) == 1 else 'are'} asked out of turn"
    return "the caller takes for a whole answer what is none"


def _too_early(run: Account, attempts: list[AttemptRecord]) -> str:
    before, after = max(
        (pair for pair in run.retries(attempts) if pair[0].retry_after_ns is not None),
        key=lambda pair: (pair[0].end_ns or 0) + (pair[0].retry_after_ns or 0) - pair[1].start_ns,
    )
    waited_ns = after.start_ns - (before.end_ns or 0)
    return f"{before.provider} is asked again after {waited_ns / 1e9:.2g} s though it said to wait {(before.retry_after_ns or 0) / 1e9:.2g} s"


def _well(run: Account) -> str:
    ended_ns = max(window.end_ns for window in run.windows if window.provider in run.first)
    return f"{(run.end_ns - ended_ns) / 1e9:g} s"
