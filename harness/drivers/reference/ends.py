"""Why an answer ended, in OpenAI's words whatever the provider's."""

from __future__ import annotations

from typing import Any

from harness.provider.dialects import wire

_FILTERED = frozenset(
    {"content_filter", "refusal", "safety", "recitation", "blocklist", "prohibited_content", "spii", "image_safety"}
)
_LENGTH = frozenset({"length", "max_tokens", "model_context_window_exceeded"})


def named(said: str | None) -> str | None:
    """Return `stop`, `length` or `content_filter` for a provider's own word; None for none."""
    if not said:
        return None
    small = said.lower()
    return "content_filter" if small in _FILTERED else "length" if small in _LENGTH else "stop"


def reason(answer: Any) -> str | None:
    """Return what the JSON of a stream's event says, as `named` has it; None where it says nothing about it."""
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
            return "content_filter" if name == "blockReason" else named(said)
    return None
