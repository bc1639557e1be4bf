"""Ollama's own: lines of JSON, streams unless the caller says otherwise, and errors that are sentences."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from harness.provider.answer import Delay, ParsedBody, Refusal
from harness.provider.dialects import DIALECTS
from harness.provider.dialects.framing import LINES
from harness.provider.limit import Level, Quota
from harness.provider.respond import parse
from harness.quantities import MS, S
from tests.provider.exchange import ATTEMPT, CALL, WAYS, ask, head, headers, provider, refuse, said, sends, sent

NAMES = ("ollama", "ollama_chat")
OLLAMA = pytest.mark.parametrize("name", NAMES)
HI: dict[str, dict[str, Any]] = {
    "ollama": {"prompt": "x" * 40},
    "ollama_chat": {"messages": [{"role": "user", "content": "x" * 40, "images": []}]},
}


def call(name: str, **fields: Any) -> Any:
    """Return what is read of a call."""
    return parse(provider(name), "POST", WAYS[name], json.dumps({"model": "llama2:70b", **HI[name], **fields}).encode())


@OLLAMA
@pytest.mark.parametrize(("fields", "streaming"), [({}, True), ({"stream": None}, True), ({"stream": False}, False)])
def test_it_streams_unless_it_is_asked_not_to(name: str, fields: dict[str, Any], streaming: bool) -> None:
    """And a model's name has a colon."""
    read = call(name, **fields)
    assert (read.problem, read.model, read.streaming) == (None, "llama2:70b", streaming)


@OLLAMA
@pytest.mark.parametrize(("limit", "read"), [(3, 3), (-1, None), (-2, None), ("3", None), (None, None)])
def test_the_limit_is_among_the_options(name: str, limit: object, read: int | None) -> None:
    """Negative ones mean no limit."""
    assert call(name, options={"num_predict": limit}).max_tokens == read


def test_the_system_prompt_is_part_of_the_prompt() -> None:
    """It has a field of its own where the prompt is one text."""
    assert call("ollama", system="y" * 40).prompt_tokens == 20
    written = DIALECTS["ollama"].request("m", {"messages": [{"role": "system", "content": "y"}], "stream": False})
    assert written.body == {"model": "m", "stream": False, "prompt": "", "system": "y"}


@OLLAMA
def test_a_stream_is_lines_of_json(name: str) -> None:
    """The last one has the reason, the usage and the durations, and only that one is done."""
    answer = ask(name, {"tokens": 3, "ttft": 10 * MS, "tokens_per_second": 100}, stream=True)
    assert headers(answer)["content-type"].startswith("application/x-ndjson")
    *tokens, last = [json.loads(line) for line in sent(answer).splitlines()]
    assert [event["done"] for event in tokens] == [False] * 3
    assert {event["model"] for event in (*tokens, last)} == {"gpt-4"}
    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert (last["prompt_eval_count"], last["eval_count"]) == (10, 3)
    assert (last["total_duration"], last["eval_duration"]) == (30 * MS, 20 * MS)
    assert all(LINES.is_event(send.data) for send in sends(answer))


@OLLAMA
def test_the_last_line_is_known_by_its_end_and_not_by_a_text(name: str) -> None:
    """A model may say the words itself: JSON escapes their quotes."""
    pattern = re.compile(rb"(?:^|\n)" + (DIALECTS[name].last_event or b""))
    assert pattern.search(b'{"response":"x","done":false}\n{"response":"","done":true}\n')
    assert not pattern.search(b'{"response":"{\\"done\\":true","done":false}\n')


@pytest.mark.parametrize(
    ("event", "text", "part", "finish"),
    [
        ({"response": "a", "done": False}, "a", "", None),
        ({"response": "", "thinking": "hm", "done": False}, "", "", None),
        ({"message": {"role": "assistant", "content": "a"}, "done": False}, "a", "", None),
        ({"message": {"content": "", "tool_calls": []}, "done": True, "done_reason": "length"}, "", "finish", "length"),
        ({"response": "", "done": True}, "", "finish", "stop"),
        ({"response": "a", "done": True, "done_reason": "stop"}, "a", "finish", "stop"),
    ],
)
def test_lines_as_real_servers_send_them(event: dict[str, Any], text: str, part: str, finish: str | None) -> None:
    """Thoughts are no text, and old servers give no reason."""
    line = json.dumps(event).encode() + b"\r\n"
    of = DIALECTS["ollama"]
    assert (of.read_event(line).text, of.read_event(line).part, of.read_finish(line)) == (text, part, finish)
    emptied = of.emptied(line)
    assert (of.read_event(emptied).text, of.read_event(emptied).part) == ("", part)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ('model "llama2:70b" not found, try pulling it first', "not_found"),
        ("model 'unauthorized' not found", "not_found"),
        ("server busy, please try again.  maximum pending requests exceeded", "server_busy"),
        ("llama runner process has terminated: exit status 2", None),
        ({"code": "x"}, None),
    ],
)
def test_an_error_is_known_by_words_of_its_message(message: object, code: str | None) -> None:
    """It has no code; words that are not known are none, and neither is a model's name."""
    body = json.dumps({"error": message}).encode()
    of = DIALECTS["ollama_chat"]
    assert of.read_body(500, body) == ParsedBody(error_code=code)
    assert of.read_error(body + b"\n") == ParsedBody(error_code=code)
    assert of.read_error(b'{"response":"an \\"error\\"","done":false}\n') is None


@OLLAMA
def test_errors_are_sentences(name: str) -> None:
    """Plain and in a stream, which says no status."""
    answer = refuse(name, "not_found")
    assert (head(answer).status, said(answer)) == (404, {"error": "model 'gpt-4' not found"})
    event = DIALECTS[name].error_event(Refusal(CALL, ATTEMPT, problem="overloaded"))
    assert event == b'{"error":"server busy, please try again.  maximum pending requests exceeded"}\n'
    assert headers(refuse(name, "rate_limit", delay=Delay(2 * S)))["retry-after"] == "2"


@OLLAMA
def test_nothing_is_sent_about_limits(name: str) -> None:
    """No header has what is left."""
    assert DIALECTS[name].quota_headers(Quota(Level(1, 1, 1), Level(1, 1, 1)), 0) == ()
