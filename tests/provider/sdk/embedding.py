"""The official SDKs and LiteLLM, each asked for embeddings in the way that its documentation shows."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import cohere
import openai
from google import genai
from google.genai import types
from mistralai.client import Mistral

from harness.provider import vectors

from . import aws, ollama_native, vertex
from .cases import ERRORS, PLAIN, Case
from .clients import AZURE_VERSION, KEY, Ask
from .heard import Heard
from .through_litellm import AWS, KEYED, Way, at_vertex, of_vendor

UNTIMED = ("litellm-gemini", "litellm-vertex_ai-content", "litellm-ollama")
"""LiteLLM does not pass the caller's timeout on where it asks these: it waits for 5 or 10 minutes."""
CASES = (*PLAIN, *ERRORS)
"""Asked once each, without retries."""
DIALECTS = {
    "openai": "openai",
    "azure": "azure",
    "azure-v1": "azure",
    "mistral": "openai-compatible",
    "gemini": "gemini",
    "vertex_ai": "vertex_ai",
    "bedrock-titan": "bedrock",
    "bedrock-cohere": "bedrock",
    "cohere": "cohere",
    "cohere-v1": "cohere",
    "ollama": "ollama",
    "ollama-old": "ollama",
}
"""What each client speaks, by the client's name."""
ALONE = ("bedrock-titan", "ollama-old", "vertex_ai", "litellm-vertex_ai-content", "litellm-titan", "litellm-titan-v1")
"""Those that are asked for one text: they embed one in each call, or some models of theirs do."""
PLAIN_LENGTH = ("cohere-v1", "mistral", "ollama-old")
"""Those that cannot ask for a number of dimensions, or whose models cannot."""
BATCH = 3
DIMENSIONS = 64
_WAYS = {
    "litellm-openai": Way(dialect="openai", model="openai/{case}", params={"api_base": "{host}/v1", **KEYED}),
    "litellm-azure": Way(
        dialect="azure", model="azure/{case}", params={"api_base": "{host}", "api_version": AZURE_VERSION, **KEYED}
    ),
    "litellm-plain": of_vendor(None),
    "litellm-mistral": of_vendor("mistral"),
    "litellm-openrouter": Way(
        dialect="openrouter", model="openrouter/{case}", params={"api_base": "{host}/api/v1", **KEYED}
    ),
    "litellm-gemini": Way(dialect="gemini", model="gemini/{case}", params={"api_base": "{host}/v1beta", **KEYED}),
    "litellm-vertex_ai": at_vertex("google", "text-embedding-005"),
    "litellm-vertex_ai-content": at_vertex("google", "gemini-embedding-2"),
    "litellm-titan": Way(
        dialect="bedrock", model="bedrock/amazon.titan-embed-text-v2:0", params={**AWS, "model_id": "{case}"}
    ),
    "litellm-titan-v1": Way(
        dialect="bedrock", model="bedrock/amazon.titan-embed-text-v1", params={**AWS, "model_id": "{case}"}
    ),
    "litellm-bedrock-cohere": Way(
        dialect="bedrock", model="bedrock/cohere.embed-english-v3", params={**AWS, "model_id": "{case}"}
    ),
    "litellm-cohere": Way(dialect="cohere", model="cohere/{case}", params={"api_base": "{host}/v2/embed", **KEYED}),
    "litellm-ollama": Way(dialect="ollama", model="ollama/{case}", params={"api_base": "{host}"}),
}
LITELLM = {name: replace(way, inputs=1 if name in ALONE else BATCH) for name, way in _WAYS.items()}
"""How LiteLLM is asked, by name."""


def texts(name: str, prompt: str) -> list[str]:
    """Return what is embedded: the prompt, and two texts more where the client takes several."""
    return [prompt] if name in ALONE else [prompt, "the second", "the third"]


def spell(heard: Heard, found: Iterable[Iterable[float] | None]) -> None:
    """Write down what vectors spell."""
    heard.text = "".join(vectors.spelled(list(vector or ())) or "?" for vector in found)
    heard.pieces = heard.text.count("<<")


def _openai(client: openai.AsyncOpenAI) -> Ask:
    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        asked = {"model": case.name, "input": texts("openai", prompt), "dimensions": DIMENSIONS}
        answer = await client.embeddings.create(**asked, timeout=case.timeout_s)
        with heard.reading():
            spell(heard, [each.embedding for each in answer.data])
            heard.model, heard.usage = answer.model, (answer.usage.prompt_tokens, 0)

    return ask


def _mistral(client: Mistral) -> Ask:
    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        answer = await client.embeddings.create_async(
            model=case.name, inputs=texts("mistral", prompt), timeout_ms=round(case.timeout_s * 1000)
        )
        spell(heard, [each.embedding for each in answer.data])
        heard.model, heard.usage = answer.model, (answer.usage.prompt_tokens or 0, 0)

    return ask


def _google(name: str, client: genai.Client) -> Ask:
    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        config = types.EmbedContentConfig(
            http_options=types.HttpOptions(timeout=round(case.timeout_s * 1000)), output_dimensionality=DIMENSIONS
        )
        found = await client.aio.models.embed_content(
            model=case.name, contents=list(texts(name, prompt)), config=config
        )
        spell(heard, [each.values for each in found.embeddings or ()])

    return ask


