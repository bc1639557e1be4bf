"""Calls of tools through every official SDK: plain, in pieces, and with what can become of a stream."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import warnings
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from harness.chain import Provider, ReplySpec
from harness.edge import Edge
from harness.history import AttemptRecord
from harness.scenario import Window
from harness.store import Capture, EdgeAttempt
from harness.store.capture import rows

from .cases import PLAIN, STREAMS, TOKENS, WARM_UP
from .measure import AT_ONCE, TOKEN
from .outcomes import OUTCOMES
from .tool_clients import DIALECTS, HELPERS, AskTools, SeenCalls, tool_clients

NAMES = ("fine", "cut", "reset", "stall", "stall-long", "error", "empty")
CASES = {case.name: case for case in (*STREAMS, PLAIN[0]) if case.name.partition("-")[2] in NAMES}
BROKEN = ("stream-cut", "stream-reset", "stream-stall-long", "stream-error")
WORDS = {
    "anthropic": "tool_use",
    "bedrock": "tool_use",
    "gemini": "STOP",
    "vertex_ai": "STOP",
    "responses": "completed",
}
WORDS |= {"vertex_ai-claude": "tool_use", "anthropic-helper": "tool_use"}
WHOLE_CALLS = ("gemini", "vertex_ai")
"""Their streams have calls that are not cut into pieces, so a fault comes after the last of them."""
HELPED = "stream-fine"


@dataclass(frozen=True, slots=True)
class Met:
    """What an SDK returned, and what the edge recorded of its first attempt."""

    seen: SeenCalls
    attempt: AttemptRecord


AllMet = dict[tuple[str, str], Met]


@pytest.fixture(scope="module")
def met() -> AllMet:
    """Ask every client for every case once, over real sockets."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's deprecations
        return asyncio.run(_meet())


async def _meet() -> AllMet:
    keys = [*product(DIALECTS, CASES), *((name, HELPED) for name in HELPERS)]
    spec = ReplySpec(ttft=0, tokens=2 * TOKENS, tokens_per_second=200)
    dialects = DIALECTS | HELPERS
    providers = {name: Provider(dialect=dialect, model="m", reply=spec) for name, dialect in dialects.items()}
    windows = [
        Window(fault_id=f"{name}:{case}", provider=name, start_ns=0, end_ns=10**15, inject=inject, models=(case,))
        for name, case in keys
        if (inject := CASES[case].inject) is not None
    ]
    seen = {key: SeenCalls() for key in keys}
    with TemporaryDirectory() as folder:
        with Capture(Path(folder), "edge") as capture:
            async with Edge(providers, token=TOKEN, windows=windows, capture=capture) as edge:
                edge.begin(time.monotonic_ns())
                async with tool_clients(
                    {name: f"http://127.0.0.1:{port}" for name, port in edge.ports.items()}
                ) as asks:
                    for ask in asks.values():  # an SDK's first call takes longer than some timeouts here
                        await ask(SeenCalls(), WARM_UP[0], "hello")
                    for idle in (True, False):
                        slots = asyncio.Semaphore(AT_ONCE[idle])
                        chosen = [place for place, key in enumerate(keys) if CASES[key[1]].idle is idle]
                        await asyncio.gather(
                            *(_ask(asks, keys[place], place, seen[keys[place]], slots) for place in chosen)
                        )
        first: dict[str | None, AttemptRecord] = {}
        for row in rows(capture.path):
            if isinstance(row, EdgeAttempt):
                first.setdefault(row.request_id, row.attempt)
    return {key: Met(seen[key], first[f"req-{place:06d}"]) for place, key in enumerate(keys)}


async def _ask(
    asks: dict[str, AskTools], key: tuple[str, str], place: int, seen: SeenCalls, slots: asyncio.Semaphore
) -> None:
    async with slots:
        try:
            await asks[key[0]](seen, CASES[key[1]], f"[[req-{place:06d} {TOKEN}]]")
        except Exception as error:
            seen.error = error


def is_meant(met: Met) -> bool:
    """Return whether the calls are those that the provider meant to send."""
    return hashlib.sha256(met.seen.text.encode()).hexdigest() == met.attempt.text_sha256


@pytest.mark.parametrize("client", [*DIALECTS, *HELPERS])
@pytest.mark.parametrize("name", ["plain-fine", "stream-fine", "stream-stall"])
def test_whole_calls(met: AllMet, client: str, name: str) -> None:
    """Names, arguments, ids, the reason for the end and the usage reach the SDK's caller; a pause changes nothing."""
    if client in HELPERS and name != HELPED:
        name = HELPED
    found = met[client, name]
    assert found.seen.error is None
    assert is_meant(found)
    assert [call.name for call in found.seen.calls] == ["get_weather", "get_time"]
    assert len({call.id for call in found.seen.calls}) == 2
    assert found.seen.finish == WORDS.get(client, "tool_calls")
    if client in DIALECTS:
        assert found.seen.usage == found.attempt.tokens_out == 2 * TOKENS


@pytest.mark.parametrize("client", DIALECTS)
def test_the_next_turn(met: AllMet, client: str) -> None:
    """The SDK's own objects and the tools' results, sent back, are answered in text."""
    assert "<<req-" in (met[client, "plain-fine"].seen.then or "")


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("name", BROKEN)
def test_half_a_call(met: AllMet, client: str, name: str) -> None:
    """What breaks a stream of text breaks one of calls in the same way, and the arguments are no JSON then."""
    found = met[client, name]
    _share, raised, finish = OUTCOMES[client][name]
    assert found.attempt.fault_id == f"{client}:{name}"
    assert (None if found.seen.error is None else type(found.seen.error)) == raised
    assert found.seen.finish == finish
    if client in WHOLE_CALLS:
        assert is_meant(found)
        return
    assert not is_meant(found)
    (call,) = found.seen.calls
    with pytest.raises(json.JSONDecodeError):
        json.loads(call.arguments)


@pytest.mark.parametrize("client", DIALECTS)
def test_a_stream_without_content_has_no_call(met: AllMet, client: str) -> None:
    """It ends well, and holds nothing."""
    found = met[client, "stream-empty"]
    assert (found.seen.error, found.seen.calls) == (None, ())
    assert found.attempt.outcome == "malformed"
