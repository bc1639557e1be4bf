"""What LiteLLM's Router does with a stream that fails, by kind of request, measured in virtual time.

`python -m tests.drivers.litellm_streams_by_kind docs/reference/litellm-kinds.md` writes the page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.chain import Retry
from harness.provider.kinds import Api
from harness.provider.marker import find_attempts
from harness.quantities import S
from harness.scenario import Inject
from tests.drivers.virtual import Question, Told, asked
from tests.plans import chain, window

APIS: tuple[Api, ...] = ("chat", "responses", "messages")
FAULTS = {
    "`cut` before the first token": Inject(stream="cut", after_tokens=0),
    "`cut` after two tokens": Inject(stream="cut", after_tokens=2),
    "`error_event` before the first token": Inject(stream="error_event", error="overloaded", after_tokens=0),
    "`error_event` after two tokens": Inject(stream="error_event", error="overloaded", after_tokens=2),
    "`stall` after two tokens": Inject(stream="stall", after_tokens=2),
    "`end` after two tokens": Inject(stream="end", after_tokens=2),
}
ORDERS = (("openai", "anthropic"), ("anthropic", "openai"))
_HEAD = """\
# What LiteLLM does with a stream that fails, by kind of request

Measured: `make kinds` asks LiteLLM's Router {version} in virtual time, in each form, with two tries at each of two providers, OpenAI and
Anthropic. The first provider has the fault. Each cell has the attempts, and what the caller got. In **bold**: the caller got no error,
and not one whole answer.

LiteLLM asks OpenAI for a message by way of its responses, and Anthropic for a response by way of its messages.
"""
_TAIL = """
## Other things that depend on the kind

- **Embeddings** of `openai/` have retries that `num_retries` does not count: OpenAI's SDK inside LiteLLM makes three attempts within
  each try. Azure's are not repeated.
- **A caller who leaves** ends the provider's stream at once for messages, and for chats on OpenAI. LiteLLM leaves the streams of
  responses, and of chats on Anthropic, to Python's garbage collector, so the provider goes on for a while.
- **Versions**: 1.60.0 has no `Router.aresponses` and no `Router.aanthropic_messages`. 1.110.2 asks for packages of LiteLLM's proxy
  (`fastapi`) when a stream of messages goes to OpenAI. Without them such a request fails after both providers have answered it.
"""


def text(told: Told) -> str:
    """Return the text of an answer or of a stream, in any form."""
    found: list[Any] = []
    for event in told.events:
        deltas = [choice.get("delta") or choice.get("message", {}) for choice in event.get("choices", ())]
        found += [delta.get("content") for delta in deltas]
        parts = [*event.get("content", ()), *(part for item in event.get("output", ()) for part in item["content"])]
        found += [part.get("text") for part in parts]
        delta = event.get("delta")
        found.append(delta.get("text") if isinstance(delta, dict) else delta)
    return "".join(filter(None, found))


def page() -> str:
    """Return the page."""
    return _HEAD.format(version=version("litellm")) + "".join(_tables()) + _TAIL


def _tables() -> Iterator[str]:
    for order in ORDERS:
        yield f"\n## {order[0].title()} first\n\n| fault | chat | responses | messages |\n|---|---|---|---|\n"
        ours = replace(chain(*order, driver="litellm-router", retry=Retry(attempts=2)), timeout=4 * S)
        for name, inject in FAULTS.items():
            found = asked(ours, [Question(api, stream=True) for api in APIS], window(inject, order[0]))
            yield f"| {name} | {' | '.join(map(_cell, found))} |\n"


def _cell(told: Told) -> str:
    tries = [(name, len(list(group))) for name, group in groupby(told.providers)]
    attempts = ", ".join(name if count == 1 else f"{name} {count}×" for name, count in tries)
    return f"{attempts}: {_got(told)}"


def _got(told: Told) -> str:
    servers = [name.split(".")[1] for name in find_attempts(text(told))]
    if told.failure is not None or told.events[-1].get("type") in ("error", "response.failed"):
        return "part, then an error" if servers else "an error"
    if told.tried[-1][2] != "ok":
        return "**part, no error**"
    if len(servers) > 1:
        return f"**part of {servers[0]}'s answer, then {servers[-1]}'s**"
    return f"{servers[0]}'s answer"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
