"""In which words providers fail."""

import json
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.provider.answer import Delay, Refusal
from harness.provider.dialects import DIALECTS
from harness.provider.dialects.delays import read, spelled
from harness.provider.inject import ErrorPreset
from harness.quantities import MS, S
from scripts import declarations
from tests.provider.exchange import ATTEMPT, CALL, PRESETS, REQUEST_IDS, head, headers, message_of, refuse, said, sent

WALL_NS = 1_790_000_000 * S + 123_456_789
LIKE_OPENAI = ("openai", "azure", "deepseek")


@pytest.mark.parametrize("dialect", DIALECTS.own)
@pytest.mark.parametrize("problem", PRESETS)
def test_every_preset_has_the_providers_own_body(dialect: str, problem: ErrorPreset) -> None:
    """Each preset gives that provider's error shape, a code on record that is in the body, and a request id."""
    answer = refuse(dialect, problem)
    data: Any = said(answer)
    error = data["error"] if dialect not in ("bedrock", "cohere") else data
    if dialect.startswith("ollama"):
        error = {"message": error}
    told = headers(answer)
    assert not {"retry-after", "retry-after-ms"} & set(told)
    assert answer.retry_after_ns is None
    assert answer.text is None
    assert told["content-length"] == str(len(sent(answer)))
    assert error["message"]
    assert "{" not in error["message"]
    if dialect == "anthropic":
        assert set(data) == {"type", "error", "request_id"}
        assert answer.error_code == (error["details"] or {}).get("error_code", error["type"])
        assert told["request-id"] == data["request_id"]
    elif dialect in ("gemini", "vertex_ai"):
        assert set(error) - {"details"} == {"code", "message", "status"}
        assert (error["code"], error["status"]) == (head(answer).status, answer.error_code)
    elif dialect == "bedrock":
        assert set(data) == {"message"}
        assert told["x-amzn-errortype"].partition(":")[0] == answer.error_code
    elif dialect == "cohere":
        assert set(data) == {"id", "message"}
        assert answer.error_code is None
    elif dialect.startswith("ollama"):
        assert set(data) == {"error"}
        assert str(answer.error_code).replace("_", " ") in error["message"].lower()
    elif dialect == "openrouter":
        assert set(error) - {"metadata"} == {"code", "message"}
        assert str(error["code"]) == answer.error_code == str(head(answer).status)
    else:
        assert set(error) >= {"message", "type", "param", "code"}
        assert answer.error_code == (error["code"] or error["type"])
    assert REQUEST_IDS & set(told) or dialect.startswith("ollama")


@pytest.mark.parametrize("dialect", DIALECTS.own)
def test_every_status_has_a_usual_body(dialect: str) -> None:
    """Any status from 400 to 599 is answered with a body of the provider's shape."""
    for status in range(400, 600):
        answer = refuse(dialect, status=status)
        assert head(answer).status == status
        assert message_of(answer)


@pytest.mark.parametrize(
    ("dialect", "status", "problem", "code"),
    [
        ("openai", 429, None, "rate_limit_exceeded"),
        ("openai", 429, "quota", "insufficient_quota"),
        ("openai", 500, None, "server_error"),
        ("openai", 503, None, "server_is_overloaded"),
        ("openai", 400, "context_length", "context_length_exceeded"),
        ("openai", 400, "content_filter", "content_policy_violation"),
        ("openai", 401, None, "invalid_api_key"),
        ("azure", 429, None, "429"),
        ("azure", 429, "quota", "insufficient_quota"),
        ("azure", 400, "content_filter", "content_filter"),
        ("azure", 404, None, "DeploymentNotFound"),
        ("anthropic", 429, None, "rate_limit_error"),
        ("anthropic", 429, "spend_limit", "enforced_spend_limit_reached"),
        ("anthropic", 402, None, "billing_error"),
        ("anthropic", 500, None, "api_error"),
        ("anthropic", 504, None, "timeout_error"),
        ("anthropic", 529, None, "overloaded_error"),
        ("anthropic", 413, None, "request_too_large"),
        ("gemini", 429, None, "RESOURCE_EXHAUSTED"),
        ("gemini", 401, None, "UNAUTHENTICATED"),
        ("gemini", 503, None, "UNAVAILABLE"),
        ("vertex_ai", 429, None, "RESOURCE_EXHAUSTED"),
        ("vertex_ai", 401, None, "UNAUTHENTICATED"),
        ("vertex_ai", 403, None, "PERMISSION_DENIED"),
        ("openrouter", 402, None, "402"),
        ("deepseek", 402, None, "invalid_request_error"),
        ("deepseek", 422, None, "invalid_request_error"),
        ("deepseek", 503, None, "service_unavailable_error"),
        ("bedrock", 400, None, "ValidationException"),
        ("bedrock", 400, "quota", "ServiceQuotaExceededException"),
        ("bedrock", 403, None, "AccessDeniedException"),
        ("bedrock", 403, "auth", "UnrecognizedClientException"),
        ("bedrock", 404, None, "ResourceNotFoundException"),
        ("bedrock", 408, None, "ModelTimeoutException"),
        ("bedrock", 424, None, "ModelErrorException"),
        ("bedrock", 429, None, "ThrottlingException"),
        ("bedrock", 429, "overloaded", "ModelNotReadyException"),
        ("bedrock", 500, None, "InternalServerException"),
        ("bedrock", 503, None, "ServiceUnavailableException"),
        ("ollama", 404, None, "not_found"),
        ("ollama", 503, "overloaded", "server_busy"),
        ("ollama_chat", 429, "quota", "usage_limit"),
    ],
)
def test_known_failures_have_their_known_codes(
    dialect: str, status: int, problem: ErrorPreset | None, code: str
) -> None:
    """The codes by which a chain distinguishes failures are the providers' own."""
    assert refuse(dialect, problem, status).error_code == code


