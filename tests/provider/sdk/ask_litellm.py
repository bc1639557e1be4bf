"""Asks LiteLLM in the interpreter that runs this file, which needs LiteLLM and google-auth, and nothing of ours.

Standard input is one JSON text: `listed`, models that are put into LiteLLM's list, and `batches`, each with `at_once`, how many
of its calls run at the same time, and `calls`: `number`, `times`, and `asked`, the arguments of `litellm.acompletion`, or those of
`litellm.aembedding`, which have an `input`.
Standard output is a line of JSON for each call: its `number`, and what its caller got, the last time.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import types
import warnings
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from typing import Any

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else its import goes to the network
warnings.simplefilter("ignore")  # other people's deprecations
ANSWERS, sys.stdout = sys.stdout, sys.stderr  # LiteLLM prints what is for people

import litellm  # noqa: E402

litellm.suppress_debug_info = True


def log_in_to_google() -> None:
    """Exchange a user's login for a token without a call: the harness answers it in the chain's process alone."""

    def refresh(self: Any, _request: Any) -> None:
        self.token, self.expiry = "no-key", datetime(2999, 1, 1)  # noqa: DTZ001 -- google-auth's have no time zone

    import_module("google.oauth2.credentials").Credentials.refresh = refresh
    if find_spec("vertexai") is None:
        # LiteLLM 1.75 refuses Anthropic's models without google-cloud-aiplatform, and does not use it
        sys.modules["vertexai"] = types.ModuleType("vertexai")
        sys.modules["vertexai"].preview = None  # type: ignore[attr-defined]


async def ask(asked: Mapping[str, Any], times: int) -> dict[str, Any]:
    """Return what the caller gets, the last time that it is asked."""
    for _ in range(times - 1):
        await litellm.acompletion(**asked)
    got: dict[str, Any] = {"text": "", "pieces": 0, "model": None, "finish": None, "usage": None, "error": None}
    try:
        if "input" in asked:
            read_vectors(got, await litellm.aembedding(**asked))
        elif asked.get("stream"):
            async for chunk in await litellm.acompletion(**asked):
                read_chunk(got, chunk)
        else:
            read_answer(got, await litellm.acompletion(**asked))
    except Exception as error:
        got["error"] = described(error)
    return got


def read_chunk(got: dict[str, Any], chunk: Any) -> None:
    """Add a piece of a stream."""
    got["model"] = chunk.model or got["model"]
    for choice in chunk.choices:
        if choice.delta.content:
            got["text"] += choice.delta.content
            got["pieces"] += 1
        got["finish"] = choice.finish_reason or got["finish"]
    read_usage(got, getattr(chunk, "usage", None))


def read_answer(got: dict[str, Any], answer: Any) -> None:
    """Write an answer down."""
    got["model"] = answer.model
    got["text"] = answer.choices[0].message.content or ""
    got["finish"] = answer.choices[0].finish_reason
    read_usage(got, answer.usage)


def read_vectors(got: dict[str, Any], answer: Any) -> None:
    """Write embeddings down."""
    got["model"] = answer.model
    got["vectors"] = [each["embedding"] for each in answer.data]
    read_usage(got, answer.usage)


def read_usage(got: dict[str, Any], usage: Any) -> None:
    """Write usage down, where there is some."""
    if usage is not None:
        got["usage"] = [usage.prompt_tokens, usage.completion_tokens]


def described(error: Exception) -> dict[str, Any]:
    """Return what an exception is: its class and package, status and headers, and the class of the one within it."""
    within = getattr(error, "original_exception", None)
    status = getattr(error, "status_code", None)
    headers = getattr(error, "litellm_response_headers", None)
    if headers is None:
        headers = getattr(getattr(error, "response", None), "headers", None)
    return {
        "package": type(error).__module__.partition(".")[0],
        "name": type(error).__name__,
        "status": status if isinstance(status, int) else None,
        "headers": {str(name).lower(): str(value) for name, value in (headers or {}).items()},
        "within": None if within is None else type(within).__name__,
    }


async def main() -> None:
    """Make all calls, batch after batch."""
    work = json.load(sys.stdin)
    for model in work["listed"]:
        litellm.model_cost.setdefault(model, {"litellm_provider": model.partition("/")[0], "mode": "chat"})
    for batch in work["batches"]:
        slots = asyncio.Semaphore(batch["at_once"])

        async def make(call: Mapping[str, Any], slots: asyncio.Semaphore = slots) -> None:
            async with slots:
                got = await ask(call["asked"], call["times"])
            print(json.dumps({"number": call["number"], **got}), file=ANSWERS, flush=True)

        await asyncio.gather(*map(make, batch["calls"]))
    with suppress(Exception):  # not every version has it
        await litellm.close_litellm_async_clients()


log_in_to_google()
asyncio.run(main())
