"""The chain of plain Python: OpenAI's SDK with its own retries, in its real process."""

from __future__ import annotations

import json

import httpx
import openai
import pytest

from harness.chain import Chain, Provider, Retry
from harness.chain.openai_sdk import sdk_settings
from harness.drivers.host import host
from harness.drivers.openai_sdk.fallback import explain
from harness.errors import UsageError
from tests.drivers.hosted import Hosted, events, text_of
from tests.drivers.providers import WORDS

TEXT = "".join(WORDS)
CHAIN = Chain(
    name="plain",
    driver="openai-sdk",
    providers={
        "openai": Provider(dialect="openai", model="gpt-4"),
        "azure": Provider(dialect="azure", model="gpt-4-eu"),
        "spare": Provider(dialect="openai", model="gpt-4"),
        "gone": Provider(dialect="openai", model="gpt-4"),
        "router": Provider(dialect="openrouter", model="openai/gpt-4"),
        "deep": Provider(dialect="deepseek", model="deepseek-chat"),
    },
    order=("openai", "azure", "spare"),
    retry=Retry(attempts=2),
    timeout=1_000_000_000,
)
PATHS = {
    "openai": "/v1/chat/completions",
    "azure": "/openai/deployments/gpt-4-eu/chat/completions",
    "router": "/api/v1/chat/completions",
    "deep": "/chat/completions",
}
system = pytest.mark.system


@system
@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("stream", [False, True])
def test_every_client_is_recorded(child: Hosted, request_id: str, name: str, stream: bool) -> None:
    """Plain and streamed attempts of every dialect's client pass the recorder, at the provider's own path."""
    answer = child.ask(request_id, model=name, stream=stream)

    assert answer.status_code == 200
    assert text_of(answer, stream=stream) == TEXT
    assert not stream or events(answer)[-1] == "[DONE]"
    (attempt,) = child.attempts(request_id, 1)
    assert (attempt.provider, attempt.outcome, attempt.status) == (name, "ok", 200)
    assert child.mocks[name].keys == [attempt.key]
    assert child.mocks[name].paths == [PATHS[name]]


@system
@pytest.mark.parametrize(
    ("act", "outcome", "times"),
    [("503", "status", 2), ("400", "status", 1), ("reset", "reset", 2), ("hang", "timeout", 2)],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_sdk_tries_again_then_the_next_client_serves(
    child: Hosted, request_id: str, act: str, outcome: str, times: int, stream: bool
) -> None:
    """`attempts: 2` is the SDK's `max_retries=1`, for what it tries again at all; any APIError goes on."""
    child.mocks["openai"].act = act

    assert child.ask(request_id, stream=stream).status_code == 200

    assert child.tried(request_id, times + 1) == [("openai", outcome)] * times + [("azure", "ok")]


@system
def test_retry_after_is_kept(child: Hosted, request_id: str) -> None:
    """The SDK's own waits are the ones measured: a second where Retry-After is one second."""
    child.mocks["openai"].act = "429"

    assert child.ask(request_id).status_code == 200

    first, second, third = child.attempts(request_id, 3)
    assert [row.status for row in (first, second, third)] == [429, 429, 200]
    assert first.end_ns is not None
    assert second.start_ns - first.end_ns >= 950_000_000  # told 1 s; a wait has no upper bound on a busy machine


@system
def test_a_stream_falls_back_only_before_its_first_chunk(child: Hosted, request_id: str) -> None:
    """An error event in the first place is an APIError that the loop catches; the caller gets the next one's stream."""
    child.mocks["openai"].act = "error-event"

    answer = child.ask(request_id, stream=True)

    assert (answer.status_code, events(answer)[-1]) == (200, "[DONE]")
    assert [name for name, _ in child.tried(request_id, 2)] == ["openai", "azure"]


@system
def test_a_stream_that_breaks_is_an_error_event(child: Hosted, request_id: str) -> None:
    """After the first chunk nobody falls back: the caller gets an error event and no [DONE]."""
    child.mocks["openai"].act = "cut"

    answer = child.ask(request_id, stream=True)

    assert answer.status_code == 200
    assert set(json.loads(events(answer)[-1])["error"]) == {"message", "type", "param", "code"}
    assert child.tried(request_id, 1) == [("openai", "cut")]


@system
@pytest.mark.parametrize(
    ("act", "stream", "status", "error"),
    [
        ("cut-first", True, 502, "RemoteProtocolError"),
        ("malformed", True, 500, "JSONDecodeError"),
        ("page", False, 500, "TypeError"),
    ],
)
def test_what_is_no_api_error_is_nobodys_to_catch(
    child: Hosted, request_id: str, act: str, stream: bool, status: int, error: str
) -> None:
    """The SDK lets such errors through, and a loop over APIErrors fails although the next provider is well."""
    child.mocks["openai"].act = act

    answer = child.ask(request_id, stream=stream)

    assert answer.status_code == status
    assert answer.json()["error"]["type"] == error
    assert [name for name, _ in child.tried(request_id, 1)] == ["openai"]


@system
@pytest.mark.parametrize("stream", [False, True])
def test_when_all_fail_the_caller_gets_the_last_error(child: Hosted, request_id: str, stream: bool) -> None:
    """Status and body are the last provider's own."""
    for name, act in {"openai": "400", "azure": "401", "spare": "404"}.items():
        child.mocks[name].act = act

    answer = child.ask(request_id, stream=stream)

    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "message": "scripted (hidden)",  # it repeats the key that it was given
        "type": "scripted",
        "param": None,
        "code": None,
    }
    assert [name for name, _ in child.tried(request_id, 3)] == ["openai", "azure", "spare"]


