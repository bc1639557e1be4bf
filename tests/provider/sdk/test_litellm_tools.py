"""Tools through LiteLLM: every vendor's calls, and a conversation that one vendor began and another goes on with."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
import warnings
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import pytest

from harness.chain import Provider, ReplySpec
from harness.drivers.litellm_router.router import close_clients
from harness.edge import Edge
from harness.history import AttemptRecord
from harness.provider.dialects import dialect_of
from harness.provider.tools import ToolCall, joined, whole
from harness.store import Capture, EdgeAttempt
from harness.store.capture import rows

from .measure import TOKEN
from .tool_clients import RESULT, SCHEMA, TOOLS

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else its import goes to the network
OFFER = [{"type": "function", "function": {"name": name, "description": "d", "parameters": SCHEMA}} for name in TOOLS]
AWS = {"aws_access_key_id": "no-key", "aws_secret_access_key": "no-key", "aws_region_name": "us-east-1"}
SONNET = "anthropic.claude-3-5-sonnet-20240620-v1:0"
WAYS = {
    "openai": Provider(dialect="openai", model="gpt-4o"),
    "anthropic": Provider(dialect="anthropic", model="claude-sonnet-4-20250514"),
    "gemini": Provider(dialect="gemini", model="gemini-3-pro-preview"),
    "bedrock/converse": Provider(dialect="bedrock", model=SONNET),
    "bedrock/invoke": Provider(dialect="bedrock", model=SONNET),
    "mistral": Provider(dialect="openai-compatible", vendor="mistral", model="mistral-large-latest"),
}
"""By LiteLLM's route to each provider."""


class Went(NamedTuple):
    """What came of all calls.

    Attributes:
        calls: The calls that LiteLLM gave its caller, by route and whether they were streamed, and the edge's record of them.
        then: What a history from the first route came to at the second: the answer's text, or LiteLLM's error.
    """

    calls: dict[tuple[str, bool], tuple[tuple[ToolCall, ...], str, AttemptRecord]]
    then: dict[tuple[str, str], str | Exception]


@pytest.fixture(scope="module")
def went() -> Went:
    """Ask every route, plain and streamed, and every other one for the next turn."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's deprecations
        return asyncio.run(_go())


async def _go() -> Went:
    spec = ReplySpec(ttft=0, tokens=12, tokens_per_second=0)
    names = {way: f"p{place}" for place, way in enumerate(WAYS)}
    providers = {
        names[way]: Provider(dialect=each.dialect, vendor=each.vendor, model=each.model, reply=spec)
        for way, each in WAYS.items()
    }
    keys = list(product(WAYS, (False, True)))
    seen: dict[tuple[str, bool], tuple[tuple[ToolCall, ...], str, Any]] = {}
    histories: dict[str, list[Any]] = {}
    then: dict[tuple[str, str], str | Exception] = {}
    with TemporaryDirectory() as folder:
        with Capture(Path(folder), "edge") as capture:
            async with Edge(providers, token=TOKEN, windows=[], capture=capture) as edge:
                edge.begin(time.monotonic_ns())
                calls = {way: _call(way, f"http://127.0.0.1:{edge.ports[name]}") for way, name in names.items()}
                for place, (way, streaming) in enumerate(keys):
                    prompt: list[Any] = [
                        {"role": "system", "content": "be brief"},
                        {"role": "user", "content": f"hello [[req-{place:06d} {TOKEN}]]"},
                    ]
                    made, finish, message = await _ask(calls[way], prompt, streaming=streaming)
                    seen[way, streaming] = (made, finish, f"req-{place:06d}")
                    if message is not None:
                        results = [
                            {"role": "tool", "tool_call_id": call.id, "content": RESULT} for call in message.tool_calls
                        ]
                        histories[way] = [*prompt, message.model_dump(), *results]
                for first, second in product(WAYS, WAYS):
                    then[first, second] = await _go_on(calls[second], histories[first])
                await close_clients()  # or they warn in whatever test they are collected
        first_of: dict[str | None, AttemptRecord] = {}
        for row in rows(capture.path):
            if isinstance(row, EdgeAttempt):
                first_of.setdefault(row.request_id, row.attempt)
    return Went({key: (made, finish, first_of[name]) for key, (made, finish, name) in seen.items()}, then)


def _call(way: str, host: str) -> dict[str, Any]:
    """Return the arguments by which LiteLLM asks a provider."""
    provider = WAYS[way]
    named = dialect_of(provider).litellm
    assert named is not None
    call: dict[str, Any] = {"model": f"{way}/{provider.model}", "num_retries": 0, "max_retries": 0, "tools": OFFER}
    if way.startswith("bedrock"):
        return call | AWS | {"aws_bedrock_runtime_endpoint": host}
    return call | {"api_base": host + named.path, "api_key": "no-key"}


async def _ask(call: dict[str, Any], messages: list[Any], *, streaming: bool) -> tuple[tuple[ToolCall, ...], str, Any]:
    from litellm import acompletion  # noqa: PLC0415 - it takes seconds, which other tests here need not wait

    answer: Any = await acompletion(messages=messages, stream=streaming, **call)
    if not streaming:
        choice = answer.choices[0]
        made = (ToolCall(each.function.name, each.function.arguments, each.id) for each in choice.message.tool_calls)
        return tuple(made), choice.finish_reason, choice.message
    pieces: list[ToolCall] = []
    finish = ""
    async for chunk in answer:
        for choice in chunk.choices:
            finish = choice.finish_reason or finish
            for each in choice.delta.tool_calls or ():
                name, arguments = each.function.name or "", each.function.arguments or ""
                pieces.append(ToolCall(name, arguments, each.id or "", each.index))
    return joined(pieces), finish, None


async def _go_on(call: dict[str, Any], messages: list[Any]) -> str | Exception:
    from litellm import acompletion  # noqa: PLC0415 - see above

    try:
        answer: Any = await acompletion(messages=messages, **call)
    except Exception as error:
        return error
    return str(answer.choices[0].message.content)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("streaming", [False, True])
def test_the_calls_are_those_that_the_provider_meant(went: Went, way: str, streaming: bool) -> None:
    """Whole, in order and each with an id of its own, whatever form they had on the wire."""
    calls, finish, attempt = went.calls[way, streaming]
    assert hashlib.sha256(whole("", calls).encode()).hexdigest() == attempt.text_sha256
    assert [call.name for call in calls] == list(TOOLS)
    assert len({call.id for call in calls}) == len(TOOLS)
    assert finish == "tool_calls"


@pytest.mark.parametrize(("first", "second"), [pair for pair in product(WAYS, WAYS) if pair[1] != "mistral"])
def test_a_conversation_goes_on_at_another_vendor(went: Went, first: str, second: str) -> None:
    """LiteLLM carries it over in a form that the second vendor's rules accept."""
    assert "<<" in str(went.then[first, second])


@pytest.mark.parametrize("first", WAYS)
def test_mistral_takes_no_ids_but_its_own(went: Went, first: str) -> None:
    """LiteLLM leaves the ids of other vendors' calls as they are, and Mistral refuses them."""
    then = went.then[first, "mistral"]
    if first == "mistral":
        assert "<<" in str(then)
        return
    assert type(then).__name__ == "BadRequestError"
    assert "but must be a-z, A-Z, 0-9, with a length of 9" in str(then)
