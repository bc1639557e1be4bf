"""What the kinds of faults share of their words."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.provider.fault_kind import Words
from harness.quantities import exact

if TYPE_CHECKING:
    from harness.provider.inject import Inject


def phrases(*, did: str, one: str, many: str) -> Callable[[Inject], Words]:
    """Return the words of a kind that are the same whatever its keys are, but for its label; see `Words`."""

    def words(inject: Inject) -> Words:
        name = f"stream {inject.stream}" if inject.stream else inject.kind
        return Words(label(name, inject), did, one, many)

    return words


def label(name: str, inject: Inject) -> str:
    """Return a fault's name and its parameters: `429 rate_limit Retry-After 2 s`."""
    words = [name, *([inject.error] if inject.error else [])]
    words += ["with a body of its own"] if inject.body is not None else []
    if inject.retry_after is not None:
        words.append(f"Retry-After {exact(inject.retry_after, 'ns')}")
    words += [exact(at, "ns") for at in (inject.delay, inject.pause, inject.ttft) if at is not None]
    if inject.after_tokens is not None:
        words.append(f"after {inject.after_tokens} tokens")
    if inject.tokens_per_second is not None:
        words.append(f"{exact(inject.tokens_per_second, 'count')} tokens/s")
    if inject.bytes_per_second is not None:
        words.append(f"{inject.bytes_per_second} bytes/s")
    words += [f"{key} {value}" for key, value in (inject.options or {}).items()]
    return " ".join(words)
