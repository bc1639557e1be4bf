"""Cohere's `AsyncClientV2`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cohere

from .cases import Case
from .heard import Heard

if TYPE_CHECKING:
    from .clients import Ask


def chat(client: cohere.AsyncClientV2) -> Ask:
    """Return `chat` and `chat_stream`, which try once."""

    async def ask(heard: Heard, case: Case, prompt: str) -> None:
        call: dict[str, Any] = {
            "model": case.name,
            "messages": [{"role": "user", "content": prompt}],
            "request_options": {"timeout": case.timeout_s, "max_retries": 0},
        }
        if case.max_tokens is not None:
            call["max_tokens"] = case.max_tokens
        if not case.streaming:
            answer: Any = await client.chat(**call)
            with heard.reading():
                heard.request_id = answer.id
                heard.text = answer.message.content[0].text
                heard.finish = answer.finish_reason
                heard.usage = _usage(answer.usage)
            return
        async for event in client.chat_stream(**call):
            _read_event(heard, event)

    return ask


def _read_event(heard: Heard, event: Any) -> None:
    if event.type == "message-start":
        heard.request_id = event.id
    elif event.type == "content-delta":
        heard.add(event.delta.message.content.text)
    elif event.type == "message-end":
        heard.finish = event.delta.finish_reason
        heard.usage = None if event.delta.usage is None else _usage(event.delta.usage)


def _usage(usage: Any) -> tuple[int, int]:
    return int(usage.billed_units.input_tokens), int(usage.billed_units.output_tokens)
