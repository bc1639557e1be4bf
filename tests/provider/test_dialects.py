"""What providers say and in which words they fail."""

import hashlib
import json
import re
import typing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chain import Provider, ReplySpec
from harness.chain.spec import Dialect
from harness.provider.answer import Answer, Call, Delay
from harness.provider.dialects import DIALECTS
from harness.provider.marker import find_attempts
from harness.provider.reply import End, Head, Send, Wait
from harness.provider.respond import parse, respond
from harness.scenario.schema import ErrorPreset

ATTEMPT = "req-000001.openai.2"
CALL = Call(model="gpt-4")
PATHS = {
    "openai": "/v1/chat/completions",
    "azure": "/openai/deployments/gpt-4/chat/completions?api-version=2024-06-01",
    "anthropic": "/v1/messages",
}
PRESETS = typing.get_args(ErrorPreset)
MS = 10**6


def provider(dialect: str, **reply: Any) -> Provider:
    """Return a provider of a dialect."""
    return Provider(dialect=typing.cast("Dialect", dialect), model="gpt-4", reply=ReplySpec(**reply))


def body(**fields: Any) -> bytes:
    """Return a chat request of ten tokens."""
    return json.dumps({"model": "gpt-4", "messages": [{"role": "user", "content": "x" * 40}], **fields}).encode()


def ask(dialect: str, reply: dict[str, Any] | None = None, **fields: Any) -> Answer:
    """Return what a healthy provider answers."""
    spec = provider(dialect, **(reply or {}))
    return respond(spec, parse(spec, "POST", PATHS[dialect], body(**fields)), ATTEMPT)


def head(answer: Answer) -> Head:
    """Return the answer's head."""
    return next(step for step in answer.reply if isinstance(step, Head))


def sent(answer: Answer) -> bytes:
    """Return all bytes of the body."""
    return b"".join(step.data for step in answer.reply if isinstance(step, Send))


def waited_ns(answer: Answer) -> int:
    """Return how long the answer takes."""
    return sum(step.ns for step in answer.reply if isinstance(step, Wait))


def text_of(dialect: str, raw: bytes) -> str:
    """Return the text in a whole answer's body."""
    data = json.loads(raw)
    text = data["content"][0]["text"] if dialect == "anthropic" else data["choices"][0]["message"]["content"]
    return str(text)


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("stream", [False, True])
def test_the_text_sent_is_the_text_meant(dialect: str, stream: bool) -> None:
    """The pieces that the sends carry, the text on record and its hash are one and the same."""
    answer = ask(dialect, {"tokens": 7}, stream=stream)
    carried = "".join(step.text for step in answer.reply if isinstance(step, Send))
    assert carried == answer.text
    assert answer.text_sha256 == hashlib.sha256(carried.encode()).hexdigest()
    assert find_attempts(carried) == (ATTEMPT,)
    assert isinstance(answer.reply[-1], End)
    if not stream:
        assert text_of(dialect, sent(answer)) == carried
        assert ("content-length", str(len(sent(answer)))) in head(answer).headers


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_content_event_is_one_token(dialect: str) -> None:
    """A stream has as many sends with text as tokens, each of which is one event of the wire format."""
    answer = ask(dialect, {"tokens": 5}, stream=True)
    events = [step for step in answer.reply if isinstance(step, Send) and step.text]
    assert len(events) == answer.tokens_out == 5
    for event in events:
        assert event.data.count(b"data: ") == 1
        assert event.data.endswith(b"\n\n")
        assert event.text in event.data.decode()


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_event_of_a_stream_is_json(dialect: str) -> None:
    """All data lines parse, but for OpenAI's `[DONE]`."""
    lines = [line for line in sent(ask(dialect, stream=True)).decode().split("\n") if line.startswith("data: ")]
    parsed = [json.loads(line[6:]) for line in lines if line != "data: [DONE]"]
    assert len(lines) - len(parsed) == (0 if dialect == "anthropic" else 1)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_both_ways_of_answering_take_the_same_time(dialect: str) -> None:
    """A whole answer comes when a stream's last token would; nothing leaves before the first token."""
    reply = {"ttft": 300 * MS, "tokens": 9, "tokens_per_second": 80}
    plain, stream = ask(dialect, reply), ask(dialect, reply, stream=True)
    assert waited_ns(plain) == waited_ns(stream) == 300 * MS + 8 * 12_500_000
    assert plain.reply[0] == Wait(400 * MS)
    assert stream.reply[0] == Wait(300 * MS)
    assert isinstance(stream.reply[1], Head)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_without_a_speed_all_tokens_come_at_once(dialect: str) -> None:
    """`tokens_per_second: 0` leaves the first wait alone."""
    reply = {"ttft": 5 * MS, "tokens": 9, "tokens_per_second": 0}
    assert waited_ns(ask(dialect, reply)) == waited_ns(ask(dialect, reply, stream=True)) == 5 * MS


