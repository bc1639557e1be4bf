"""Why an answer ended, in OpenAI's words whatever the provider's."""

from __future__ import annotations

from typing import Any

from harness.provider.dialects import wire

_FILTERED = frozenset(
    {"content_filter", "refusal", "safety", "recitation", "blocklist", "prohibited_content", "spii", "image_safety"}
)
_LENGTH = frozenset({"length", "max_tokens", "model_context_window_exceeded"})


_TELLING = tuple(word.encode() for word in (*sorted(_FILTERED | _LENGTH), "blockreason", "\\u"))


def in_body(body: bytes) -> str | None:
    """Return the `reason` of a plain answer; None for a mere `stop` too, which most are and need not be read for."""
    small = body.lower()
    return reason(wire.load(body)) if any(word in small for word in _TELLING) else None


def reason(answer: Any) -> str | None:
    """Return `stop`, `length` or `content_filter`; None where nothing says it.

    Args:
        answer: A plain answer's JSON, or that of an event of a stream.
    """
    data = wire.as_object(answer)
    places = (
        (next(iter(wire.objects(data.get("choices"))), {}), "finish_reason"),
        (next(iter(wire.objects(data.get("candidates"))), {}), "finishReason"),
        (wire.as_object(data.get("delta")), "stop_reason"),
        (data, "stop_reason"),
        (wire.as_object(data.get("promptFeedback")), "blockReason"),
    )
    for place, name in places:
        said = place.get(name)
        if isinstance(said, str) and said:
            if name == "blockReason" or said.lower() in _FILTERED:
                return "content_filter"
            return "length" if said.lower() in _LENGTH else "stop"
    return None
