"""OpenAI's responses."""

from __future__ import annotations

from typing import Any

from harness.caller.answer import (
    NO_CONTENT,
    AnswerForm,
    Asked,
    Reading,
    StreamReading,
    shape,
    usage,
    whole,
    wrong_shape,
)
from harness.caller.sse import Event
from harness.provider.dialects import wire
from harness.provider.dialects.wire import load
from harness.provider.tools import ToolCall

_ENDS = ("response.completed", "response.incomplete")


def _request(asked: Asked) -> dict[str, Any]:
    request: dict[str, Any] = {"input": asked.texts[0], "model": asked.model}
    if asked.max_tokens is not None:
        request["max_output_tokens"] = asked.max_tokens
    return request | ({"stream": True} if asked.streaming else {})


def read_plain(body: bytes) -> Reading:
    """Return the reading of a plain answer: the text of all its messages, then its calls."""
    answer = load(body)
    reading = _read(answer)
    return wrong_shape(shape(body, answer, "no output")) if reading is None else reading


def _read(response: Any) -> Reading | None:
    """Return the reading of a response's object; None where it is none."""
    try:
        if response.get("error"):
            return None
        items = response["output"]
        texts = [
            part.get("text") or ""
            for item in items
            if item.get("type") == "message"
            for part in item.get("content") or ()
            if part.get("type") == "output_text"
        ]
        calls = tuple(
            ToolCall(
                name=wire.text_of(item.get("name")),
                arguments=wire.text_of(item.get("arguments")),
                id=wire.text_of(item.get("call_id")),
            )
            for item in items
            if item.get("type") == "function_call"
        )
        content = "".join(texts)
    except (TypeError, LookupError, AttributeError):
        return None
    return whole(
        content,
        calls,
        tokens=usage(response, "input_tokens", "output_tokens"),
        error=None if content or calls else NO_CONTENT,
    )


class ResponseStream(StreamReading):
    """A stream of a response's events. The response that ends it counts: that is what the official client hands over at the end."""

    def __init__(self) -> None:
        super().__init__()
        self._final: Reading | None = None

    def end(self, broken: str | None = None) -> Reading:
        """Return the reading; see `StreamReading.end`."""
        streamed = super().end(broken)
        if self._final is None or streamed.outcome != "ok":
            return streamed
        if self._final.text != streamed.text:
            return whole(
                self._final.content,
                self._final.calls,
                tokens=self._tokens,
                error="the response that ends the stream is not what was streamed",
            )
        return streamed

    def _take(self, event: Event) -> None:
        data = load(event.data)
        kind = data.get("type") if isinstance(data, dict) else None
        if not isinstance(kind, str) or kind == "error" or data.get("error"):
            self._refuse_error({"error": data} if kind == "error" else data)
        elif kind == "response.failed":
            self._refuse_error(data.get("response"))
        elif kind == "response.output_text.delta":
            self._text(wire.text_of(data.get("delta")))
        elif kind == "response.output_item.added":
            item = data.get("item")
            if isinstance(item, dict) and item.get("type") == "function_call":
                name, call_id = wire.text_of(item.get("name")), wire.text_of(item.get("call_id"))
                self._call(ToolCall(name=name, id=call_id, place=wire.count_of(data.get("output_index"))))
        elif kind == "response.function_call_arguments.delta":
            self._call(
                ToolCall(arguments=wire.text_of(data.get("delta")), place=wire.count_of(data.get("output_index")))
            )
        elif kind in _ENDS:
            self._final = _read(data.get("response"))
            self._tokens = usage(data.get("response"), "input_tokens", "output_tokens")
            self.finished = True


FORM = AnswerForm(headers={}, request=_request, plain=read_plain, stream=ResponseStream)
