"""Vertex AI's own: the vendor and the model in the address, Google's errors, and three formats of answers."""

from __future__ import annotations

import json

import pytest

from harness.provider.answer import Call, Delay, Refusal
from harness.provider.dialects import DIALECTS
from harness.provider.limit import Level, Quota
from harness.provider.respond import parse, respond
from harness.quantities import S
from tests.provider.exchange import (
    ATTEMPT,
    PRESETS,
    VERTEX,
    body,
    head,
    headers,
    message_of,
    provider,
    refuse,
    said,
    sent,
    split,
    text_of,
)

VERTEX_AI = DIALECTS["vertex_ai"]
CLAUDE = "claude-sonnet-4@20250514"
CHAT = "/v1/projects/p/locations/l/endpoints/openapi/chat/completions"


@pytest.mark.parametrize(
    ("path", "api", "streaming"),
    [
        (f"{VERTEX}/google/models/m:generateContent", "", False),
        (f"{VERTEX}/google/models/m:streamGenerateContent?alt=sse", "", True),
        (f"{VERTEX}/anthropic/models/m:rawPredict", "anthropic", False),
        (f"{VERTEX}/anthropic/models/m:streamRawPredict", "anthropic", True),
        (f"{VERTEX}/mistralai/models/m:rawPredict", "openai", False),
        (f"{VERTEX}/mistralai/models/m:streamRawPredict", "openai", True),
    ],
)
def test_the_address_decides(path: str, api: str, streaming: bool) -> None:
    """Whose format a call has, which model is asked, and whether it streams."""
    call = parse(provider("vertex_ai"), "POST", path, body("vertex_ai" if not api else "vertex_ai-claude"))
    assert (call.problem, call.api, call.model, call.streaming) == (None, api, "m", streaming)


@pytest.mark.parametrize("model", [CLAUDE, "gemini-3.1-pro-preview"])
@pytest.mark.parametrize("streaming", [False, True])
def test_a_request_goes_to_the_address_of_its_vendor(model: str, streaming: bool) -> None:
    """A model of Anthropic's is named there alone, and the body names the version of the API."""
    written = VERTEX_AI.request(model, {"messages": [{"role": "user", "content": "hi"}], "stream": streaming})
    call = VERTEX_AI.parse("POST", written.path, json.dumps(written.body).encode())
    assert (call.model, call.streaming) == (model, streaming)
    assert call.api == ("anthropic" if model == CLAUDE else "")
    assert ("anthropic_version" in written.body) == (model == CLAUDE)
    assert "model" not in written.body


@pytest.mark.parametrize("streaming", [False, True])
def test_other_vendors_are_asked_in_openais_format(streaming: bool) -> None:
    """At one address for all of them; answers are read in both directions, and errors are Google's."""
    spec = provider("vertex_ai", tokens=3)
    raw = body("openai", model="meta/llama-4", stream=streaming)
    call = parse(spec, "POST", CHAT, raw)
    assert (call.model, call.api, call.streaming) == ("meta/llama-4", "openai", streaming)
    answer = respond(spec, call, ATTEMPT)
    if streaming:
        events = split(sent(answer))
        assert "".join(VERTEX_AI.read_event(event).text for event in events) == answer.text
        assert VERTEX_AI.read_event(events[-1]).part == "done"
    else:
        assert text_of("openai", said(answer)) == answer.text == VERTEX_AI.read_body(200, sent(answer)).text
    failed = VERTEX_AI.fail(Refusal(call, ATTEMPT, problem="rate_limit"))
    assert failed.error_code == "RESOURCE_EXHAUSTED"


def test_a_used_up_resource_names_no_delay() -> None:
    """Unless the scenario asks for one, which stands in the details."""
    error = said(refuse("vertex_ai", "rate_limit"))["error"]
    assert error == {
        "code": 429,
        "message": "Resource exhausted, please try again later.",
        "status": "RESOURCE_EXHAUSTED",
    }
    details = said(refuse("vertex_ai", "rate_limit", delay=Delay(7 * S)))["error"]["details"]
    assert [item.get("retryDelay") for item in details] == ["7s"]


def test_its_refusals_are_google_clouds() -> None:
    """A token that is not valid, a project without a quota, a model that the project does not have."""
    assert head(refuse("vertex_ai", "auth")).status == 401
    assert refuse("vertex_ai", "auth").error_code == "UNAUTHENTICATED"
    assert "quota project" in message_of(refuse("vertex_ai", "permission"))
    assert "publishers/google/models/gpt-4` was not found" in message_of(refuse("vertex_ai", "not_found"))


@pytest.mark.parametrize("problem", PRESETS)
def test_anthropics_models_fail_as_anthropic_does(problem: str) -> None:
    """Plain and in a stream; the code is read back."""
    refusal = Refusal(Call(model="m", api="anthropic"), ATTEMPT, problem=problem)  # type: ignore[arg-type]
    answer, anthropics = VERTEX_AI.fail(refusal), DIALECTS["anthropic"].fail(refusal)
    assert answer == anthropics
    assert VERTEX_AI.read_body(head(answer).status, sent(answer)).error_code == answer.error_code
    error = VERTEX_AI.read_error(VERTEX_AI.error_event(refusal))
    assert error is not None
    assert error.error_code == answer.error_code


def test_a_keepalive_is_an_event_of_both_formats() -> None:
    """Anthropic's clients pass it over, Google's read a piece without text."""
    assert VERTEX_AI.keepalive.startswith(b"data: ")  # Google's SDK refuses an answer with a line that names an event
    for dialect in (DIALECTS["anthropic"], DIALECTS["gemini"]):
        assert (dialect.read_event(VERTEX_AI.keepalive).text, dialect.read_event(VERTEX_AI.keepalive).part) == ("", "")


def test_limits_are_sent_in_errors_alone() -> None:
    """No header has what is left, and a token is sent as one."""
    assert VERTEX_AI.quota_headers(Quota(Level(1, 1, 1), Level(1, 1, 1)), 0) == ()
    assert VERTEX_AI.authorize("k") == ("authorization", "Bearer k")
    assert "retry-after" not in headers(refuse("vertex_ai", "rate_limit"))


@pytest.mark.parametrize(
    ("written", "model", "path"),
    [
        ("gemini-2.5-pro", "gemini-2.5-pro", "/publishers/google/models/gemini-2.5-pro"),
        ("gemini/123", "123", "/publishers/google/models/123"),
        (CLAUDE, CLAUDE, f"/publishers/anthropic/models/{CLAUDE}"),
        ("mistral-large@2407", "mistral-large@2407", "/publishers/mistralai/models/mistral-large@2407"),
        ("meta/llama-4", "meta/llama-4", ""),
        ("*", "*", ""),
    ],
)
def test_litellm_gets_an_address_with_the_model(written: str, model: str, path: str) -> None:
    """Older versions append the method alone. To the address of OpenAI's format they append the rest."""
    names = VERTEX_AI.litellm
    assert names is not None
    assert names.model_path is not None
    assert names.model(written) == model
    assert names.model_path(model) == (f"/v1/projects/harness/locations/global{path}" if path else "")
