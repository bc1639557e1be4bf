"""What holds for every SDK."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from tests.provider.exchange import format_of

from .cases import CASES, DELAYS, LIMIT, PLAIN, SHORT, STREAMS, TOKENS, Case
from .clients import DIALECTS
from .litellm_outcomes import LITELLM_OUTCOMES
from .measure import Measured, fault_id
from .outcomes import OUTCOMES
from .through_litellm import COHERE, HEADERLESS, LITELLM

ALL = (*DIALECTS, *LITELLM)

OLLAMA = ("ollama", "ollama_chat", "litellm-ollama", "litellm-ollama_chat")

NO_DONE = (
    "responses",
    "gemini",
    "gemini-blocking",
    "bedrock",
    "litellm-bedrock",
    "vertex_ai",
    "litellm-vertex_ai",
    *COHERE,
    *OLLAMA,
)
"""Their streams have no sign that nothing follows, so there is nothing to leave out."""


@pytest.mark.parametrize("client", ALL)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_provider_met_the_sdk_and_its_fault(measured: Measured, client: str, case: Case) -> None:
    """Each call is one attempt, without hidden retries, and the edge's record names the fault that changed it."""
    attempts = measured[client, case.name].attempts
    again = client in LITELLM and case.name == "plain-reset"  # aiohttp sends once more what a reset has answered
    assert len(attempts) == case.times + again
    assert {attempt.streaming for attempt in attempts} == {case.streaming}
    assert {attempt.model for attempt in attempts} == {case.name}
    nothing = case.inject is None or (case.name == "stream-no-done" and client in NO_DONE)
    assert attempts[-1].fault_id == (None if nothing else fault_id(client, case))


@pytest.mark.parametrize("client", ALL)
@pytest.mark.parametrize("case", [*STREAMS, *PLAIN], ids=str)
def test_every_case_has_its_outcome(measured: Measured, client: str, case: Case) -> None:
    """How much of the text arrives, what is raised, and why the answer ended, for the SDK's caller."""
    assert measured[client, case.name].outcome == (OUTCOMES | LITELLM_OUTCOMES)[client][case.name]


@pytest.mark.parametrize("client", [client for client in ALL if client not in (*HEADERLESS, "ollama", "ollama_chat")])
def test_a_delay_that_is_to_be_in_a_header_is_there(measured: Measured, client: str) -> None:
    """Each SDK's error gives its caller the headers."""
    headers = {case.name: measured[client, case.name].headers for case in DELAYS}
    assert headers["plain-told-seconds"]["retry-after"] == "7"
    assert headers["plain-told-ms"]["retry-after-ms"] == "7000"
    assert parsedate_to_datetime(headers["plain-told-date"]["retry-after"]).tzinfo is not None


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("name", ["stream-fine", "plain-fine"])
def test_an_answer_says_it_all(measured: Measured, client: str, name: str) -> None:
    """Text, model, usage and the call's name reach the SDK's caller, and in a stream each token by itself."""
    heard = measured[client, name]
    (attempt,) = heard.attempts
    assert heard.text == heard.whole
    assert heard.pieces in {0, TOKENS}
    assert (heard.pieces == TOKENS) == (name == "stream-fine")
    assert heard.model == (None if client.startswith(("bedrock", "cohere")) else name)  # its answers name no model
    assert heard.usage == (attempt.tokens_in, attempt.tokens_out) == (attempt.tokens_in, TOKENS)
    # DeepSeek names its calls in a header that OpenAI's SDK does not know, and Ollama does not name them
    assert heard.request_id or client in ("deepseek", *OLLAMA)


@pytest.mark.parametrize("client", DIALECTS)
@pytest.mark.parametrize("case", SHORT, ids=str)
def test_the_callers_limit_of_tokens_is_kept(measured: Measured, client: str, case: Case) -> None:
    """Each SDK has its own name for it, and its own word for an answer that ends there."""
    heard = measured[client, case.name]
    words = {
        "gemini": "MAX_TOKENS",
        "gemini-blocking": "MAX_TOKENS",
        "anthropic": "max_tokens",
        "bedrock": "max_tokens",
        "cohere": "MAX_TOKENS",
    }
    word = "incomplete: max_output_tokens" if client == "responses" else words.get(format_of(client), "length")
    assert heard.outcome == ("whole", None, word)
    assert heard.usage is not None
    assert heard.usage[1] == case.max_tokens


@pytest.mark.parametrize("client", DIALECTS)
def test_usage_can_be_missing(measured: Measured, client: str) -> None:
    """Without usage the text is whole, and nothing is raised."""
    heard = measured[client, "stream-no-usage"]
    assert (heard.share, heard.error, heard.usage) == ("whole", None, None)


@pytest.mark.parametrize("client", ALL)
def test_a_limit_is_sent(measured: Measured, client: str) -> None:
    """A caller who exceeds a quota gets 429."""
    heard = measured[client, LIMIT.name]
    assert heard.status == 429
    assert [attempt.status for attempt in heard.attempts] == [200, 429]
