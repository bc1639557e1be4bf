"""The reference chain's answers: OpenAI's format, and a field `chain` with all that was tried."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.chain.reference import ChainExhausted, Done
from harness.chain.scrub import scrub
from harness.drivers.reference.attempt import PartialAnswer
from harness.drivers.reference.calls import encoded
from harness.drivers.server import AnswerHeaders

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


def completion(model: str, texts: Iterable[str], reading: PartialAnswer, done: Done) -> str:
    """Return a plain answer."""
    message = {"role": "assistant", "content": "".join(texts)}
    return _json(
        {
            "id": f"chatcmpl-{done.served_by}-{done.attempt}",
            "object": "chat.completion",
            "created": 0,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": reading.finish}],
            "usage": _usage(reading),
            "chain": _chain_field(done),
        }
    )


def _usage(reading: PartialAnswer) -> dict[str, int | None]:
    tokens_in, tokens_out = reading.used
    total = None if tokens_in is None or tokens_out is None else tokens_in + tokens_out
    return {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": total}


def chunk(model: str, text: str) -> str:
    """Return a piece of a stream."""
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    return _json(
        {"id": "chatcmpl", "object": "chat.completion.chunk", "created": 0, "model": model, "choices": [choice]}
    )


def last_chunk(model: str, reading: PartialAnswer, done: Done) -> str:
    """Return a stream's last piece, which holds the field `chain`."""
    last = {"index": 0, "delta": {}, "finish_reason": reading.finish}
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
