"""Which providers LiteLLM calls, and how: a part of `litellm_reader`, which imports nothing of ours either."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any

_REPLY = (
    b'{"id":"chatcmpl-1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"understood"}}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2},'
    b'"service_tier":"default"}'
)
_VECTOR = [0.5, 0.25]
_VECTORS = (
    b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,0.25]}],"model":"m",'
    b'"usage":{"prompt_tokens":1,"total_tokens":1}}'
)
_PATIENCE_S = 10.0
_GOOGLE: dict[str, Any] = {"vertex_project": "none", "vertex_location": "us-east5", "vertex_credentials": "{}"}
"""Credentials that are refused before anybody is asked for a token."""


def deployment(each: dict[str, Any]) -> dict[str, Any]:
    """Return whose model a deployment is, what the provider is asked for, and what the model is for, by LiteLLM and in the end."""
    litellm = import_module("litellm")
    try:
        model, provider, _key, _base = litellm.get_llm_provider(
            each["model"], custom_llm_provider=each["custom_llm_provider"]
        )
    except Exception:  # whatever LiteLLM raises for a provider that it does not have
        return {"provider": None, "model": each["model"], "mode": None, "embeds": each["embeds"]}
    try:
        mode = litellm.get_model_info(model=model, custom_llm_provider=provider).get("mode")
    except Exception:  # it has no entry for most models
        mode = None
    embeds = each["embeds"] or (each["mode"] is None and mode == "embedding")
    return {"provider": provider, "model": model, "mode": mode, "embeds": embeds}


async def compatible(asked_for: list[tuple[str, str, bool]]) -> set[tuple[str, str, bool]]:
    """Return the providers that LiteLLM asks in OpenAI's format at an address that it is given.

    Args:
        asked_for: Each with a model, and whether that embeds texts.
    """
    found = set()
    async with _listening() as (base, asked):
        for provider, model, embeds in asked_for:
            asked.clear()
            text = await _called(provider, model, base, embeds=embeds)
            path = asked[0].split(b" ")[0] if len(asked) == 1 else b""
            if text == "understood" and (b"/embeddings" if embeds else b"/chat/completions") in path:
                found.add((provider, model, embeds))
            else:
                sys.stderr.write(f"{provider}/{model}: {text[:200]}\n")
    return found


async def broken(deployments: list[dict[str, Any]], places: Iterable[int]) -> dict[int, str]:
    """Return why no call of a deployment can succeed, by place, for those of which versions of LiteLLM differ.

    That is what LiteLLM needs and cannot import, or `generate` where it asks Cohere for a completion that is no chat.
    """
    found = {}
    async with _listening() as (base, asked):
        for place in places:
            provider, model = deployments[place]["provider"], deployments[place]["model"]
            if deployments[place]["embeds"] or (
                provider != "cohere" and not (provider == "vertex_ai" and "claude" in model)
            ):
                continue
            asked.clear()
            text = await _called(provider, model, base, **_GOOGLE)
            needs = re.search(r"pip install [^`]*?([a-z][a-z0-9-]+[a-z])(?=[>=\"'` ]|$)", text)
            if not asked and needs is not None:
                found[place] = needs[1]
            elif asked and b'"prompt"' in asked[0]:
                found[place] = "generate"
    return found


async def _called(provider: str, model: str, base: str, *, embeds: bool = False, **parameters: Any) -> str:
    """Return what LiteLLM makes of a call of a provider at an address: the answer's text, or its error."""
    litellm = import_module("litellm")
    ask = litellm.aembedding if embeds else litellm.acompletion
    parameters |= {"input": ["?"]} if embeds else {"messages": [{"role": "user", "content": "?"}]}
    try:
        answer = await asyncio.wait_for(
            ask(
                model=model,
                custom_llm_provider=provider,
                api_base=base,
                api_key="none",
                num_retries=0,
                max_retries=0,
                **parameters,
            ),
            _PATIENCE_S,
        )
        if embeds:
            return "understood" if list(answer.data[0]["embedding"]) == _VECTOR else "misread"
        return str(answer.choices[0].message.content)
    except Exception as error:  # whatever it does that is no such call
        return f"{type(error).__name__}: {error}"


@asynccontextmanager
async def _listening() -> AsyncIterator[tuple[str, list[bytes]]]:
    """Yield the address of a server of this process that answers in OpenAI's format, and each call's path and body."""
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next((line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), b":0")
        asked.append(head.split(b" ")[1] + b" " + await reader.readexactly(int(length.split(b":")[1])))
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n")
        reply = _VECTORS if b"/embeddings" in asked[-1].split(b" ")[0] else _REPLY
        writer.write(b"content-length: %d\r\n\r\n%b" % (len(reply), reply))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", asked
    server.close()


def raised(name: str) -> Any:
    """Return an error of LiteLLM's. It copies the parameters of a deployment, which most of its errors cannot do."""
    base: Any = getattr(import_module("litellm"), name)

    class Raised(base):  # type: ignore[misc]
        def __deepcopy__(self, _memo: Any) -> Any:
            return made()

    def made() -> Any:
        return Raised(message="it fails", model="m", llm_provider="openai")

    Raised.__name__ = name
    return made()
