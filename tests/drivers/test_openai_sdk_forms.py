"""OpenAI's SDK is asked for chats with tools, embeddings and responses, each by the method that an application uses."""

from __future__ import annotations

import pytest

from harness.chain import Retry
from harness.provider.kinds import Api
from harness.provider.tools import canonical
from harness.provider.vectors import spelled
from harness.scenario import Inject
from tests.drivers.virtual import Question, asked
from tests.plans import chain, window

CHAIN = chain("openai", "azure", driver="openai-sdk", retry=Retry(attempts=1))
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = {"type": "function", "function": {"name": "weather", "parameters": PARAMETERS}}
QUESTIONS = (
    Question("chat", more={"tools": [TOOL]}),
    Question("chat", stream=True, more={"tools": [TOOL]}),
    Question("embeddings"),
    Question("responses"),
    Question("responses", stream=True),
)


@pytest.mark.parametrize("broken", [False, True], ids=["healthy", "fallback"])
def test_every_form_is_answered(broken: bool) -> None:
    """By the first provider, else by the next one, whose own address the SDK knows."""
    windows = [window(Inject(status=503))] if broken else []
    failed = [("openai", 503, "status")] if broken else []
    server = "azure" if broken else "openai"
    plain, streamed, vectors, response, events = asked(CHAIN, QUESTIONS, *windows)

    for told in (plain, streamed, vectors, response, events):
        assert (told.failure, told.tried) == (None, [*failed, (server, 200, "ok")])
    (call,) = plain.events[0]["choices"][0]["message"]["tool_calls"]
    pieces = [
        part["function"]
        for event in streamed.events
        for choice in event["choices"]
        for part in choice["delta"].get("tool_calls") or ()
    ]
    assert call["function"]["name"] == pieces[0]["name"] == "weather"
    arguments = "".join(part.get("arguments") or "" for part in pieces)
    for text, number in ((call["function"]["arguments"], 1), (arguments, 2)):
        assert f"<<req-{number:06d}.{server}." in canonical(text)
    texts = [spelled(each["embedding"]) or "" for each in vectors.events[0]["data"]]
    assert [text.startswith(f"<<req-000003.{server}.") for text in texts] == [True, True]
    assert response.events[0]["status"] == "completed"
    assert events.events[0]["type"] == "response.created"
    assert events.events[-1]["type"] == "response.completed"


@pytest.mark.parametrize("api", ["embeddings", "responses"])
def test_the_last_error_is_the_callers(api: Api) -> None:
    """With its status, in OpenAI's form."""
    windows = [window(Inject(status=429), name, fault_id=name) for name in CHAIN.order]
    (told,) = asked(CHAIN, [Question(api)], *windows)
    assert told.failure is not None
    status, body = told.failure
    assert (status, body["error"]["code"]) == (429, "429")
    assert told.providers == ["openai", "azure"]


def test_the_sdk_raises_nothing_on_an_error_within_a_response() -> None:
    """So the next provider is not tried, and the caller gets the events as they came: the last one says that it failed."""
    cut = Inject(stream="error_event", error="overloaded", after_tokens=2)
    (told,) = asked(CHAIN, [Question("responses", stream=True)], window(cut))
    assert (told.failure, told.providers) == (None, ["openai"])
    assert [event["type"] for event in told.events[-2:]] == ["error", "response.failed"]
