"""The fault `answer: tool_malformed`."""

import json
from typing import Any

import pytest

from harness.provider.answer import Answer, Call, Tool
from harness.provider.dialects import DIALECTS
from harness.provider.tools import ToolCall, joined
from harness.scenario import Inject
from tests.provider.replies import PLAIN, STREAM, answered, body, headers, parts

FAULT = Inject(answer="tool_malformed")
TOOLS = (Tool("get_weather", (("city", "string"),)), Tool("now"))
TEXTUAL = ("openai", "azure", "deepseek", "openrouter", "openai-compatible")
"""Dialects whose plain answers have arguments as text."""


def calls(dialect: str, answer: Answer, *, streaming: bool) -> tuple[ToolCall, ...]:
    """Return the calls in an answer."""
    of, raw = DIALECTS[dialect], body(answer.reply)
    if not streaming:
        return of.read_body(200, raw).calls
    found = map(of.read_calls, of.framing.events(raw))
    return joined(call for pieces in found if pieces is not None for call in pieces.calls)


def ask(dialect: str, call: Call, **fields: Any) -> Answer:
    """Return the answer to a call of tools that meets the fault."""
    return answered(call._replace(tools=TOOLS), FAULT, dialect=dialect, **fields)


@pytest.mark.parametrize("streaming", [True, False])
@pytest.mark.parametrize("dialect", [*TEXTUAL, "anthropic", "bedrock", "responses", "invoke"])
def test_no_arguments_are_json(dialect: str, streaming: bool) -> None:
    """Names and ids are whole, and so is the end; the record has what was meant."""
    if not streaming and dialect not in (*TEXTUAL, "responses"):
        return
    name, api = {"responses": ("openai", "responses"), "invoke": ("bedrock", "anthropic")}.get(dialect, (dialect, ""))
    call = (STREAM if streaming else PLAIN)._replace(api=api)
    fine = answered(call._replace(tools=TOOLS), dialect=name)
    answer = ask(name, call)
    meant, came = calls(name, fine, streaming=streaming), calls(name, answer, streaming=streaming)
    assert [(each.name, each.id) for each in came] == [(each.name, each.id) for each in meant]
    for each in came:
        with pytest.raises(json.JSONDecodeError):
            json.loads(each.arguments)
    assert (answer.fault_id, answer.ending, answer.text) == ("fault-1", "malformed", fine.text)
    assert parts(answer.reply) == parts(fine.reply)
    if not streaming:
        assert int(headers(answer.reply)["content-length"]) == len(body(answer.reply))


@pytest.mark.parametrize(
    ("dialect", "call"),
    [
        ("gemini", PLAIN),
        ("gemini", STREAM),
        ("anthropic", PLAIN),
        ("bedrock", PLAIN),
    ],
)
def test_arguments_that_are_objects_are_left_alone(dialect: str, call: Call) -> None:
    """They cannot be half JSON in an answer that is JSON, so the fault has not fired."""
    assert ask(dialect, call) == answered(call._replace(tools=TOOLS), dialect=dialect)


@pytest.mark.parametrize("dialect", DIALECTS.own)
@pytest.mark.parametrize("call", [PLAIN, STREAM])
def test_an_answer_without_calls_is_left_alone(dialect: str, call: Call) -> None:
    """A fault of calls needs calls."""
    assert answered(call, FAULT, dialect=dialect) == answered(call, dialect=dialect)
