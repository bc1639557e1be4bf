"""LiteLLM's Router is asked in every form that callers have, and does with each what it does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.chain import Chain, Retry
from harness.chain.driver import driver_of
from harness.drivers.litellm_router.asking import ask
from harness.provider.kinds import Api
from harness.provider.marker import find_attempts
from harness.scenario import Inject
from tests.drivers.litellm_streams_by_kind import page, text
from tests.drivers.virtual import Question, Told, asked
from tests.plans import chain, provider, window

CHAIN = replace(chain("openai", "anthropic", driver="litellm-router"), retry=Retry(attempts=2), timeout=4_000_000_000)
BACKWARDS = replace(CHAIN, order=("anthropic", "openai"))
STREAMED: tuple[Api, ...] = ("chat", "responses", "messages")
LAST = {"responses": "response.completed", "messages": "message_stop"}


@pytest.fixture(scope="module", params=[CHAIN, BACKWARDS], ids=["openai first", "anthropic first"])
def healthy(request: pytest.FixtureRequest) -> tuple[str, list[tuple[Question, Told]]]:
    """The first provider's name, and what every form gives, plain and streamed."""
    chain: Chain = request.param
    questions = [Question(api, stream) for api in STREAMED for stream in (False, True)]
    return chain.order[0], list(zip(questions, asked(chain, questions), strict=True))


def test_every_form_is_answered_by_the_first_provider(healthy: tuple[str, list[tuple[Question, Told]]]) -> None:
    """Whatever API LiteLLM calls the provider by, the text is that of the one attempt, whole and once."""
    first, answers = healthy
    for question, told in answers:
        assert told.failure is None, question
        assert told.tried == [(first, 200, "ok")]
        assert len(find_attempts(text(told))) == 1, question
        assert (len(told.events) > 1) == question.stream
        if question.stream and question.api in LAST:
            assert told.events[-1]["type"] == LAST[question.api]


@pytest.mark.parametrize("order", [CHAIN, BACKWARDS], ids=["openai first", "anthropic first"])
def test_every_form_falls_back(order: Chain) -> None:
    """Two tries at a provider that is unavailable, then the next one serves."""
    first, second = order.order
    questions = [Question(api, stream) for api in STREAMED for stream in (False, True)]
    for told in asked(order, questions, window(Inject(status=503), first)):
        assert told.tried == [(first, 503, "status")] * 2 + [(second, 200, "ok")]
        assert [name.split(".")[1] for name in find_attempts(text(told))] == [second]


def test_errors_have_the_form_of_the_request() -> None:
    """Anthropic's for messages, OpenAI's for all others, each with the status of the first failure."""
    questions = [Question(api, stream) for api in STREAMED for stream in (False, True)]
    windows = [window(Inject(status=429), name, fault_id=name) for name in CHAIN.order]
    for question, told in zip(questions, asked(CHAIN, questions, *windows), strict=True):
        assert told.failure is not None
        status, body = told.failure
        assert (status, told.events) == (429, [])
        assert body["error"]["type"] == "rate_limit_error" if question.api == "messages" else "code" in body["error"]
        assert ("type" in body) == (question.api == "messages")


def test_a_caller_who_leaves_ends_the_providers_work() -> None:
    """As LiteLLM's proxy does when a connection closes. LiteLLM leaves the stream of a response to the garbage collector."""
    long = replace(CHAIN, providers={name: slow(name) for name in CHAIN.order})
    for told in asked(long, [Question(api, stream=True, leaves_after=8) for api in STREAMED]):
        assert told.tried == [("openai", 200, "client_left")]


def slow(name: str) -> Any:
    """Return a provider that takes long to answer."""
    each = provider(name)
    return replace(each, reply=replace(each.reply, tokens=1000, tokens_per_second=50))


class Scripted:
    """A Router whose streams of messages are these pieces of bytes."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces
        self.closed = False

    async def aanthropic_messages(self, **_body: Any) -> AsyncIterator[bytes]:
        """Return the stream."""

        async def stream() -> AsyncIterator[bytes]:
            try:
                for piece in self.pieces:
                    yield piece
            finally:
                self.closed = True

        return stream()


EVENTS = [{"type": "message_start"}, {"type": "ping"}, {"type": "text", "text": "é 漢"}, {"type": "message_stop"}]
BYTES = "".join(f"event: {each['type']}\ndata: {json.dumps(each, ensure_ascii=False)}\n\n" for each in EVENTS).encode()


@pytest.mark.parametrize("size", [1, 2, 7, 50, len(BYTES)])
async def test_messages_are_read_from_bytes_in_any_pieces(size: int) -> None:
    """LiteLLM hands them over as they come from the connection: an event may be cut anywhere, or be one of several."""
    router = Scripted(*(BYTES[place : place + size] for place in range(0, len(BYTES), size)))
    async with aclosing(ask(router, "messages", {"stream": True})) as texts:
        assert [json.loads(text) async for text in texts] == EVENTS
    assert router.closed


class Block:
    """A part of an answer, as LiteLLM 1.75 has it within plain data."""

    def model_dump(self, *, exclude_none: bool) -> dict[str, Any]:
        """Return plain data."""
        assert exclude_none
        return {"type": "text", "text": "hello"}


async def test_objects_within_plain_data_are_written_too() -> None:
    """LiteLLM's proxy writes them so."""

    class Router:
        async def aanthropic_messages(self, **_body: Any) -> dict[str, Any]:
            return {"content": [Block()]}

    async with aclosing(ask(Router(), "messages", {})) as texts:
        assert [json.loads(text) async for text in texts] == [{"content": [{"type": "text", "text": "hello"}]}]


async def test_leaving_closes_the_routers_stream() -> None:
    """At once, and not when it is collected."""
    router = Scripted(BYTES, BYTES)
    async with aclosing(ask(router, "messages", {"stream": True})) as texts:
        await anext(texts)
        assert not router.closed
    assert router.closed


@pytest.mark.parametrize("api", [*STREAMED, "embeddings"])
def test_a_request_may_have_an_order_of_its_own(api: Api) -> None:
    """As `fallbacks` in its body, in every form; without any, nothing else is tried."""
    ours = chain("openai", "azure", "again", driver="litellm-router", retry=Retry(attempts=1))
    write = driver_of(ours).own_order
    assert write is not None
    orders = [["again", "openai"], ["azure"]]
    questions = [Question(api, more=dict(write(ours, order))) for order in orders]
    windows = [window(Inject(status=400), name, fault_id=name) for name in ours.order]
    assert [told.providers for told in asked(ours, questions, *windows)] == orders


def test_the_page_of_kinds_is_what_this_litellm_does() -> None:
    """`make kinds` writes it."""
    written = Path(__file__).parents[2] / "docs" / "reference" / "litellm-kinds.md"
    assert written.read_text(encoding="utf-8") == page()
