"""What Bedrock's InvokeModel takes and returns: each maker of models has bodies of its own.

Anthropic's are its messages, those of most others are OpenAI's chat completions, and Amazon Nova's are Converse's. The formats
of older models, which have a prompt in place of messages, are in a table here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from harness.provider.answer import Call, FinishReason
from harness.provider.dialects import calls, wire
from harness.provider.dialects.anthropic import ANTHROPIC
from harness.provider.dialects.common import MockAnswer
from harness.provider.dialects.declaration import Dialect, FinishReasons
from harness.provider.dialects.openai import OPENAI

METRICS = "amazon-bedrock-invocationMetrics"
"""A field that Bedrock adds to the last event of every stream of InvokeModel."""

BORROWED: Mapping[str, Dialect] = {"anthropic": ANTHROPIC, "openai": OPENAI}
"""The dialects whose bodies InvokeModel takes as they are, by `Call.api`."""
_ANTHROPIC_TYPES = frozenset(
    (
        "message",
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
    )
)

Data = dict[str, Any]


class PromptFormat(NamedTuple):
    """The bodies of models that take one prompt, and return one text.

    Attributes:
        prompt: The field of the prompt.
        config: The object that holds the limit on the answer's tokens; empty if the body itself does.
        limit: The limit's field.
        text: The field of an answer's text.
        reason: That of the reason for its end.
        counts: Those of the tokens in and out; none if an answer does not report them.
        words: For the reasons.
        plain: The list whose one entry holds text and reason in a plain answer; empty if the answer itself does.
        event: The same of an event.
    """

    prompt: str
    config: str
    limit: str
    text: str
    reason: str
    counts: tuple[str, str] | None
    words: FinishReasons
    plain: str
    event: str

    def holder(self, data: Data) -> Data | None:
        """Return what holds text and reason in an answer or an event; None if it is of another format."""
        for place in {self.plain, self.event}:
            held = data if not place else next(iter(wire.objects(data.get(place))), {})
            if self.text in held:
                return held
        return None

    def answer(self, text: str, reason: str | None, tokens: tuple[int, int], *, streaming: bool) -> Data:
        """Return an answer or an event."""
        held: Data = {self.text: text, self.reason: reason}
        place = self.event if streaming else self.plain
        counts = dict(zip(self.counts, tokens, strict=True)) if self.counts and reason is not None else {}
        return {place: [held], **counts} if place else {**held, **counts}


_STOP = FinishReasons("stop", "length", "content_filtered", {"max_tokens": "length"})
PROMPTS: Mapping[str, PromptFormat] = {
    "llama": PromptFormat(
        prompt="prompt",
        config="",
        limit="max_gen_len",
        text="generation",
        reason="stop_reason",
        counts=("prompt_token_count", "generation_token_count"),
        words=_STOP,
        plain="",
        event="",
    ),
    "mistral": PromptFormat(
        prompt="prompt",
        config="",
        limit="max_tokens",
        text="text",
        reason="stop_reason",
        counts=None,
        words=_STOP,
        plain="outputs",
        event="outputs",
    ),
    "titan": PromptFormat(
        prompt="inputText",
        config="textGenerationConfig",
        limit="maxTokenCount",
        text="outputText",
        reason="completionReason",
        counts=("inputTextTokenCount", "totalOutputTextTokenCount"),
        words=FinishReasons("FINISH", "LENGTH", "CONTENT_FILTERED", {}),
        plain="results",
        event="",
    ),
    "cohere": PromptFormat(
        prompt="prompt",
        config="",
        limit="max_tokens",
        text="text",
        reason="finish_reason",
        counts=None,
        words=FinishReasons("COMPLETE", "MAX_TOKENS", "ERROR_TOXIC", {}),
        plain="generations",
        event="",
    ),
    "claude-2": PromptFormat(
        prompt="prompt",
        config="",
        limit="max_tokens_to_sample",
        text="completion",
        reason="stop_reason",
        counts=None,
        words=FinishReasons("stop_sequence", "max_tokens", "content_filtered", {}),
        plain="",
        event="",
    ),
}
"""By `Call.api`. The fields are in https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters.html."""


def api_of(model: str, body: Data) -> str:
    """Return whose format a body has: a key of BORROWED or PROMPTS, or `nova`."""
    if "anthropic_version" in body:
        return "anthropic"
    if "messages" in body:
        return "nova" if "inferenceConfig" in body or "schemaVersion" in body or "nova" in model else "openai"
    if "inputText" in body:
        return "titan"
    for api, sign, name in (("llama", "max_gen_len", "llama"), ("claude-2", "max_tokens_to_sample", "claude")):
        if sign in body or name in model:
            return api
    return "cohere" if "cohere" in model else "mistral"


def parse(model: str, body: Data) -> Call:
    """Return the call in the body of a model that is not Nova."""
    api = api_of(model, body)
    if api in BORROWED:
        fields = calls.MESSAGES if api == "anthropic" else calls.UNCACHED_CHAT
        return calls.understood(body, model, fields)._replace(api=api)
    form = PROMPTS[api]
    limits = wire.as_object(body.get(form.config)) if form.config else body
    asked = {"messages": body.get(form.prompt), "max_tokens": limits.get(form.limit)}
    return calls.understood(asked, model, calls.Fields(texts=True))._replace(api=api)


def plain(mock: MockAnswer, call: Call) -> Data:
    """Return the answer of a model that takes a prompt."""
    form = PROMPTS[call.api]
    reason = form.words.word(complete=mock.complete)
    return form.answer(mock.text, reason, (call.prompt_tokens, mock.tokens), streaming=False)


def event(call: Call, text: str) -> Data:
    """Return an event with text of a model that takes a prompt."""
    return PROMPTS[call.api].answer(text, None, (0, 0), streaming=True)


def last_event(mock: MockAnswer, call: Call) -> Data:
    """Return the event that ends an answer of such a model."""
    form = PROMPTS[call.api]
    reason = form.words.word(complete=mock.complete)
    ended = form.answer("", reason, (call.prompt_tokens, mock.tokens), streaming=True)
    return {**ended, METRICS: metrics(call, mock.tokens)}


def metrics(call: Call, tokens_out: int) -> Data:
    """Return what Bedrock adds to a stream's last event."""
    cached = {"cacheReadInputTokenCount": call.cached.read, "cacheWriteInputTokenCount": call.cached.written}
    return {
        **(cached if call.prefixes else {}),
        "inputTokenCount": call.fresh_tokens,
        "outputTokenCount": tokens_out,
        "invocationLatency": 500,
        "firstByteLatency": 250,
    }


