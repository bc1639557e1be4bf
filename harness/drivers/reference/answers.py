"""The reference chain's answers: OpenAI's format, and a field `chain` with all that was tried."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.chain.reference import ChainExhausted, Done
from harness.chain.scrub import scrub
from harness.drivers.reference.attempt import PartialAnswer
from harness.drivers.reference.calls import encoded
from harness.drivers.server import AnswerHeaders
from harness.provider.tools import CallPieces, ToolCall, begins, joined

_STATUS = {"timeout": 504, "connection": 502, "content_policy": 400}


def _chain_field(done: Done) -> dict[str, Any]:
    """Return the field `chain`."""
    return {
        "served_by": done.served_by,
        "depth": done.depth,
        "order": list(done.order),
        "attempts": len(done.tried),
        "tried": [each._asdict() for each in done.tried],
        "skipped": [{"provider": skip.provider, "reason": skip.reason} for skip in done.skipped],
        "cost_usd": done.cost_usd,
    }


def headers(done: Done) -> AnswerHeaders:
    """Return the chain's own headers, once it is known whose answer the caller gets."""
    return {
        "x-chain-served-by": done.served_by or "",
        "x-chain-depth": str(done.depth),
        "x-chain-attempts": str(len(done.tried)),
        "x-chain-tried": ", ".join(f"{each.provider};{each.failure or 'ok'}" for each in done.tried),
    }


def cost(done: Done) -> AnswerHeaders:
    """Return the header with the cost of all attempts, once they are over."""
    return {"x-chain-cost-usd": f"{done.cost_usd:.6f}"}


def _json(data: Any) -> str:
    return encoded(data).decode()


class CallNames:
    """Numbers the calls of tools in one answer, and names those that their provider does not.

    Args:
        request: A name that no other request of the chain has.
    """

    def __init__(self, request: str) -> None:
        self._request = request
        self._ids: list[str] = []
        self._places: dict[int | None, int] = {}

    def deltas(self, pieces: Iterable[ToolCall]) -> list[dict[str, Any]]:
        """Return calls, or pieces of them, as a chunk of OpenAI's stream has them; a call's first piece has its name and id."""
        return [self._delta(piece) for piece in pieces]

    def _delta(self, piece: ToolCall) -> dict[str, Any]:
        place = self._places.get(piece.place)
        if place is not None and not begins(piece, self._ids[place]):
            return {"index": place, "function": {"arguments": piece.arguments}}
        place = self._places[piece.place] = len(self._ids)
        self._ids.append(piece.id)
        call: dict[str, Any] = {
            "index": place,
            "id": piece.id or f"call_{self._request}_{place}",
            "type": "function",
            "function": {"name": piece.name, "arguments": piece.arguments},
        }
        if piece.signature:  # where Google's own OpenAI-compatible API has it, too
            call["extra_content"] = {"google": {"thought_signature": piece.signature}}
        return call


def completion(model: str, pieces: Sequence[CallPieces], names: CallNames, reading: PartialAnswer, done: Done) -> str:
    """Return a plain answer."""
    text = "".join(piece.text for piece in pieces)
    calls = names.deltas(joined(reading.calls))
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        without_index = [{key: value for key, value in call.items() if key != "index"} for call in calls]
        message |= {"content": text or None, "tool_calls": without_index}
    return _json(
        {
            "id": f"chatcmpl-{done.served_by}-{done.attempt}",
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": _finish(reading)}],
            "usage": _usage(reading),
            "chain": _chain_field(done),
        }
    )


def embeddings(body: Mapping[str, Any], reading: PartialAnswer, done: Done) -> str:
    """Return the answer to a request for embeddings."""
    write = _base64 if body.get("encoding_format") == "base64" else list
    data = [
        {"object": "embedding", "index": place, "embedding": write(vector)}
        for place, vector in enumerate(reading.vectors)
    ]
    tokens_in = reading.used[0]
    usage = {"prompt_tokens": tokens_in, "total_tokens": tokens_in}
    return _json({"object": "list", "data": data, "model": body["model"], "usage": usage, "chain": _chain_field(done)})


def _base64(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _finish(reading: PartialAnswer) -> str | None:
    """Return why an answer ended: not every vendor has a word for calls of tools."""
    return "tool_calls" if reading.calls and reading.finish == "stop" else reading.finish


def _usage(reading: PartialAnswer) -> dict[str, int | None]:
    tokens_in, tokens_out = reading.used
    total = None if tokens_in is None or tokens_out is None else tokens_in + tokens_out
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": total}


def chunk(model: str, piece: CallPieces, names: CallNames) -> str:
    """Return a piece of a stream."""
    delta: dict[str, Any] = {"role": "assistant", "content": piece.text}
    if piece.calls:
        delta |= {"content": piece.text or None, "tool_calls": names.deltas(piece.calls)}
    choice = {"index": 0, "delta": delta, "finish_reason": None}
    return _json(
        {"id": "chatcmpl", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [choice]}
    )


def last_chunk(model: str, reading: PartialAnswer, done: Done) -> str:
    """Return a stream's last piece, which holds the field `chain`."""
    last = {"index": 0, "delta": {}, "finish_reason": _finish(reading)}
    return _json(
        {
            "id": "chatcmpl",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": model,
            "choices": [last],
            "usage": _usage(reading),
            "chain": _chain_field(done),
        }
    )


def explain(error: Exception, hidden: frozenset[str]) -> tuple[int, dict[str, Any]]:
    """Return status and body of a failure: the last provider's status, and all that was tried.

    Args:
        error: What `Reference.ask` raised.
        hidden: Texts that may not be in it.
    """
    if not isinstance(error, ChainExhausted):
        status = 400 if isinstance(error, ValueError) else 500
        payload = {"message": scrub(str(error), hidden), "type": type(error).__name__, "param": None, "code": None}
        return status, {"error": payload}
    done = error.done
    last = done.last
    status = 503 if done.skipped and not done.tried else 504
    if last is not None:
        status = last.status if last.status and last.status >= 400 else _STATUS.get(last.failure or "", 502)
    code = "chain_exhausted" if last is None else last.failure
    payload = {"message": scrub(str(error), hidden), "type": "chain_exhausted", "param": None, "code": code}
    return status, {"error": payload, "chain": _chain_field(done)}
