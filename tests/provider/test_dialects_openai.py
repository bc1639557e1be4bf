"""OpenAI's own: usage on request, rate-limit headers, and responses."""

import json

import pytest

from harness.provider.answer import Call, Delay, Refusal
from harness.provider.decide import Decision
from harness.provider.dialects import DIALECTS
from harness.provider.limit import Level, Quota
from harness.provider.respond import parse, respond
from harness.quantities import MS, S
from harness.scenario import Inject
from tests.plans import window
from tests.provider.exchange import (
    ATTEMPT,
    CALL,
    PRESETS,
    WAYS,
    ask,
    body,
    data_of,
    headers,
    provider,
    refuse,
    said,
    sends,
    sent,
    split,
)

OPENAI = DIALECTS["openai"]
ASKED = Call(model="gpt-4", streaming=True, api="responses")


def test_usage_is_reported_only_where_asked() -> None:
    """A stream's usage event goes out for `include_usage` alone; a plain answer always has one."""
    asked = sent(ask("openai", {"tokens": 4}, stream=True, stream_options={"include_usage": True})).decode()
    assert '"usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14,' in asked
    assert '"usage"' not in sent(ask("openai", {"tokens": 4}, stream=True)).decode()
    assert said(ask("openai", {"tokens": 4}))["usage"]["total_tokens"] == 14


def test_a_rate_limit_says_its_delay_twice_unless_told_how() -> None:
    """Header and message agree; a way that is asked for is the only one."""
    both = refuse("openai", "rate_limit", delay=Delay(1500 * MS))
    assert (headers(both)["retry-after"], headers(both)["retry-after-ms"]) == ("2", "1500")
    assert said(both)["error"]["message"].endswith("Please try again in 1.5s.")
    assert "try again" not in said(refuse("openai", "rate_limit", delay=Delay(S, "seconds")))["error"]["message"]
    assert "again in" not in said(refuse("openai", "unavailable", delay=Delay(S)))["error"]["message"]


def test_limits_are_sent_in_openais_headers() -> None:
    """How many, how many are left, how long until all are back; none for a limit that there is not."""
    quota = Quota(Level(60, 59, S), Level(10_000, 0, 360 * S))
    assert dict(OPENAI.quota_headers(quota, 0)) == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-limit-tokens": "10000",
        "x-ratelimit-remaining-tokens": "0",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert OPENAI.quota_headers(Quota(tokens=Level(9, 1, 120 * MS)), 0)[2] == ("x-ratelimit-reset-tokens", "120ms")
    assert OPENAI.quota_headers(Quota(), 0) == ()


def test_responses_takes_text_or_messages() -> None:
    """Both shapes of `input` are counted, instructions too; a chat's `max_tokens` means nothing here."""
    spec = provider("responses")
    parts = [{"role": "user", "content": [{"type": "input_text", "text": "y" * 40}]}]
    for asked in ("y" * 40, [{"role": "user", "content": "y" * 40}], parts):
        call = parse(spec, "POST", "/v1/responses", body("responses", max_tokens=5, input=asked, instructions="z" * 40))
        assert (call.api, call.prompt_tokens, call.max_tokens) == ("responses", 20, 5)
    assert (
        parse(spec, "POST", "/v1/responses", body("responses", max_output_tokens=None, max_tokens=None)).max_tokens
        is None
    )
    assert parse(spec, "POST", "/v1/responses", b'{"model": "m", "messages": []}').problem == "invalid_request"


@pytest.mark.parametrize(("limit", "end"), [(None, "completed"), (2, "incomplete")])
def test_a_responses_stream_has_every_stage(limit: int | None, end: str) -> None:
    """The events come in OpenAI's order, numbered without gaps, and the last repeats the whole text."""
    answer = ask("responses", {"tokens": 3}, stream=True, max_tokens=limit)
    events = split(sent(answer))
    data = list(data_of(events))
    tokens = answer.tokens_out or 0
    assert [event["type"] for event in data] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * tokens,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        f"response.{end}",
    ]
    assert [event["sequence_number"] for event in data] == list(range(len(data)))
    assert [event.split(b"\n")[0] for event in events] == [f"event: {event['type']}".encode() for event in data]
    last = data[-1]["response"]
    assert last["status"] == end
    assert last["output"][0]["content"][0]["text"] == answer.text
    assert last["usage"]["output_tokens"] == tokens
    assert last["id"] == data[0]["response"]["id"]


def test_a_response_that_fails_in_its_stream_names_itself() -> None:
    """The error comes first, then the response it leaves, under the id that the stream began with."""
    begun = next(data_of(split(sent(ask("responses", stream=True)))))
    for problem in PRESETS:
        error, failed = data_of(split(OPENAI.error_event(Refusal(ASKED, ATTEMPT, problem=problem))))
        words = OPENAI.fail(Refusal(CALL, ATTEMPT, problem=problem))
        assert (error["type"], error["code"]) == ("error", words.error_code)
        assert failed["type"] == "response.failed"
        assert failed["response"]["status"] == "failed"
        assert failed["response"]["id"] == begun["response"]["id"]
        assert failed["response"]["error"]["message"] == error["message"]
    _, limited = data_of(split(OPENAI.error_event(Refusal(ASKED, ATTEMPT, problem="rate_limit"))))
    assert limited["response"]["error"]["code"] == "rate_limit_exceeded"


def test_a_filtered_response_is_incomplete_and_tells_no_text() -> None:
    """The closing events repeat the text elsewhere; here the filter kept it back."""
    closing = [OPENAI.filtered(send.data) for send in sends(ask("responses", stream=True)) if send.part == "finish"]
    last = list(data_of(closing))[-1]
    assert closing[-1].startswith(b"event: response.incomplete\n")
    assert last["response"]["incomplete_details"] == {"reason": "content_filter"}
    assert last["response"]["output"][0]["status"] == "incomplete"
    assert b"<<" not in b"".join(closing)


def test_an_empty_response_tells_no_text_anywhere() -> None:
    """The fault leaves the tokens out, and the closing events, which repeat them, have nothing to repeat."""
    fault = window(Inject(stream="empty"))
    spec = provider("responses")
    call = parse(spec, "POST", WAYS["responses"], body("responses", stream=True))
    answer = respond(spec, call, ATTEMPT, Decision({"body": fault}))
    assert b"<<" not in sent(answer)
    assert list(data_of(split(sent(answer))))[-1]["response"]["output"][0]["content"][0]["text"] == ""
    assert answer.fault_id == "fault-1"


def test_errors_are_the_same_for_both_ways_to_ask() -> None:
    """A call that is refused gets OpenAI's usual error."""
    raw = json.dumps({"model": "gpt-4"}).encode()
    call = parse(provider("responses"), "POST", WAYS["responses"], raw)
    assert call.problem == "invalid_request"
    assert OPENAI.fail(Refusal(call, ATTEMPT, problem="auth")) == OPENAI.fail(Refusal(CALL, ATTEMPT, problem="auth"))