def borrowed_of(data: Data) -> Dialect | None:
    """Return the dialect that an answer or an event is one of; None for another format."""
    if str(data.get("type")) in _ANTHROPIC_TYPES:
        return ANTHROPIC
    return OPENAI if "choices" in data else None


def server_sent(data: Data) -> bytes:
    """Return an object as the event of a borrowed dialect."""
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def prompt_of(data: Data) -> tuple[PromptFormat, Data] | None:
    """Return the format of an answer or an event of a model that takes a prompt, and what holds its text."""
    found = ((form, form.holder(data)) for form in PROMPTS.values())
    return next(((form, held) for form, held in found if held is not None), None)


def read_text(data: Data) -> str:
    """Return the text in an answer or an event of such a model."""
    found = prompt_of(data)
    return wire.text_of(found[1].get(found[0].text)) if found else ""


def read_finish(data: Data) -> FinishReason | None:
    """Return the reason for the end that it holds."""
    found = prompt_of(data)
    return found[0].words.read(found[1].get(found[0].reason)) if found else None


def read_usage(data: Data) -> tuple[int | None, int | None]:
    """Return the tokens that are billed."""
    if counted := wire.as_object(data.get(METRICS)):
        return wire.count_of(counted.get("inputTokenCount")), wire.count_of(counted.get("outputTokenCount"))
    found = prompt_of(data)
    if found is None or found[0].counts is None:
        return None, None
    tokens_in, tokens_out = found[0].counts
    return wire.count_of(data.get(tokens_in)), wire.count_of(data.get(tokens_out))


def without_usage(data: Data) -> Data:
    """Return an event of any model without its usage."""
    counts = {name for form in PROMPTS.values() for name in form.counts or ()}
    return {key: value for key, value in data.items() if key != METRICS and key not in counts}


def changed(data: Data, change: Callable[[PromptFormat, Data], Data]) -> Data:
    """Return an event of a model that takes a prompt, with what holds its text changed; another event as it is."""
    found = prompt_of(data)
    if found is None:
        return data
    form, held = found
    made = change(form, held)
    return {**data, form.event: [made]} if form.event else {**data, **made}
