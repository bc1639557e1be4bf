import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.caller.prompt import Prompt
from harness.provider.marker import Marker, find_request
from harness.scenario.schema import Load

TOKEN = "abcd1234"


@given(st.text(), st.booleans(), st.integers(1, 300), st.none() | st.integers(1, 100))
def test_a_body_is_the_request_it_names(
    model: str, streaming: bool, prompt_tokens: int, max_tokens: int | None
) -> None:
    """Bodies are JSON with the model asked for, the marker last in the prompt, and a length about as planned."""
    prompt = Prompt(TOKEN, Load(rate=1, prompt_tokens=prompt_tokens, max_tokens=max_tokens))
    raw = prompt.body("req-000042", model=model, streaming=streaming)
    body = json.loads(raw)
    content = body["messages"][0]["content"]
    assert find_request(raw) == Marker("req-000042", TOKEN)
    assert content.endswith("[[req-000042 abcd1234]]")
    assert abs(len(content.split()) - max(3, prompt_tokens)) <= 14
    assert (body["model"], body.get("max_tokens"), body.get("stream", False)) == (model, max_tokens, streaming)
    assert ("stream_options" in body) == streaming


@pytest.mark.parametrize("streaming", [False, True])
def test_bodies_differ_by_their_marker_alone(streaming: bool) -> None:
    """The same prompt goes out each time, so that no request is harder than another."""
    prompt = Prompt(TOKEN, Load(rate=1))
    one, two = (prompt.body(name, model="m", streaming=streaming) for name in ("req-000001", "req-000002"))
    assert one.replace(b"req-000001", b"req-000002") == two


@given(st.text(min_size=1), st.booleans())
def test_a_prompt_of_ones_own_names_its_request(text: str, streaming: bool) -> None:
    """Whatever it holds, markers of other requests and JSON's own signs included."""
    for own in (text, f"{text}[[req-000001 {TOKEN}]]", "\0", "\\u0000", '"}]}', "[[req-000001 efgh5678]]"):
        prompt = Prompt(TOKEN, Load(rate=1, prompt=own))
        raw = prompt.body("req-000042", model="m", streaming=streaming)
        assert find_request(raw) == Marker("req-000042", TOKEN)
        assert json.loads(raw) == prompt.request("req-000042", model="m", streaming=streaming)
        assert json.loads(raw)["messages"][0]["content"] == f"{own} [[req-000042 {TOKEN}]]"
