"""The dialect `openai-compatible`: what is each vendor's own is written as it is read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.chain import Provider
from harness.provider.answer import Call, Delay, Refusal
from harness.provider.dialects import dialect_of, vendor_of
from harness.provider.dialects.vendors import VENDORS
from harness.provider.limit import Level, Quota
from harness.provider.respond import parse, respond
from harness.quantities import S
from tests.provider.exchange import ATTEMPT, CALL, PRESETS, body, head, headers, said, sends, sent

EVERY = pytest.mark.parametrize("vendor", [*VENDORS, "a-plain-one"])

WITHOUT_CODE = (("deepinfra", "overloaded"),)
"""What a vendor says in nothing but a message."""


def provider(vendor: str) -> Provider:
    """Return a provider of a vendor's."""
    return Provider(dialect="openai-compatible", vendor=vendor, model="m")


@EVERY
def test_a_call_is_read_at_the_vendors_own_path(vendor: str) -> None:
    """And at any other that ends alike: an `api_base` may be in the middle of one."""
    spoken = dialect_of(provider(vendor))
    written = spoken.request("m", {"messages": [{"role": "user", "content": "x" * 40}], "stream": True})
    for path in (written.path, "/any/where/chat/completions?x=1"):
        call = parse(provider(vendor), "POST", path, json.dumps(written.body).encode())
        assert (call.model, call.streaming, call.prompt_tokens, call.problem) == ("m", True, 10, None)
    assert written.path == f"{spoken.base_path}/chat/completions"
    assert parse(provider(vendor), "POST", "/v1/models", b"{}").problem == "unknown_path"
    assert vendor_of(provider(vendor)) == vendor


@EVERY
def test_an_answer_has_text_usage_and_an_end(vendor: str) -> None:
    """Plain and streamed, as its own dialect reads it."""
    spoken = dialect_of(provider(vendor))
    for stream in (False, True):
        answer = respond(
            provider(vendor),
            parse(provider(vendor), "POST", "/chat/completions", body("openai", stream=stream)),
            ATTEMPT,
        )
        if not stream:
            read = spoken.read_body(200, sent(answer))
            assert (read.text, read.tokens_in, read.tokens_out, read.finish) == (answer.text, 10, 20, "stop")
            assert spoken.is_answer(sent(answer))
            continue
        steps = [spoken.read_event(event) for step in sends(answer) for event in spoken.framing.events(step.data)]
        assert "".join(step.text for step in steps) == answer.text
        assert [step.part for step in steps if step.part][-1] == "done"
        assert not any(spoken.read_error(step.data) for step in steps)


@EVERY
@pytest.mark.parametrize("problem", PRESETS)
def test_an_error_is_read_as_it_was_written(vendor: str, problem: Any) -> None:
    """Its code and its delay, in a plain answer and in a stream."""
    spoken = dialect_of(provider(vendor))
    refusal = Refusal(CALL, ATTEMPT, problem=problem, delay=Delay(7 * S, "body"))
    answer = spoken.fail(refusal)
    read = spoken.read_body(head(answer).status, sent(answer))
    assert read.error_code == answer.error_code
    assert answer.error_code or (vendor, problem) in WITHOUT_CODE
    assert read.retry_after_ns == 7 * S
    assert not spoken.is_answer(sent(answer))
    event = spoken.read_error(spoken.error_event(Refusal(CALL, ATTEMPT, problem=problem)))
    assert event is not None
    assert event.error_code == answer.error_code


