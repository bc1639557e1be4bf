from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.caller.answer import Reading
from harness.caller.conversation import continued
from harness.caller.prompt import RequestWriter
from harness.errors import UsageError
from harness.provider.marker import Marker, find_request
from harness.provider.tools import ToolCall
from harness.scenario.mix import MixPart
from harness.scenario.prompts import prompt_file
from harness.scenario.schema import Load

TOKEN = "abcd1234"


@dataclass
class Planned:
    """One request of a plan."""

    request_id: str = "req-000042"
    streaming: bool = False
    part: int = 0
    line: int = 0
    prompt_tokens: int | None = None
    max_tokens: int | None = None


def requests(model: str = "m", **load: Any) -> RequestWriter:
    """Return the requests of a load."""
    return RequestWriter(TOKEN, Load(rate=1, **load).parts, model)


@given(st.text(), st.booleans(), st.integers(1, 300), st.none() | st.integers(1, 100))
def test_a_body_is_the_request_it_names(
    model: str, streaming: bool, prompt_tokens: int, max_tokens: int | None
) -> None:
    """Bodies are JSON with the model asked for, the marker last in the prompt, and a length about as planned."""
    made = requests(prompt_tokens=prompt_tokens, max_tokens=max_tokens)
    raw = made.body(Planned(streaming=streaming), model=model)
    body = json.loads(raw)
    content = body["messages"][0]["content"]
    assert find_request(raw) == Marker("req-000042", TOKEN)
    assert content.endswith("[[req-000042 abcd1234]]")
    assert abs(len(content.split()) - max(3, prompt_tokens)) <= 14
    assert (body["model"], body.get("max_tokens"), body.get("stream", False)) == (model or "m", max_tokens, streaming)
    assert ("stream_options" in body) == streaming


@pytest.mark.parametrize("streaming", [False, True])
def test_bodies_differ_by_their_marker_alone(streaming: bool) -> None:
    """The same prompt goes out each time, so that no request is harder than another."""
    made = requests()
    one, two = (made.body(Planned(name, streaming)) for name in ("req-000001", "req-000002"))
    assert one.replace(b"req-000001", b"req-000002") == two


@given(st.text(min_size=1), st.booleans())
def test_a_prompt_of_ones_own_names_its_request(text: str, streaming: bool) -> None:
    """Whatever it holds, markers of other requests and JSON's own signs included."""
    for own in (text, f"{text}[[req-000001 {TOKEN}]]", "\0", "\\u0000", '"}]}', "[[req-000001 efgh5678]]", "<marker>>"):
        made = requests(prompt=own)
        raw = made.body(Planned(streaming=streaming))
        assert find_request(raw) == Marker("req-000042", TOKEN)
        assert json.loads(raw) == made.request(Planned(streaming=streaming))
        assert json.loads(raw)["messages"][0]["content"] == f"{own} [[req-000042 {TOKEN}]]"


def mixed(*parts: dict[str, Any], **more: Any) -> RequestWriter:
    """Return the requests of a mix of equal shares."""
    mix = tuple({"share": 1 / len(parts), **part} for part in parts)
    return RequestWriter(TOKEN, tuple(_part(**part) for part in mix), "m", **more)


def _part(**fields: Any) -> MixPart:
    return MixPart(**fields).filled(streaming=0.0, prompt=None, prompt_tokens=20, max_tokens=7)


def test_each_text_of_a_batch_names_its_request() -> None:
    """A gateway may ask for each of them alone."""
    body = mixed({"kind": "embeddings", "inputs": 3}).request(Planned())
    assert len(body["input"]) == 3
    assert all(text.endswith(f"[[req-000042 {TOKEN}]]") for text in body["input"])
    assert body.keys() == {"input", "model"}


@pytest.mark.parametrize(
    ("kind", "limit", "prompt"),
    [
        ("responses", "max_output_tokens", "input"),
        ("messages", "max_tokens", "messages"),
        ("chat", "max_tokens", "messages"),
    ],
)
def test_each_form_has_its_own_words(kind: str, limit: str, prompt: str) -> None:
    """The limit and the prompt stand where the form has them."""
    body = mixed({"kind": kind}).request(Planned(streaming=True))
    assert (body[limit], body["stream"]) == (7, True)
    assert f"[[req-000042 {TOKEN}]]" in json.dumps(body[prompt])


def test_a_prompt_of_a_file_is_sent_and_never_kept(tmp_path: Path) -> None:
    """Its hash and length are all that a record has."""
    path = tmp_path / "prompts.jsonl"
    path.write_bytes(b'\xef\xbb\xbf"one"\n\n{"prompt": "tw\xc3\xb6"}\n')
    file = prompt_file(path)
    made = mixed({"prompts": "prompts.jsonl"}, prompts=(file,))
    second = Planned(line=1)
    assert made.request(second)["messages"][0]["content"] == f"twö [[req-000042 {TOKEN}]]"
    facts = made.facts(second)
    assert facts is not None
    assert facts.chars == 3
    path.write_text('"other"')
    with pytest.raises(UsageError, match="have changed"):
        mixed({"prompts": "prompts.jsonl"}, prompts=(file,))


def test_a_conversation_goes_on_with_the_results_of_its_calls() -> None:
    """Each call gets its result, by its id, and the marker of the new turn comes last."""
    made = mixed({"kind": "conversation"})
    first, second = Planned("req-000001"), Planned("req-000002")
    request = made.request(first)
    assert len(request["tools"]) == 2
    calls = (ToolCall("get_weather", "{}", "call_a"), ToolCall("search_docs", "{}", "call_b"))
    earlier = continued(made, request, Reading(outcome="ok", calls=calls), second)
    raw = made.body(second, earlier=earlier)
    question, answer, *results = json.loads(raw)["messages"]
    assert question == request["messages"][0]
    assert [call["id"] for call in answer["tool_calls"]] == ["call_a", "call_b"]
    assert [(each["role"], each["tool_call_id"]) for each in results] == [("tool", "call_a"), ("tool", "call_b")]
    assert find_request(raw) == Marker("req-000002", TOKEN)
    text = Reading(outcome="ok", content="done")
    third = made.request(Planned("req-000003"), earlier=continued(made, json.loads(raw), text, Planned("req-000003")))
    assert [message["role"] for message in third["messages"]] == [
        "user",
        "assistant",
        "tool",
        "tool",
        "assistant",
        "user",
    ]