@pytest.mark.parametrize(
    ("dialect", "reason"), [("openai", "length"), ("azure", "length"), ("anthropic", "max_tokens")]
)
def test_an_answer_ends_at_the_callers_limit(dialect: str, reason: str) -> None:
    """`max_tokens` shortens the text, and the answer says so."""
    answer = ask(dialect, {"tokens": 9}, max_tokens=3)
    assert answer.tokens_out == 3
    assert f'"{reason}"' in sent(answer).decode()
    assert f'"{reason}"' not in sent(ask(dialect, {"tokens": 9}, max_tokens=9)).decode()


def test_openai_reports_usage_only_where_asked() -> None:
    """A stream's usage event goes out for `include_usage` alone; a plain answer always has one."""
    asked = sent(ask("openai", {"tokens": 4}, stream=True, stream_options={"include_usage": True})).decode()
    assert '"usage":{"prompt_tokens":10,"completion_tokens":4,"total_tokens":14}' in asked
    assert '"usage"' not in sent(ask("openai", {"tokens": 4}, stream=True)).decode()
    assert json.loads(sent(ask("openai", {"tokens": 4})))["usage"]["total_tokens"] == 14


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("problem", PRESETS)
def test_every_preset_has_the_providers_own_body(dialect: str, problem: ErrorPreset) -> None:
    """Each preset gives that provider's error shape, a code on record that stands in the body, and a request id."""
    answer = DIALECTS[dialect].fail(CALL, ATTEMPT, status=429, problem=problem)
    data = json.loads(sent(answer))
    names = {name for name, _ in head(answer).headers}
    assert head(answer).status == 429
    assert "retry-after" not in names
    assert "content-length" in names
    assert answer.text is None
    if dialect == "anthropic":
        assert set(data) == {"type", "error", "request_id"}
        details = data["error"]["details"] or {}
        assert answer.error_code == details.get("error_code", data["error"]["type"])
        assert ("request-id", data["request_id"]) in head(answer).headers
    else:
        assert set(data["error"]) >= {"message", "type", "param", "code"}
        assert answer.error_code == (data["error"]["code"] or data["error"]["type"])
        assert "x-request-id" in names
    assert answer.error_code


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_status_has_a_usual_body(dialect: str) -> None:
    """Any status from 400 to 599 is answered with a body of the provider's shape."""
    for status in range(400, 600):
        answer = DIALECTS[dialect].fail(CALL, ATTEMPT, status=status)
        assert head(answer).status == status
        assert "error" in json.loads(sent(answer))


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
    ],
)
def test_known_failures_have_their_known_codes(
    dialect: str, status: int, problem: ErrorPreset | None, code: str
) -> None:
    """The codes by which a chain tells failures apart are the providers' own."""
    assert DIALECTS[dialect].fail(CALL, ATTEMPT, status=status, problem=problem).error_code == code


@given(delay_ns=st.integers(0, 120 * 10**9), dialect=st.sampled_from(sorted(DIALECTS)))
def test_no_delay_is_told_shorter_than_recorded(delay_ns: int, dialect: str) -> None:
    """Every header that tells a delay tells at least the one that is on record."""
    answer = DIALECTS[dialect].fail(CALL, ATTEMPT, status=429, delay=Delay(delay_ns))
    headers = dict(head(answer).headers)
    assert answer.retry_after_ns is not None
    assert answer.retry_after_ns >= delay_ns
    assert int(headers["retry-after"]) * 10**9 >= answer.retry_after_ns
    if "retry-after-ms" in headers:
        assert int(headers["retry-after-ms"]) * 10**6 >= answer.retry_after_ns
    if delay_ns % 10**9 == 0:
        assert int(headers["retry-after"]) * 10**9 == answer.retry_after_ns == delay_ns


@pytest.mark.parametrize(
    ("dialect", "method", "path"),
    [
        ("openai", "POST", "/v1/messages"),
        ("openai", "GET", "/v1/chat/completions"),
        ("azure", "POST", "/v1/chat/completions"),
        ("azure", "POST", "/openai/deployments//chat/completions"),
        ("anthropic", "POST", "/v1/chat/completions"),
    ],
)
def test_an_unknown_address_is_the_providers_own_404(dialect: str, method: str, path: str) -> None:
    """A call that went to the wrong place is told so in that provider's words."""
    spec = provider(dialect)
    answer = respond(spec, parse(spec, method, path, body()), ATTEMPT)
    assert head(answer).status == 404
    assert json.loads(sent(answer))["error"]["message"]


