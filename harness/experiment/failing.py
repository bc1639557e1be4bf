"""Failures as a command line names them: `openai=429,retry_after=2s`, `primary=refused`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.chain import Chain
from harness.document import Document, did_you_mean
from harness.document.reading import parse
from harness.errors import HarnessError, UsageError, each_error, raise_errors
from harness.provider.faults import names_of
from harness.provider.inject import Inject
from harness.scenario import Window, compile_plan
from harness.scenario.checks import written_targets
from harness.scenario.load import read_scenario

DEADLINE_S = 60
"""When a caller gives up, in seconds. A failure lasts as long, so no retry finds its provider well again."""
_WORDS: Mapping[str, Mapping[str, Any]] = {
    "rate_limit": {"status": 429},
    "server_error": {"status": 500},
    "timeout": {"connection": "silent"},
    "connection": {"connection": "refused"},
}
"""The words of `retry.on`, each as a fault."""
_EVER_NS = 2**62
_SHOWN_MAX = 80
_PROBLEM_MAX = 300
_WHERE = "--fail"
_PLACE = re.compile(rf"{_WHERE}:\d+: faults\[(?P<place>\d+)\](?:\.inject|\.on)?\.?(?P<field>.*)")
_HINTS = {"load: {streaming: 100%}": "--stream asks for a stream"}
"""What a hint about a scenario's file means for a command line; one about a fault's other fields means nothing there."""


def written(failing: Sequence[str], *, count: int = 1, streaming: str = "50%", **load: Any) -> Document:
    """Return the scenario in which these failures last as long as any caller waits.

    Args:
        failing: What fails.
        count: How many requests, each long after the one before it has ended.
        streaming: Share of them that stream.
        load: Further keys of `load`.

    Raises:
        UsageError: A failure is written wrong.
    """
    scenario = {
        "name": "probe",
        "title": ", ".join(failing) or "Nothing fails",
        "load": {
            "rate": f"{60 / DEADLINE_S:g}/min",
            "arrivals": "constant",
            "streaming": streaming,
            "deadline": f"{DEADLINE_S}s",
            **load,
        },
        "phases": {"probe": f"{count * DEADLINE_S}s"},
        "faults": [{"on": name, "during": "probe", "inject": inject} for name, inject in map(_failure, failing)],
        "expect": [],
    }
    return parse(json.dumps(scenario).encode(), Path(_WHERE))


@contextmanager
def mistakes_in(failing: Sequence[str]) -> Iterator[None]:
    """Restate what is wrong with a scenario of `written`: nobody has written that file.

    Raises:
        UsageError: Naming the failure that is wrong.
    """
    try:
        yield
    except UsageError as error:
        raise_errors(_restated(each, failing) for each in each_error(error))
        raise  # never: an error holds one


def _restated(error: HarnessError, failing: Sequence[str]) -> HarnessError:
    """Return the same error about a failure as it was typed."""
    where = error.where or ""
    for place, option in (("load.prompt", "--prompt"), ("load.mix[0].kind", "--kind")):
        if where.endswith(f": {place}"):
            return UsageError(error.problem, where=option, known=error.known, hint=_typed_hint(error))
    match = _PLACE.fullmatch(where)
    if match is None:
        return error
    where = f"{_WHERE} {failing[int(match['place'])][:_SHOWN_MAX]}"
    hint = None if error.hint is None or "faults." in error.hint else _HINTS.get(error.hint, error.hint)
    problem = f"{match['field']}: {error.problem}" if match["field"] else error.problem
    return UsageError(problem[:_PROBLEM_MAX], where=where, known=error.known, hint=hint)


def _typed_hint(error: HarnessError) -> str | None:
    """Return a hint for the command line; None where it is one for a scenario's file."""
    if "answers no chats" in error.problem:
        return "--kind embeddings"
    return None if error.hint is None or error.hint.startswith("write ") else error.hint


def failures(failing: Sequence[str], chain: Chain) -> tuple[Window, ...]:
    """Return failures of a chain's providers that never end, as ports without Toxiproxy can play them.

    Raises:
        UsageError: One is written wrong, or needs Toxiproxy.
    """
    file = read_scenario(written(failing))
    with mistakes_in(failing):
        raise_errors([*file.errors, *written_targets(file.document, chain)])
    assert file.scenario is not None
    windows = compile_plan(file.scenario, chain, ()).timeline.windows
    return tuple(replace(window, inject=_at_the_port(window), start_ns=0, end_ns=_EVER_NS) for window in windows)


def _at_the_port(window: Window) -> Inject:
    """Return a failure for a port that is the provider's own.

    All that a slow connection brings arrives late by one delay, so an answer whose headers are withheld is the same to a client.
    """
    inject = window.inject
    if inject.kind == "slow":
        return Inject(delay=inject.delay, jitter=inject.jitter)
    if inject.fault_kind.whole_provider and inject.kind != "refused":
        raise UsageError(
            f"{inject.kind!r} needs Toxiproxy, which a mock runs without",
            where=_WHERE,
            hint="harness probe --engine live has it; a mock can be refused, silent or slow",
        )
    return inject


def _failure(text: str) -> tuple[str, dict[str, Any]]:
    """Return whom a failure is of, and its fault."""
    name, equals, rest = text.partition("=")
    kind, *options = (part.strip() for part in rest.split(","))
    name = name.strip()
    if not (name and equals and kind):
        raise UsageError(
            f"not a failure: {text!r}", where=_WHERE, hint=f"{_WHERE} openai=429 or {_WHERE} primary=refused"
        )
    fields: dict[str, Any] = {**_fault(kind)}
    for option in options:
        key, equals, value = (part.strip() for part in option.partition("="))
        if not (key and equals and value):
            raise UsageError(
                f"not an option of a fault: {option!r}", where=_WHERE, hint=f"{_WHERE} openai=429,retry_after=2s"
            )
        if key in fields:
            raise UsageError(f"{key!r} twice: {text!r}", where=_WHERE, hint=f"{_WHERE} openai=429,retry_after=2s")
        fields[key] = int(value) if value.isdecimal() and value.isascii() else value
    return name, fields


def _fault(kind: str) -> Mapping[str, Any]:
    if kind.isdecimal() and kind.isascii():
        return {"status": int(kind)}
    if kind in _WORDS:
        return _WORDS[kind]
    for field in ("connection", "stream", "answer"):
        if kind in names_of(field):
            return {field: kind}
    known = [*_WORDS, *names_of("connection"), *names_of("stream"), *names_of("answer")]
    problem = f"no fault is called {kind!r}"
    raise UsageError(problem, where=_WHERE, known="a status, " + ", ".join(known), hint=did_you_mean(kind, known))