def _invoke(name: str, runtimes: aws.Runtimes) -> Ask:
    def block(heard: Heard, case: Case, prompt: str) -> None:
        asked = texts(name, prompt)
        body: dict[str, Any] = {"texts": asked, "input_type": "search_document", "output_dimension": DIMENSIONS}
        if name == "bedrock-titan":
            body = {"inputText": asked[0], "dimensions": DIMENSIONS}
        answer = runtimes.clients[case.timeout_s].invoke_model(modelId=case.name, body=json.dumps(body))
        data = json.loads(answer["body"].read())
        with heard.reading():
            spell(heard, [data["embedding"]] if name == "bedrock-titan" else data["embeddings"])
        counted = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amzn-bedrock-input-token-count")
        heard.usage = None if counted is None else (int(counted), 0)

    return aws.in_a_thread(runtimes.threads, block)


def _cohere(client: cohere.AsyncClientV2) -> Ask:
    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        answer = await client.embed(
            model=case.name,
            texts=texts("cohere", prompt),
            input_type="search_document",
            embedding_types=["float"],
            output_dimension=DIMENSIONS,
            request_options={"timeout": case.timeout_s, "max_retries": 0},
        )
        with heard.reading():
            spell(heard, answer.embeddings.float_ or ())
            heard.usage = _billed(answer)

    return ask


def _cohere_v1(client: cohere.AsyncClient) -> Ask:
    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        answer: Any = await client.embed(
            model=case.name,
            texts=texts("cohere-v1", prompt),
            input_type="search_document",
            batching=False,
            request_options={"timeout": case.timeout_s, "max_retries": 0},
        )
        with heard.reading():
            spell(heard, answer.embeddings)
            heard.usage = _billed(answer)

    return ask


def _billed(answer: Any) -> tuple[int, int]:
    return int(answer.meta.billed_units.input_tokens), 0


def _ollama(clients: ollama_native.Clients) -> Ask:
    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        client = clients[case.timeout_s]
        answer = await client.embed(model=case.name, input=texts("ollama", prompt), dimensions=DIMENSIONS)
        spell(heard, answer.embeddings)
        heard.model = answer.model
        heard.usage = None if answer.prompt_eval_count is None else (answer.prompt_eval_count, 0)

    return ask


def _ollama_old(clients: ollama_native.Clients) -> Ask:
    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        answer = await clients[case.timeout_s].embeddings(model=case.name, prompt=prompt)
        spell(heard, [answer.embedding])

    return ask


@asynccontextmanager
async def clients(hosts: Mapping[str, str]) -> AsyncIterator[dict[str, Ask]]:
    """Open clients that try once, given where each finds its provider: `http://127.0.0.1:PORT`."""
    once: Any = {"api_key": KEY, "max_retries": 0}
    options = types.HttpOptions(base_url=hosts["gemini"], retry_options=types.HttpRetryOptions(attempts=1))
    async with AsyncExitStack() as stack:
        google = genai.Client(api_key=KEY, http_options=options)
        stack.push_async_callback(google.aio.aclose)
        stack.callback(google.close)
        azure = openai.AsyncAzureOpenAI(azure_endpoint=hosts["azure"], api_version=AZURE_VERSION, **once)
        azure_v1 = openai.AsyncOpenAI(base_url=f"{hosts['azure-v1']}/openai/v1/", **once)
        plain = openai.AsyncOpenAI(base_url=f"{hosts['openai']}/v1", **once)
        mistral = Mistral(api_key=KEY, server_url=hosts["mistral"])
        embed = cohere.AsyncClientV2(KEY, base_url=hosts["cohere"])
        embed_v1 = cohere.AsyncClient(KEY, base_url=hosts["cohere-v1"])
        yield {
            "openai": _openai(await stack.enter_async_context(plain)),
            "azure": _openai(await stack.enter_async_context(azure)),
            "azure-v1": _openai(await stack.enter_async_context(azure_v1)),
            "mistral": _mistral(await stack.enter_async_context(mistral)),
            "gemini": _google("gemini", google),
            "vertex_ai": _google("vertex_ai", vertex.gemini(hosts["vertex_ai"], stack)),
            "bedrock-titan": _invoke("bedrock-titan", aws.runtimes(hosts["bedrock-titan"], stack)),
            "bedrock-cohere": _invoke("bedrock-cohere", aws.runtimes(hosts["bedrock-cohere"], stack)),
            "cohere": _cohere(await stack.enter_async_context(embed)),
            "cohere-v1": _cohere_v1(await stack.enter_async_context(embed_v1)),
            "ollama": _ollama(await ollama_native.clients(hosts["ollama"], stack)),
            "ollama-old": _ollama_old(await ollama_native.clients(hosts["ollama-old"], stack)),
        }


def ends(name: str, case: str) -> bool:
    """Return whether a client gives a case up that leaves it without an answer."""
    return name not in UNTIMED or not any(each.name == case and each.idle for each in CASES)


def whole(attempt_id: str, name: str, _case: Case) -> str:
    """Return what the vectors of an attempt spell."""
    dimensions = vectors.DIMENSIONS if name in (*PLAIN_LENGTH, *LITELLM) else DIMENSIONS
    return "".join(vectors.texts(attempt_id, 1 if name in ALONE else BATCH, dimensions))
