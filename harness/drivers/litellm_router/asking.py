"""Ask LiteLLM's Router in each form that callers have, and read what it hands over."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from importlib.metadata import version
from typing import Any

from harness.chain.scrub import scrub
from harness.provider.dialects import wire
from harness.provider.kinds import Api

METHODS: Mapping[Api, str] = {
    "chat": "acompletion",
    "embeddings": "aembedding",
    "responses": "aresponses",
    "messages": "aanthropic_messages",
}
"""The Router's method for each form."""


def missing(router: Any) -> dict[str, str]:
    """Return the forms that this LiteLLM has no method for, each with the reason."""
    return {
        api: f"LiteLLM {version('litellm')} has no `Router.{method}`"
        for api, method in METHODS.items()
        if not hasattr(router, method)
    }


async def ask(router: Any, api: Api, body: dict[str, Any]) -> AsyncGenerator[str, None]:
    """Yield an answer's JSON; see `Ask`. What the Router's stream holds open is closed as LiteLLM's proxy closes it."""
    answer = await getattr(router, METHODS[api])(**body)
    if not hasattr(answer, "__aiter__"):  # also where a stream was asked for: LiteLLM cannot always make one
        yield _written(answer)
        return
    try:
        async for text in _events(answer):
            yield text
    finally:
        close = getattr(answer, "aclose", None)
        if close is not None:
            await close()


async def _events(answer: Any) -> AsyncIterator[str]:
    """Yield the JSON of a stream's events: LiteLLM hands Anthropic's over as bytes, in whatever pieces they come."""
    rest = b""
    async for chunk in answer:
        if isinstance(chunk, bytes | str):
            whole, rest = wire.split(rest, chunk if isinstance(chunk, bytes) else chunk.encode())
            for data in filter(None, map(wire.bytes_of, whole)):
                yield data.decode("utf-8", "replace")
        else:
            yield _written(chunk, exclude_unset=True)


def _written(answer: Any, **options: bool) -> str:
    """Return the JSON of an answer or an event: Anthropic's are plain data, in old versions with objects in it."""
    if isinstance(answer, dict):
        return json.dumps(answer, default=_plain)
    text: str = answer.model_dump_json(exclude_none=True, **options)
    return text


def _plain(part: Any) -> Any:
    return part.model_dump(exclude_none=True)


def explain(hidden: frozenset[str], error: Exception) -> tuple[int, dict[str, Any]]:
    """Return status and body of a failure, as LiteLLM's proxy words them; `hidden` are texts that they may not hold."""
    message = scrub(str(getattr(error, "message", error)), hidden)
    code = str(getattr(error, "status_code", ""))
    status = int(code) if code.isdecimal() and 400 <= int(code) <= 599 else 500
    if "No deployments available" in message or "No healthy deployment available" in message:
        status = 429
    kind, param = getattr(error, "type", None), getattr(error, "param", None)
    return status, {"error": {"message": message, "type": kind, "param": param, "code": str(status)}}
