"""Ollama's `AsyncClient`, which tries once: `generate` and `chat`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import ollama

from .cases import TIMEOUTS_S, Case
from .heard import Heard

if TYPE_CHECKING:
    from .clients import Ask

Clients = Mapping[float, ollama.AsyncClient]
"""By their timeout in seconds; it has none for one call alone."""


async def clients(host: str, stack: AsyncExitStack) -> Clients:
    """Return clients.

    Args:
        host: Where they find Ollama.
        stack: Closes them.
    """
    return {
        timeout_s: await stack.enter_async_context(ollama.AsyncClient(host, timeout=timeout_s))
        for timeout_s in TIMEOUTS_S
    }


def generate(clients: Clients) -> Ask:
    """Return `generate`."""

    def call(client: ollama.AsyncClient, prompt: str, **fields: Any) -> Any:
        return client.generate(prompt=prompt, **fields)

    return _asking(clients, call, lambda answer: answer.response or "")


def chat(clients: Clients) -> Ask:
    """Return `chat`."""

    def call(client: ollama.AsyncClient, prompt: str, **fields: Any) -> Any:
        return client.chat(messages=[{"role": "user", "content": prompt}], **fields)

    return _asking(clients, call, lambda answer: answer.message.content or "")


def _asking(clients: Clients, call: Callable[..., Any], text_of: Callable[[Any], str]) -> Ask:
    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        options = {} if case.max_tokens is None else {"num_predict": case.max_tokens}
        asked = {"model": case.name, "stream": case.streaming, "options": options}
        answer = await call(clients[case.timeout_s], prompt, **asked)
        if not case.streaming:
            heard.text = text_of(answer)
            _read_end(heard, answer)
            return
        async for part in answer:
            heard.add(text_of(part))
            _read_end(heard, part)

    return ask


def _read_end(heard: Heard, answer: Any) -> None:
    heard.model = answer.model or heard.model
    heard.finish = answer.done_reason or heard.finish
    if answer.eval_count is not None:
        heard.usage = (answer.prompt_eval_count, answer.eval_count)
