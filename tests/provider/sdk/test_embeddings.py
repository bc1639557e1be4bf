"""Embeddings by the official SDKs and by LiteLLM, over real sockets: as chats, but where it says so here."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from . import embedding
from .cases import ERRORS, PLAIN, Case
from .embedding import DIALECTS, LITELLM
from .litellm_outcomes import LITELLM_OUTCOMES
from .measure import Measured, fault_id, measure_embeddings
from .outcomes import OUTCOMES

ALL = (*DIALECTS, *LITELLM)
CLIENTS = pytest.mark.parametrize("client", ALL)

# The client of chats whose outcomes a client has, where it has another name.
CHATS = {
    "azure-v1": "azure",
    "bedrock-titan": "bedrock-invoke",
    "bedrock-cohere": "bedrock-invoke",
    "cohere-v1": "cohere",
    "ollama-old": "ollama",
    "litellm-openai": "litellm-plain",
    "litellm-azure": "litellm-plain",
    "litellm-openrouter": "litellm-plain",
    "litellm-gemini": "litellm-vertex_ai",
    "litellm-vertex_ai-content": "litellm-vertex_ai",
    "litellm-titan": "litellm-bedrock",
    "litellm-titan-v1": "litellm-bedrock",
    "litellm-bedrock-cohere": "litellm-bedrock",
}
_BROKEN = ("plain-cut", "plain-cut-reset", "plain-close", "plain-reset")
_OPENAI = {"plain-html": AttributeError, "plain-shape": ValueError}
_OLLAMA = {"plain-shape": ValidationError}
_MISREAD = dict.fromkeys(("plain-html", "plain-shape"), "APIConnectionError")
_SDK = {"plain-html": "InternalServerError", "plain-shape": "TypeError"}
_CONNECTION = {**_MISREAD, **dict.fromkeys(_BROKEN, "APIConnectionError")}

# What is raised where it is not the same as in a chat.
RAISED: dict[str, dict[str, type[Exception] | str]] = {
    **dict.fromkeys(("openai", "azure", "azure-v1"), _OPENAI),
    **dict.fromkeys(("ollama", "ollama-old"), _OLLAMA),
    **dict.fromkeys(("litellm-openai", "litellm-mistral"), _SDK),
    **dict.fromkeys(("litellm-plain", "litellm-gemini", "litellm-vertex_ai", "litellm-vertex_ai-content"), _MISREAD),
    **{key: {"plain-html": "APIConnectionError"} for key in ("litellm-titan", "litellm-titan-v1", "litellm-bedrock-cohere")},
    "litellm-azure": _CONNECTION,
    "litellm-openrouter": {**_CONNECTION, "plain-html-502": "APIError"},
    "litellm-ollama": {"plain-shape": "APIConnectionError"},
}  # fmt: skip

HIDDEN_RETRIES = ("litellm-openai", "litellm-mistral")
"""LiteLLM takes `max_retries: 0` for unsaid there, and OpenAI's SDK tries twice again."""
UNCOUNTED = ("gemini", "vertex_ai", "ollama-old")
"""The SDK gives its caller no tokens."""
OWN_COUNT = ("litellm-gemini", "litellm-bedrock-cohere")
"""LiteLLM counts the tokens itself."""

# LiteLLM's word for some statuses.
STATUSES = {
    **{key: {"timeout": 408} for key in ("litellm-openai", "litellm-plain", "litellm-mistral")},
    "litellm-gemini": {"overloaded": 500, "auth": 401},
    **{key: {"overloaded": 500} for key in ("litellm-vertex_ai", "litellm-vertex_ai-content")},
    **{key: {"server_error": 503} for key in ("litellm-titan", "litellm-titan-v1", "litellm-bedrock-cohere")},
}


@pytest.fixture(scope="module")
def embedded() -> Measured:
    """Return what each client does in each case."""
    return measure_embeddings()


@CLIENTS
def test_an_answer_says_it_all(embedded: Measured, client: str) -> None:
    """Every vector in order, as many dimensions as were asked for, the model and the tokens."""
    heard = embedded[client, "plain-fine"]
    (attempt,) = heard.attempts
    assert (heard.share, heard.error, heard.misread) == ("whole", None, None)
    assert (attempt.outcome, attempt.streaming, attempt.tokens_out) == ("ok", False, 0)
    if client in UNCOUNTED:
        assert heard.usage is None
    elif client not in OWN_COUNT:
        assert heard.usage == (attempt.tokens_in, 0)


@CLIENTS
@pytest.mark.parametrize("case", PLAIN, ids=str)
def test_every_fault_has_its_outcome(embedded: Measured, client: str, case: Case) -> None:
    """How many of the vectors arrive, and what is raised."""
    if not embedding.ends(client, case.name):
        assert (client, case.name) not in embedded
        return
    heard = embedded[client, case.name]
    share, raised, _ = (OUTCOMES | LITELLM_OUTCOMES)[CHATS.get(client, client)][case.name]
    assert heard.outcome[:2] == (share, RAISED.get(client, {}).get(case.name, raised))
    assert {attempt.fault_id for attempt in heard.attempts} == {fault_id(client, case) if case.inject else None}


@CLIENTS
@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_every_error_has_its_status(embedded: Measured, client: str, case: Case) -> None:
    """The vendor's own; LiteLLM has a word of its own for some."""
    heard = embedded[client, case.name]
    preset = case.name.removeprefix("plain-error-")
    assert heard.error is not None
    assert heard.status == STATUSES.get(client, {}).get(preset, heard.attempts[-1].status)


@CLIENTS
def test_attempts_are_no_more_than_are_known(embedded: Measured, client: str) -> None:
    """One for each call; two where aiohttp sends once more what a reset has answered, three where an SDK retries."""
    most = 3 if client in HIDDEN_RETRIES else 2 if client in LITELLM else 1
    assert {len(heard.attempts) for (name, _), heard in embedded.items() if name == client} <= {1, most}
    assert len(embedded[client, "plain-error-unavailable"].attempts) == (3 if client in HIDDEN_RETRIES else 1)
