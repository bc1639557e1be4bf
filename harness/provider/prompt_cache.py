"""What a provider's prompt cache holds: the beginnings of prompts that it has processed lately.

A cache is told the time, so it is the same in both engines. What is assumed of every vendor: a prefix is warm from the first token of
the answer to it on, and stays so for five minutes after its last use.
"""

from __future__ import annotations

from typing import NamedTuple

TOKENS_MIN = 1024
"""No prompt below this length is looked at. DeepSeek alone caches shorter ones."""
LIFETIME_NS = 300 * 10**9
"""How long a prefix stays warm after its last use, in nanoseconds. OpenAI: 5 to 10 minutes; Anthropic and Bedrock: 5."""
PREFIXES_MAX = 2**14
"""How many prefixes one provider's cache holds at most: those used least lately leave first."""


class PrefixEnd(NamedTuple):
    """A place at which a prompt may be cut.

    Attributes:
        tokens: How many come before it.
        digest: Hash of the model, the tools and all text before it.
        kept: Whether the cache keeps the prompt up to here.
    """

    tokens: int
    digest: bytes
    kept: bool


class CachedPart(NamedTuple):
    """What a prompt cache had of one prompt.

    Attributes:
        read: Tokens that were read from it.
        written: Tokens that were written to it; some vendors bill them at a price of their own.
    """

    read: int = 0
    written: int = 0


NOTHING_CACHED = CachedPart()


class WarmPrefixes:
    """The prompt cache of one provider.

    Memory is bounded, and a prompt that is too short for a cache never gets here.
    """

    __slots__ = ("_used",)

    def __init__(self) -> None:
        self._used: dict[bytes, tuple[int, int]] = {}

    def take(self, ends: tuple[PrefixEnd, ...], *, now_ns: int, ready_ns: int) -> CachedPart:
        """Return what the cache has of a prompt, and keep the prompt.

        Args:
            ends: Of its prefixes, the shortest first.
            now_ns: The time, in nanoseconds.
            ready_ns: From when on the prompt is warm, in nanoseconds.
        """
        used = self._used
        read = next((end.tokens for end in reversed(ends) if self._is_warm(end.digest, now_ns)), 0)
        written = 0
        for tokens, digest, kept in ends:
            if tokens > read and not kept:
                continue
            warm_ns, last_ns = used.pop(digest, (ready_ns, now_ns))
            if now_ns >= last_ns + LIFETIME_NS:
                warm_ns = ready_ns
            used[digest] = (min(warm_ns, ready_ns), now_ns)
            if tokens > read:
                written = tokens - read
        while len(used) > PREFIXES_MAX:
            del used[next(iter(used))]
        return CachedPart(read, written)

    def _is_warm(self, digest: bytes, now_ns: int) -> bool:
        warm_ns, last_ns = self._used.get(digest, (now_ns + 1, now_ns))
        return warm_ns <= now_ns < last_ns + LIFETIME_NS