def test_each_vendors_errors_have_their_own_shape() -> None:
    """Under `error`, at the top, as a text beside a code, or in a list."""
    shapes = {
        vendor: said(dialect_of(provider(vendor)).fail(Refusal(Call(model="m"), ATTEMPT, problem="rate_limit")))
        for vendor in VENDORS
    }
    assert shapes["groq"]["error"]["code"] == "rate_limit_exceeded"
    assert (shapes["mistral"]["object"], shapes["mistral"]["code"]) == ("error", "1300")
    assert shapes["cerebras"]["type"] == "too_many_requests_error"
    assert shapes["mistral"]["raw_status_code"] == 429
    assert isinstance(shapes["xai"]["error"], str)
    assert shapes["cloudflare"]["errors"][0]["code"] == 3021
    assert set(shapes["groq"]["error"]) == {"message", "type", "code"}
    assert shapes["nvidia_nim"] == {"status": 429, "title": "Too Many Requests", "detail": "Too many requests."}
    assert shapes["databricks"]["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    assert set(shapes["sambanova"]) == {"error", "request_id"}


def test_a_code_of_several_words_is_read_as_one() -> None:
    """A sentence is no code elsewhere, as it may quote a key; xAI's code has a field of its own beside the text."""
    spoken = dialect_of(provider("xai"))
    body_ = b'{"code":"Client specified an invalid argument","error":"Incorrect API key provided: no-key."}'
    assert spoken.read_body(400, body_).error_code == "Client-specified-an-invalid-argument"


def test_unusual_statuses() -> None:
    """Each as its vendor documents it."""
    statuses = {
        (vendor, problem): head(dialect_of(provider(vendor)).fail(Refusal(CALL, ATTEMPT, problem=problem))).status
        for vendor, row in VENDORS.items()
        for problem in row.statuses
    }
    assert statuses["mistral", "overloaded"] == statuses["cerebras", "overloaded"] == 429
    assert statuses["xai", "auth"] == statuses["dashscope", "quota"] == 400
    assert statuses["together_ai", "context_length"] == 403
    assert (statuses["fireworks_ai", "quota"], statuses["fireworks_ai", "spend_limit"]) == (402, 412)
    assert statuses["sambanova", "overloaded"] == 504


def test_fireworks_models_have_an_account_before_their_name() -> None:
    """LiteLLM puts it there."""
    names = dialect_of(provider("fireworks_ai")).litellm
    assert names is not None
    assert names.model("llama-v3p1-8b") == "accounts/fireworks/models/llama-v3p1-8b"
    assert names.model("accounts/mine/models/m") == "accounts/mine/models/m"


def test_limits_are_in_each_vendors_headers() -> None:
    """Whose names and whose units for the reset differ; a plain vendor has none."""
    quota = Quota(requests=Level(limit=60, remaining=12, reset_ns=90 * S), tokens=None)
    found = {vendor: dict(dialect_of(provider(vendor)).quota_headers(quota, 0)) for vendor in [*VENDORS, "plain"]}
    assert found["groq"]["x-ratelimit-reset-requests"] == "1m30s"
    assert found["mistral"]["x-ratelimit-remaining-req-minute"] == "12"
    assert found["cerebras"]["x-ratelimit-reset-requests-day"] == "90.000"
    assert found["together_ai"]["x-ratelimit-reset"] == "90"
    assert found["sambanova"]["x-ratelimit-reset-requests"] == "90"
    assert found["plain"] == {}


def test_groq_says_how_a_request_was_served() -> None:
    """LiteLLM breaks on an answer of Groq's without `service_tier`."""
    call = parse(provider("groq"), "POST", "/openai/v1/chat/completions", body("openai"))
    answer = respond(provider("groq"), call, ATTEMPT)
    assert said(answer)["service_tier"] == "on_demand"
    assert headers(answer)["x-request-id"].startswith("req_")


def test_cloudflare_has_statuses_of_its_own() -> None:
    """Out of capacity is a 429, a prompt that is too long a 413, and the code is a number in a list."""
    spoken = dialect_of(provider("cloudflare"))
    answers = {
        problem: spoken.fail(Refusal(CALL, ATTEMPT, problem=problem))
        for problem in ("overloaded", "timeout", "context_length", "not_found", "rate_limit", "unknown_path")
    }
    assert {problem: (head(answer).status, answer.error_code) for problem, answer in answers.items()} == {
        "overloaded": (429, "3040"),
        "timeout": (408, "3007"),
        "context_length": (413, "5021"),
        "not_found": (400, "5007"),
        "rate_limit": (429, "3021"),
        "unknown_path": (400, "7000"),
    }


def test_a_row_names_its_source() -> None:
    """So that somebody can look it up again."""
    assert all(row.source.startswith("https://") for row in VENDORS.values())