@given(delay_ns=st.integers(0, 10 * 86400 * S), dialect=st.sampled_from(sorted(DIALECTS.own)))
@example(delay_ns=0, dialect="gemini")
@example(delay_ns=1, dialect="azure")
@pytest.mark.parametrize("told_as", [None, "seconds", "date", "ms", "body"])
def test_what_is_sent_is_what_is_on_record(
    told_as: Literal["seconds", "date", "ms", "body"] | None, delay_ns: int, dialect: str
) -> None:
    """However a delay is sent, the record is at least what was asked for, under a second more, and read from the answer."""
    answer = refuse(dialect, "rate_limit", delay=Delay(delay_ns, told_as, WALL_NS))
    told = headers(answer)
    recorded = answer.retry_after_ns
    assert recorded is not None
    assert delay_ns <= recorded < delay_ns + S
    if delay_ns % S == 0 and told_as != "date":
        assert recorded == delay_ns
    heard_ns = DIALECTS[dialect].read_body(429, sent(answer)).retry_after_ns
    if told_as == "body" or (told_as is None and dialect in ("gemini", "vertex_ai")):
        assert not {"retry-after", "retry-after-ms"} & set(told)
        assert heard_ns == recorded
    elif told_as == "ms":
        assert "retry-after" not in told
        assert int(told["retry-after-ms"]) * MS == recorded
        assert heard_ns is None
    elif told_as == "date":
        assert round(parsedate_to_datetime(told["retry-after"]).timestamp()) * S - WALL_NS == recorded
        assert heard_ns is None
    else:
        assert int(told["retry-after"]) * S >= recorded
        shortest = int(told["retry-after-ms"]) * MS if "retry-after-ms" in told else int(told["retry-after"]) * S
        assert shortest == recorded
        assert heard_ns is None or heard_ns >= recorded


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (1, "1ms"),
        (120 * MS, "120ms"),
        (S, "1s"),
        (1500 * MS, "1.5s"),
        (59_999 * MS + 1, "1m0s"),
        (360 * S, "6m0s"),
        (3600 * S, "1h0m0s"),
        (90_061 * S, "25h1m1s"),
    ],
)
def test_durations_are_spelled_as_openai_does(ns: int, text: str) -> None:
    """In whole milliseconds, rounded up, the larger units only where they are needed."""
    assert spelled(ns) == text


@given(ms=st.integers(0, 10**9))
def test_a_spelled_duration_reads_back(ms: int) -> None:
    """Nothing is lost on the way."""
    assert read(spelled(ms * MS)) == ms * MS


@pytest.mark.parametrize("words", ["", "2", "s", "2x", "-2s", "1.s", "2s ", "9" * 40 + "s"])
def test_what_is_no_duration_says_nothing(words: str) -> None:
    """Only durations are read as such."""
    assert read(words) is None


@pytest.mark.parametrize("dialect", DIALECTS.own)
@pytest.mark.parametrize("problem", PRESETS)
def test_an_error_in_a_stream_says_what_a_plain_one_would(dialect: str, problem: ErrorPreset) -> None:
    """The event carries the provider's own words for the problem, and no text."""
    event = DIALECTS[dialect].error_event(Refusal(CALL, ATTEMPT, problem=problem))
    send = DIALECTS[dialect].read_event(event)
    assert DIALECTS[dialect].framing.events(event) == [event]
    assert send.data == event
    assert send.text == ""
    assert json.dumps(message_of(refuse(dialect, problem))).encode() in event


def test_the_reference_names_the_codes_that_are_sent() -> None:
    """docs/reference/faults.md lists every preset with each provider's status and code; `make schema` writes it."""
    page = (declarations.PAGES / "faults.md").read_text()
    assert declarations.page(page) == page
    for preset in PRESETS:
        codes = [
            f"{head(answer).status}" + (f" `{answer.error_code}`" if answer.error_code else "")
            for answer in (refuse(dialect, preset) for dialect in DIALECTS.own)
        ]
        assert f"| `{preset}` | {' | '.join(codes)} |" in page
