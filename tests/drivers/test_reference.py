"""The reference chain in its real process, on sockets."""

from __future__ import annotations

import json

import openai
import pytest

from harness.chain import Chain, Provider, Retry
from harness.chain.policy import BreakerSpec, FallbackWait, Policy
from harness.quantities import S
from tests.drivers.hosted import Hosted
from tests.drivers.providers import WORDS

TEXT = "".join(WORDS)
CHAIN = Chain(
    name="ours",
    driver="reference",
    providers={
        "openai": Provider(dialect="openai", model="gpt-4"),
        "anthropic": Provider(dialect="anthropic", model="claude"),
        "gemini": Provider(dialect="gemini", model="gemini-2.5-flash"),
        "azure": Provider(dialect="azure", model="gpt-4-eu"),
        "router": Provider(dialect="openrouter", model="openai/gpt-4"),
        "deep": Provider(dialect="deepseek", model="deepseek-chat"),
        "gone": Provider(dialect="openai", model="gpt-4"),
    },
    order=("openai", "anthropic", "gemini"),
    retry=Retry(attempts=1),
    timeout=S,
    policy=Policy(breaker=BreakerSpec(failures=1000), first_token=S, idle=S, fallback_wait=FallbackWait(max=0)),
)
PATHS = {
    "openai": "/v1/chat/completions",
    "anthropic": "/v1/messages",
    "azure": "/openai/deployments/gpt-4-eu/chat/completions",
    "router": "/api/v1/chat/completions",
    "deep": "/chat/completions",
}
pytestmark = pytest.mark.system


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("name", [name for name in CHAIN.providers if name != "gone"])
def test_every_dialect_answers(child: Hosted, request_id: str, name: str, stream: bool) -> None:
    """At its own address, with its own key header, and the official client reads the answer."""
    client = openai.OpenAI(base_url=child.address.base_url, api_key="none", max_retries=0, http_client=child.client)
    body = child.body(request_id, model=name, stream=stream)

    answer = client.chat.completions.create(**body)

    if stream:
        assert "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices) == TEXT
    else:
        assert answer.choices[0].message.content == TEXT
        assert answer.usage.total_tokens == 8
    assert child.mocks[name].paths[-1] == PATHS.get(name, child.mocks[name].paths[-1])
    assert child.mocks[name].credentials[-1] in ("Bearer sk-no-key", "sk-no-key")
    assert [row.outcome for row in child.attempts(request_id, 1)] == ["ok"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    ("act", "outcome", "failure"),
    [
        ("503", "status", "server_error"),
        ("429", "status", "rate_limit"),
        ("401", "status", "denied"),
        ("reset", "reset", "connection"),
        ("hang", "timeout", "timeout"),
        ("page", "malformed", "server_error"),
    ],
)
def test_who_fails_is_followed_by_the_next(
    child: Hosted, request_id: str, act: str, outcome: str, failure: str, stream: bool
) -> None:
    """The answer has who served, how deep, and what each provider answered; the records have how each exchange ended."""
    child.mocks["openai"].act = act

    answer = child.ask(request_id, stream=stream)

    assert answer.status_code == 200
    last = json.loads(answer.text.split("data: ")[-2] if stream else answer.text)
    assert (last["chain"]["served_by"], last["chain"]["depth"], last["chain"]["attempts"]) == ("anthropic", 1, 2)
    assert [(each["provider"], each["failure"]) for each in last["chain"]["tried"]] == [
        ("openai", failure),
        ("anthropic", None),
    ]
    assert [row.outcome for row in child.attempts(request_id, 2)] == [outcome, "ok"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_the_headers_tell_an_official_client_who_served(child: Hosted, request_id: str, stream: bool) -> None:
    """Without a look at the body: who, how deep, after whom; and of a whole answer what it cost."""
    child.mocks["openai"].act = "503"
    client = openai.OpenAI(base_url=child.address.base_url, api_key="none", max_retries=0, http_client=child.client)

    answer = client.chat.completions.with_raw_response.create(**child.body(request_id, stream=stream))

    told = {name: value for name, value in answer.headers.items() if name.startswith("x-chain-")}
    cost = {} if stream else {"x-chain-cost-usd": "0.000000"}
    assert told == {
        "x-chain-served-by": "anthropic",
        "x-chain-depth": "1",
        "x-chain-attempts": "2",
        "x-chain-tried": "openai;server_error, anthropic;ok",
        **cost,
    }
    assert answer.http_response.read()


@pytest.mark.parametrize(
    ("act", "outcome"),
    [("cut-first", "cut"), ("error-event", "malformed"), ("malformed", "malformed")],
)
def test_a_stream_that_breaks_before_its_first_token(child: Hosted, request_id: str, act: str, outcome: str) -> None:
    """The caller gets the next provider's answer alone."""
    child.mocks["openai"].act = act

    answer = child.ask(request_id, stream=True)

    assert answer.text.count("one ") == 1
    assert answer.text.rstrip().endswith("data: [DONE]")
    assert [row.outcome for row in child.attempts(request_id, 2)] == [outcome, "ok"]


@pytest.mark.parametrize(("act", "outcome"), [("cut", "cut"), ("stall", "timeout")])
def test_a_stream_that_breaks_after_its_first_token(child: Hosted, request_id: str, act: str, outcome: str) -> None:
    """The caller gets an error event and no [DONE], and nobody else is asked."""
    child.mocks["openai"].act = act

    answer = child.ask(request_id, stream=True)

    assert '"chain_exhausted"' in answer.text.split("data: ")[-1]
    assert "[DONE]" not in answer.text
    assert [row.outcome for row in child.attempts(request_id, 1)] == [outcome]
    assert child.mocks["anthropic"].keys.count(child.mocks["openai"].keys[-1]) == 0


def test_a_refused_connection_is_recorded_as_one(child: Hosted, request_id: str) -> None:
    """A request may bring its own order; nobody listens at its first provider."""
    answer = child.ask(request_id, chain={"order": ["gone", "azure"], "attempts": 2})

    told = answer.json()["chain"]
    assert (told["served_by"], told["depth"], told["order"]) == ("azure", 1, ["gone", "azure"])
    assert [row.outcome for row in child.attempts(request_id, told["attempts"])] == ["refused", "refused", "ok"]


def test_when_all_fail_everybody_is_named(child: Hosted, request_id: str) -> None:
    """Every provider and attempt, with the last one's status; no key is in it, though a provider quoted it."""
    for name in CHAIN.order:
        child.mocks[name].act = "503"

    answer = child.ask(request_id)

    assert answer.status_code == 503
    assert [each["provider"] for each in answer.json()["chain"]["tried"]] == list(CHAIN.order)
    assert all(f"{name}: server_error (503)" in answer.json()["error"]["message"] for name in CHAIN.order)


@pytest.mark.parametrize(
    "chain",
    [[], {"order": ["nobody"]}, {"order": "openai"}, {"order": ["openai", "openai"]}, {"attempts": 0}, {"tries": 3}],
)
def test_a_chain_of_its_own_that_makes_no_sense_is_refused(child: Hosted, request_id: str, chain: object) -> None:
    """The caller gets an error, and no provider is asked."""
    answer = child.ask(request_id, chain=chain)

    assert answer.status_code == 400
    assert "chain" in answer.json()["error"]["message"]
    assert child.attempts(request_id, 0) == []


def test_an_unknown_model_is_refused(child: Hosted, request_id: str) -> None:
    """The error lists the names that are known."""
    answer = child.ask(request_id, model="gpt-9")

    assert answer.status_code == 400
    assert "openai" in answer.json()["error"]["message"]


def test_a_caller_who_leaves_ends_the_attempt(child: Hosted, request_id: str) -> None:
    """The provider's connection is closed at once, and the record has the reason."""
    child.mocks["openai"].act = "hang"

    assert child.left(request_id, "openai") == "client_left"


def test_connections_are_kept(child: Hosted, request_id: str) -> None:
    """One after the other, calls to a provider go over the same connection, streamed ones too."""
    for place in range(6):
        assert child.ask(f"{request_id}", model="deep", stream=place % 2 == 1).status_code == 200

    assert len(set(child.mocks["deep"].peers[-6:])) == 1