@pytest.mark.parametrize("path", ["/chat/completions", "/v1/chat/completions?x=1"])
def test_openai_also_takes_the_address_without_its_version(path: str) -> None:
    """Clients whose base address ends at the host are served too."""
    assert parse(provider("openai"), "POST", path, body()).problem is None


def test_azure_takes_the_model_from_its_address() -> None:
    """The deployment stands for the model, escaped or not; the newer address leaves it to the body."""
    spec = provider("azure")
    path = "/openai/deployments/my%20gpt/chat/completions?api-version=1"
    assert parse(spec, "POST", path, body()).model == "my gpt"
    assert parse(spec, "POST", "/openai/v1/chat/completions", body()).model == "gpt-4"


@pytest.mark.parametrize("dialect", DIALECTS)
@given(garbage=st.binary(max_size=200))
def test_garbage_is_the_providers_own_400(dialect: str, garbage: bytes) -> None:
    """Bytes that are no chat request are refused, never a crash."""
    spec = provider(dialect)
    answer = respond(spec, parse(spec, "POST", PATHS[dialect], garbage), ATTEMPT)
    assert head(answer).status == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 200_000,
        b'{"model": "gpt-4", "messages": "hi"}',
        b'{"model": "gpt-4"}',
        json.dumps({"model": "x" * 300, "messages": []}).encode(),
        b'{"model": "\\ud800", "messages": []}',
        b"\xef\xbb\xbf{}",
    ],
)
def test_calls_that_cannot_be_meant_are_refused(raw: bytes) -> None:
    """Nesting without end, missing messages and names that no record could hold."""
    assert parse(provider("openai"), "POST", PATHS["openai"], raw).problem == "invalid_request"


@given(
    fields=st.dictionaries(
        st.sampled_from(["max_tokens", "max_completion_tokens", "stream", "stream_options", "system", "messages"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["content", "text", "include_usage"]), inner, max_size=3)
            ),
            max_leaves=8,
        ),
    )
)
def test_fields_of_any_shape_are_survived(fields: dict[str, Any]) -> None:
    """A field of the wrong type is refused or left out, never a crash."""
    spec = provider("anthropic")
    call = parse(spec, "POST", PATHS["anthropic"], json.dumps({"model": "m", "messages": [], **fields}).encode())
    answer = respond(spec, call, ATTEMPT)
    assert head(answer).status in (200, 400)


def test_prompts_are_counted_in_all_their_shapes() -> None:
    """Four characters are about a token, in a text, in parts and in a system prompt."""
    parts = [{"role": "user", "content": [{"type": "text", "text": "y" * 40}]}]
    assert ask("anthropic").tokens_in == 10
    assert ask("anthropic", messages=parts).tokens_in == 10
    assert ask("anthropic", messages=parts, system="z" * 40).tokens_in == 20


@given(name=st.text(min_size=1, max_size=200).filter(str.isprintable), stream=st.booleans())
def test_any_printable_model_name_is_echoed(name: str, stream: bool) -> None:
    """Names with quotes or signs of any script come back as they were."""
    raw = sent(ask("openai", model=name, stream=stream)).decode()
    event = raw if not stream else raw.split("\n")[0][6:]
    assert json.loads(event)["model"] == name


@given(number=st.integers(1, 10**6), tokens=st.integers(1, 300))
def test_the_same_attempt_says_the_same(number: int, tokens: int) -> None:
    """A provider has no memory and no dice: an attempt's answer follows from its name alone."""
    spec = provider("openai", tokens=tokens)
    call = Call(model="gpt-4", prompt_tokens=3)
    first, again = (respond(spec, call, f"req-{number:06d}.openai.1") for _ in range(2))
    other = respond(spec, call, f"req-{number:06d}.openai.2")
    assert first == again
    assert first.text_sha256 != other.text_sha256


def test_the_reference_names_the_codes_that_are_sent() -> None:
    """docs/reference/faults.md lists every preset with each provider's code."""
    page = (Path(__file__).parents[2] / "docs/reference/faults.md").read_text()
    table = {
        row[1]: row[2].split("|") for row in re.finditer(r"^\| `(\w+)` \| [^|]*\d[^|]*\|(.*)\|$", page, re.MULTILINE)
    }
    for preset in PRESETS:
        openai, azure, anthropic = (cell.strip(" `") for cell in table[preset])
        written = {"openai": openai, "azure": azure or openai, "anthropic": anthropic}
        sent_codes = {
            name: of.fail(CALL, ATTEMPT, problem=preset).error_code for name, of in DIALECTS.items()
        }
        assert written == sent_codes