@system
def test_a_refused_connection_is_seen_here(child: Hosted, request_id: str) -> None:
    """The transport's recorder records what no edge can."""
    answer = child.ask(request_id, model="gone")

    assert (answer.status_code, answer.json()["error"]["type"]) == (502, "APIConnectionError")
    assert child.tried(request_id, 2) == [("gone", "refused")] * 2


@system
@pytest.mark.parametrize(("act", "stream"), [("hang", False), ("stall", True)])
def test_a_caller_who_leaves_ends_the_attempt(child: Hosted, request_id: str, act: str, stream: bool) -> None:
    """The host cancels the SDK's call, which closes the connection to the provider; nothing more is tried."""
    mock = child.mocks["openai"]
    mock.act = act
    assert child.left(request_id, "openai", stream=stream) == "client_left"
    assert len(mock.keys) == 1


@system
def test_an_unknown_model_is_not_found(child: Hosted, request_id: str) -> None:
    """The first provider's name is the whole chain, the others' names are that provider alone, any other name is unknown."""
    answer = child.ask(request_id, model="gpt-9")

    assert (answer.status_code, child.address.model) == (404, "openai")
    listed = child.client.get(f"{child.address.base_url}/models").json()["data"]
    assert [model["id"] for model in listed] == sorted(child.address.addressable)


def test_the_sdks_own_defaults_stay() -> None:
    """What a chain file leaves out is the SDK's: two retries, its own timeout."""
    settings = sdk_settings(Chain(name="c", driver="openai-sdk", providers=CHAIN.providers, order=CHAIN.order))

    assert (settings.max_retries, settings.timeout_s) == (2, None)


@pytest.mark.parametrize(
    ("dialect", "retry", "problem"),
    [
        ("anthropic", None, "does not speak anthropic"),
        ("gemini", None, "does not speak gemini"),
        ("openai", Retry(on=("rate_limit",)), "tries all kinds of failure again"),
    ],
)
def test_what_the_sdk_cannot_do_is_refused(dialect: str, retry: Retry | None, problem: str) -> None:
    """A chain that would not be the one tested is a usage error, before anything starts."""
    provider = Provider(dialect=dialect, model="m")  # type: ignore[arg-type]
    chain = Chain(name="c", driver="openai-sdk", providers={"one": provider}, order=("one",), retry=retry)

    with pytest.raises(UsageError, match=problem):
        host(chain)


@pytest.mark.parametrize("on", [("rate_limit", "server_error", "timeout", "connection"), None])
def test_all_kinds_are_what_the_sdk_does(on: tuple[str, ...] | None) -> None:
    """Naming all four kinds, or none, is the SDK's own behaviour."""
    retry = Retry(attempts=3, backoff="exponential", on=on)  # type: ignore[arg-type]
    chain = Chain(name="c", driver="openai-sdk", providers=CHAIN.providers, order=CHAIN.order, retry=retry)

    assert host(chain).part is not None
    assert sdk_settings(chain).max_retries == 2


def test_one_attempt_tries_nothing_again() -> None:
    """With a single attempt it does not matter which kinds would be tried again."""
    retry = Retry(attempts=1, on=("timeout",))

    assert (
        sdk_settings(
            Chain(name="c", driver="openai-sdk", providers=CHAIN.providers, order=CHAIN.order, retry=retry)
        ).max_retries
        == 0
    )


def test_no_answer_holds_a_secret() -> None:
    """A provider that repeats a key does not make the host repeat it."""
    request = httpx.Request("POST", "http://mock")
    body = {"error": {"message": "bad key hunter2-hunter2", "details": ["Bearer abcdefgh"]}, "n": 1}
    error = openai.AuthenticationError("x", response=httpx.Response(401, json=body, request=request), body=None)

    status, payload = explain(frozenset({"hunter2-hunter2"}), error)

    assert status == 401
    assert payload == {"error": {"message": "bad key (hidden)", "details": ["(hidden)"]}, "n": 1}


@pytest.mark.parametrize(("name", "status"), [("ReadTimeout", 504), ("ReadError", 502), ("InvalidURL", 500)])
@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_errors_of_the_library_below_are_known_in_each_generation(library: str, name: str, status: int) -> None:
    """OpenAI's SDK 3 is built on httpx2, and its environment may lack httpx."""
    bases = {"ReadTimeout": "TimeoutException", "ReadError": "TransportError", "InvalidURL": "HTTPError"}
    base = type(bases[name], (Exception,), {"__module__": library})

    assert explain(frozenset(), type(name, (base,), {"__module__": library})("broken"))[0] == status
