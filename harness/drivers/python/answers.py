"""What a function returns, as the JSON of OpenAI's chat completions and embeddings."""

from __future__ import annotations

import inspect
import json
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from harness.provider.dialects import chat
from harness.provider.tools import ToolCall, joined

Piece = dict[str, Any]
"""A chat completion, or a chunk of one."""
NextItem = Callable[[Iterator[Any]], Awaitable[Any]]
"""Returns the next item of an iterator, without blocking the event loop; `END` after the last one."""

END = object()


class NoAnswerError(TypeError):
    """A function returned something that is no answer."""


def next_or_end(iterator: Iterator[Any]) -> Any:
    """Return an iterator's next item, or `END`."""
    return next(iterator, END)


async def plain(result: Any, *, model: str, step: NextItem) -> str:
    """Return the JSON of a chat completion.

    Args:
        result: Text, an OpenAI-shaped answer, or an iterator of pieces, which are put together.
        model: Of the answer, where the result names none.
        step: Takes the items of an iterator that is not asynchronous.

    Raises:
        NoAnswerError: It is none of these.
    """
    if isinstance(result, str):
        return json.dumps(_completion(result, model))
    if (written := _written(result)) is not None:
        return written
    gathered = _Gathered()
    async with _pieces(result, step) as pieces:
        async for piece in pieces:
            gathered.add(piece)
    return json.dumps(gathered.completion(model))


def vectors(result: Any, *, model: str) -> str:
    """Return the JSON of embeddings.

    Args:
        result: A list of vectors, each a list of numbers, or an OpenAI-shaped answer.
        model: Of the answer, where the result names none.

    Raises:
        NoAnswerError: It is neither.
    """
    if (written := _written(result, "data")) is not None:
        return written
    listed = result.tolist() if hasattr(result, "tolist") else result  # numpy's
    if not isinstance(listed, list | tuple) or not all(map(_is_vector, listed)):
        raise NoAnswerError(f"expected a list of vectors or OpenAI-shaped embeddings, got {type(result).__name__}")
    data = [
        {"object": "embedding", "index": place, "embedding": [float(number) for number in vector]}
        for place, vector in enumerate(listed)
    ]
    return json.dumps({"object": "list", "data": data, "model": model})


def _is_vector(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(number, int | float) for number in value)


async def streamed(result: Any, *, model: str, step: NextItem) -> AsyncGenerator[str, None]:
    """Yield the JSON of the chunks of a stream; arguments and errors as those of `plain`.

    An answer that came at once is one chunk with all of its text, and one that ends the stream.
    """
    if isinstance(result, str):
        yield json.dumps(_chunk(model, {"role": "assistant", "content": result}))
        yield json.dumps(_chunk(model, {}, finish="stop"))
        return
    if (written := _written(result)) is not None:
        for chunk in _split(json.loads(written)):
            yield json.dumps(chunk)
        return
    texts = False
    async with _pieces(result, step) as pieces:
        async for piece in pieces:
            if isinstance(piece, str):
                texts = True
                yield json.dumps(_chunk(model, {"content": piece}))
            elif (written := _written(piece)) is not None:
                yield written
            else:
                raise _none(piece)
    if texts:
        yield json.dumps(_chunk(model, {}, finish="stop"))


@asynccontextmanager
async def _pieces(result: Any, step: NextItem) -> AsyncIterator[AsyncIterator[Any]]:
    """Iterate over what is no answer at once, and close it at the end."""
    if isinstance(result, AsyncIterable):
        iterated: Any = aiter(result)
        pieces = iterated
    elif hasattr(type(result), "__iter__") and not isinstance(result, dict | list | tuple | bytes):
        iterated = iter(result)
        pieces = _stepped(iterated, step)
    else:
        raise _none(result)
    try:
        yield pieces
    finally:
        await _close(iterated)
        if iterated is not result:
            await _close(result)


async def _close(owner: Any) -> None:
    close = getattr(owner, "aclose", None) or getattr(owner, "close", None)
    if close is None:
        return
    with suppress(ValueError):  # a generator in which a thread is still at work cannot be closed
        closing = close()
        if inspect.isawaitable(closing):
            await closing


async def _stepped(iterator: Iterator[Any], step: NextItem) -> AsyncIterator[Any]:
    while (piece := await step(iterator)) is not END:
        yield piece


def _none(result: object) -> NoAnswerError:
    return NoAnswerError(
        f"expected text, an OpenAI-shaped answer or an iterator of pieces, got {type(result).__name__}"
    )


def _written(answer: Any, field: str = "choices") -> str | None:
    """Return the JSON of an OpenAI-shaped object, chunk or answer; None if it has no list in that field."""
    if isinstance(answer, dict):
        return json.dumps(answer) if isinstance(answer.get(field), list) else None
    dump = getattr(answer, "model_dump_json", None)
    if dump is None or not isinstance(getattr(answer, field, None), list):
        return None
    text: str = dump(exclude_none=True)
    return text


class _Gathered:
    """The pieces of a stream, put together: texts, or OpenAI-shaped chunks."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._calls: list[ToolCall] = []
        self._finish: str | None = None

    def add(self, piece: Any) -> None:
        """Take a piece in.

        Raises:
            NoAnswerError: It is none.
        """
        if isinstance(piece, str):
            self._texts.append(piece)
            return
        if (written := _written(piece)) is None:
            raise _none(piece)
        for choice in json.loads(written)["choices"][:1]:
            delta = choice.get("delta") or {}
            self._texts.append(delta.get("content") or "")
            self._calls += chat.calls_of(delta)
            self._finish = choice.get("finish_reason") or self._finish

    def completion(self, model: str) -> Piece:
        """Return the answer that they make."""
        found = _completion("".join(self._texts), model)
        (choice,) = found["choices"]
        choice["finish_reason"] = self._finish or "stop"
        if calls := joined(self._calls):
            choice["message"]["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in calls
            ]
        return found


def _completion(text: str, model: str) -> Piece:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {**_head("chat.completion", model), "choices": [choice]}


def _chunk(model: str, delta: dict[str, Any], *, finish: str | None = None) -> Piece:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {**_head("chat.completion.chunk", model), "choices": [choice]}


def _head(kind: str, model: str) -> Piece:
    return {"id": "chatcmpl-python", "object": kind, "created": int(time.time()), "model": model}


def _split(completion: Piece) -> Iterator[Piece]:
    """Yield the chunks of an answer that came at once."""
    head = {**completion, "object": "chat.completion.chunk"}
    usage = head.pop("usage", None)
    choices = head.pop("choices")
    for choice in choices:
        delta = choice.get("message") or choice.get("delta") or {}
        if calls := delta.get("tool_calls"):
            delta = {**delta, "tool_calls": [{"index": place, **call} for place, call in enumerate(calls)]}
        yield {**head, "choices": [{"index": choice.get("index", 0), "delta": delta, "finish_reason": None}]}
    ends = [
        {"index": each.get("index", 0), "delta": {}, "finish_reason": each.get("finish_reason")} for each in choices
    ]
    yield {**head, "choices": ends, **({} if usage is None else {"usage": usage})}
