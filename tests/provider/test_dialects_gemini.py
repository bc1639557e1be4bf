"""Gemini's own: the model and stream in the address, and delays in the body."""

from typing import Any

import pytest

from harness.provider.answer import Delay, Refusal
from harness.provider.dialects import DIALECTS
from harness.provider.limit import Level, Quota
from harness.provider.respond import parse
from harness.quantities import MS, S
from tests.provider.exchange import (
    ATTEMPT,
    CALL,
    GEMINI,
    GEMINI_STREAM,
    ask,
    body,
    data_of,
    head,
    headers,
    provider,
    refuse,
    said,
    sent,
    split,
)

GEMINI_DIALECT = DIALECTS["gemini"]


def details(answer: Any) -> dict[str, Any]:
    """Return an error's details by the last word of their type."""
    return {item["@type"].rpartition(".")[2]: item for item in said(answer)["error"]["details"]}


def test_the_address_says_the_model_and_whether_to_stream() -> None:
    """The body has neither."""
    spec = provider("gemini")
    plain, stream = (parse(spec, "POST", path, body("gemini")) for path in (GEMINI, GEMINI_STREAM))
    assert (plain.model, plain.streaming) == ("gpt-4", False)
    assert (stream.model, stream.streaming) == ("gpt-4", True)
    assert parse(spec, "POST", "/v1beta/models/a%2Fb:generateContent", body("gemini")).model == "a/b"
    assert parse(spec, "POST", "/v1beta/models/%0A:generateContent", body("gemini")).problem == "invalid_request"


@pytest.mark.parametrize("key", ["systemInstruction", "system_instruction"])
@pytest.mark.parametrize("config", ["generationConfig", "generation_config"])
@pytest.mark.parametrize("limit", ["maxOutputTokens", "max_output_tokens"])
def test_both_spellings_of_a_call_are_understood(key: str, config: str, limit: str) -> None:
    """Google's own clients write one, LiteLLM the other."""
    fields = {key: {"parts": [{"text": "y" * 40}]}, config: {limit: 3}}
    call = parse(provider("gemini"), "POST", GEMINI, body("gemini", **fields))
    assert (call.prompt_tokens, call.max_tokens) == (20, 3)


def test_a_stream_ends_without_a_sign() -> None:
    """The last event has the reason and the usage; every event names model and answer."""
    events = list(data_of(split(sent(ask("gemini", {"tokens": 3}, stream=True)))))
    assert ["finishReason" in event["candidates"][0] for event in events] == [False, False, False, True]
    assert events[-1]["usageMetadata"] == {"promptTokenCount": 10, "candidatesTokenCount": 3, "totalTokenCount": 13}
    assert {(event["modelVersion"], event["responseId"]) for event in events} == {("gpt-4", events[0]["responseId"])}


@pytest.mark.parametrize(("ns", "delay"), [(46 * S, "46s"), (1500 * MS, "1.500s"), (1, "0.001s"), (0, "0s")])
def test_a_delay_stands_in_the_body(ns: int, delay: str) -> None:
    """In the details, as protobuf writes durations, and in no header."""
    answer = refuse("gemini", "rate_limit", delay=Delay(ns))
    assert details(answer)["RetryInfo"]["retryDelay"] == delay
    assert "retry-after" not in headers(answer)


def test_a_way_that_is_asked_for_is_the_only_one() -> None:
    """A header takes the place of the details."""
    answer = refuse("gemini", "rate_limit", delay=Delay(2 * S, "seconds"))
    assert headers(answer)["retry-after"] == "2"
    assert "RetryInfo" not in details(answer)
    assert "retry in" not in said(answer)["error"]["message"]


def test_a_used_up_limit_says_which() -> None:
    """By the minute or by the day, and of what model."""
    limits = {}
    for problem in ("rate_limit", "quota"):
        answer = GEMINI_DIALECT.fail(Refusal(CALL, ATTEMPT, problem=problem))  # type: ignore[arg-type]
        violation = details(answer)["QuotaFailure"]["violations"][0]
        assert violation["quotaDimensions"]["model"] == "gpt-4"
        limits[problem] = violation["quotaId"]
    assert "PerMinute" in limits["rate_limit"]
    assert "PerDay" in limits["quota"]


def test_a_wrong_key_is_a_400_with_its_reason() -> None:
    """Google calls it an invalid argument; a 401 that is asked for is called what it is."""
    answer = refuse("gemini", "auth")
    assert (head(answer).status, answer.error_code) == (400, "INVALID_ARGUMENT")
    assert details(answer)["ErrorInfo"]["reason"] == "API_KEY_INVALID"
    assert refuse("gemini", "auth", 401).error_code == "UNAUTHENTICATED"


def test_an_error_in_a_stream_begins_as_googles_sdk_expects() -> None:
    """It looks for `{"error":` at the beginning, and takes its number from there."""
    event = GEMINI_DIALECT.error_event(Refusal(CALL, ATTEMPT, problem="overloaded"))
    assert event.startswith(b'data: {"error":')
    assert next(data_of([event]))["error"]["code"] == 503


def test_limits_are_sent_in_errors_alone() -> None:
    """No header has what is left."""
    assert GEMINI_DIALECT.quota_headers(Quota(Level(1, 1, 1), Level(1, 1, 1)), 0) == ()


def test_the_key_has_a_header_of_its_own() -> None:
    """Not the usual one."""
    assert GEMINI_DIALECT.authorize("k") == ("x-goog-api-key", "k")
