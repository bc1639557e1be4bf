"""Where a prompt may be cut for a vendor's prompt cache, and how the cached tokens are read from what vendors send."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from harness.provider.dialects import wire
from harness.provider.prompt_cache import TOKENS_MIN, CachedPart, PrefixEnd

CHARS_PER_TOKEN = 4
STEP_TOKENS = 128
"""OpenAI caches in steps of so many tokens. Google documents no step; the same one is assumed."""
_MARKS = ("cache_control", "cachePoint")


class CachingRule(NamedTuple):
    """What a vendor's prompt cache keeps.

    Attributes:
        least: Returns the least tokens of a prefix, given the model; None for a model without a cache.
        step: A prefix may end every so many tokens. None: it ends where the caller has marked a block of the prompt, and a
            prompt without a mark is not cached.
    """

    least: Callable[[str], int | None]
    step: int | None = STEP_TOKENS


AUTOMATIC = CachingRule(least=lambda _model: TOKENS_MIN)
"""OpenAI's, Azure's and that of vendors with OpenAI's format (https://platform.openai.com/docs/guides/prompt-caching). At OpenAI the
models from gpt-4o on have a cache; here all have, as the models of mocks are often names only."""


def _least_of_claude(model: str) -> int:
    return next((tokens for sign, tokens in _CLAUDES if re.search(sign, model)), TOKENS_MIN)


_CLAUDES = ((r"haiku-4-5|opus-4-[5-9]", 4096), (r"haiku", 2048))
OF_CLAUDE = CachingRule(least=_least_of_claude, step=None)
"""That of Anthropic's models, wherever they run (https://docs.claude.com/en/docs/build-with-claude/prompt-caching)."""


def _least_of_gemini(model: str) -> int | None:
    if re.search(r"gemini-(?:1|2\.0)", model):
        return None
    return 4096 if re.search(r"gemini-[3-9]", model) else 2048


OF_GEMINI = CachingRule(least=_least_of_gemini)
"""Google's implicit caching, of Gemini 2.5 and later models (https://ai.google.dev/gemini-api/docs/caching)."""


class CachePrices(NamedTuple):
    """What cached tokens cost at a vendor, as shares of the price of others; assumed where the price list has no price.

    Attributes:
        read: Of tokens that are read from the cache.
        write: Of tokens that are written to it.
    """

    read: float
    write: float = 1.0


class ReportedCache(NamedTuple):
    """What a vendor reports of its prompt cache.

    Attributes:
        part: What the cache had of the prompt.
        beside: These tokens come on top of those that are reported as the prompt's.
    """

    part: CachedPart
    beside: bool

    def total(self, tokens_in: int | None) -> int | None:
        """Return all tokens of the prompt, given those that are reported as the prompt's."""
        if tokens_in is None or not self.beside:
            return tokens_in
        return tokens_in + self.part.read + self.part.written


class _ReportForm(NamedTuple):
    """Where a vendor reports it.

    Attributes:
        read: The path to the tokens that were read, from the usage on.
        written: The field of those that were written, where they are billed for that.
        beside: They come on top of the prompt's.
        usage: The field of the usage.
        within: The object of an event that holds the usage, if not the event itself.
    """

    read: tuple[str, ...]
    written: str = ""
    beside: bool = False
    usage: str = "usage"
    within: str = ""


_FORMS = (
    _ReportForm(("prompt_tokens_details", "cached_tokens")),
    _ReportForm(("input_tokens_details", "cached_tokens")),
    _ReportForm(("input_tokens_details", "cached_tokens"), within="response"),
    _ReportForm(("cache_read_input_tokens",), "cache_creation_input_tokens", beside=True),
    _ReportForm(("cache_read_input_tokens",), "cache_creation_input_tokens", beside=True, within="message"),
    _ReportForm(("cachedContentTokenCount",), usage="usageMetadata"),
    _ReportForm(("cacheReadInputTokens",), "cacheWriteInputTokens", beside=True),
)


def reported(raw: bytes) -> ReportedCache | None:
    """Return what an event or a plain body of JSON reports of the prompt cache; None where it reports nothing.

    The vendors' fields have different names, and gateways use several of them.
    """
    if b"ache" not in raw:
        return None
    data = wire.load(raw)
    if isinstance(data, list):
        data = next(iter(wire.objects(data)), {})
    if not isinstance(data, dict):
        data = wire.data_of(raw)
    return next((found for form in _FORMS if (found := _reported(data, form)) is not None), None)


def _reported(data: dict[str, Any], form: _ReportForm) -> ReportedCache | None:
    counts = wire.as_object((wire.as_object(data.get(form.within)) if form.within else data).get(form.usage))
    found: Any = counts
    for name in form.read:
        found = wire.as_object(found).get(name)
    read = wire.count_of(found)
    if read is None:
        return None
    written = wire.count_of(counts.get(form.written)) or 0
    return ReportedCache(CachedPart(read, written), form.beside)


class CacheUsage(NamedTuple):
    """How a dialect reports and bills cached tokens.

    Attributes:
        prices: Assumed of its models.
        read: Returns what an event or a plain body reports of the prompt cache; None where it reports nothing.
    """

    prices: CachePrices
    read: Callable[[bytes], ReportedCache | None] = reported


def ends_of(
    model: str, body: Mapping[str, Any], parts: tuple[Any, ...], rule: CachingRule, tokens: int
) -> tuple[PrefixEnd, ...]:
    """Return where the prefixes of a prompt end, the shortest first; none where a cache would not keep it.

    Args:
        model: That is asked.
        body: With the `tools`, which come before the prompt.
        parts: The system's text and the messages, in order.
        rule: The vendor's.
        tokens: Length of the prompt.
    """
    least = rule.least(model)
    if least is None or tokens < least:
        return ()
    seed = f"{model}\0{json.dumps(body.get('tools'))}"
    if rule.step is None:
        return _at_marks(seed, _pieces(parts), least, last=bool(body.get("cache_control")))
    return _at_steps(seed, _pieces(parts), least, rule.step)


def _at_steps(seed: str, pieces: Iterator[_PromptPiece], least: int, step: int) -> tuple[PrefixEnd, ...]:
    hashed = _hash(seed)
    ends: list[PrefixEnd] = []
    chars, due = 0, least * CHARS_PER_TOKEN
    for piece in pieces:
        hashed.update(piece.head.encode("utf-8", "surrogatepass"))
        text, at = piece.text, 0
        while chars + len(text) - at >= due:
            begin, at = at, at + due - chars
            hashed.update(text[begin:at].encode("utf-8", "surrogatepass"))
            ends.append(PrefixEnd(due // CHARS_PER_TOKEN, hashed.digest(), kept=True))
            chars, due = due, due + step * CHARS_PER_TOKEN
        hashed.update(text[at:].encode("utf-8", "surrogatepass"))
        chars += len(text) - at
    return tuple(ends)


def _at_marks(seed: str, pieces: Iterator[_PromptPiece], least: int, *, last: bool) -> tuple[PrefixEnd, ...]:
    hashed = _hash(seed)
    ends: list[PrefixEnd] = []
    chars = 0
    for piece in pieces:
        hashed.update((piece.head + piece.text).encode("utf-8", "surrogatepass"))
        chars += len(piece.text)
        if chars >= least * CHARS_PER_TOKEN:
            ends.append(PrefixEnd(chars // CHARS_PER_TOKEN, hashed.digest(), kept=piece.marked))
    if last and ends:
        ends[-1] = ends[-1]._replace(kept=True)
    while ends and not ends[-1].kept:
        ends.pop()
    return tuple(ends)


def _hash(seed: str) -> blake2b:
    return blake2b(seed.encode("utf-8", "surrogatepass"), digest_size=16)


class _PromptPiece(NamedTuple):
    """A piece of a prompt.

    Attributes:
        head: What is no text of it: who says it, calls of tools and the like.
        text: Its text.
        marked: The caller wants the prompt cached up to its end.
    """

    head: str
    text: str
    marked: bool


def _pieces(parts: tuple[Any, ...]) -> Iterator[_PromptPiece]:
    """Give the pieces of system texts and messages, in the order in which their characters are counted."""
    for part in parts:
        if isinstance(part, str):
            yield _PromptPiece("", part, marked=False)
        for item in wire.objects(part):
            name = next((name for name in ("content", "parts") if isinstance(item.get(name), list)), None)
            if name is None or isinstance(item.get("text"), str):
                yield _piece(item, "content" if isinstance(item.get("content"), str) else "text")
            else:
                yield _PromptPiece(_head(item, name), "", marked=False)
                for block in wire.objects(item[name]):
                    yield _piece(block, "text")


def _piece(item: dict[str, Any], field: str) -> _PromptPiece:
    text = item.get(field)
    marked = any(name in item for name in _MARKS)
    if not isinstance(text, str):
        return _PromptPiece(_head(item), "", marked)
    return _PromptPiece(_head(item, field, "type"), text, marked)


def _head(item: dict[str, Any], *beside: str) -> str:
    """Return what an item holds beside some fields, without marks: callers move those from turn to turn."""
    rest = {key: value for key, value in item.items() if key not in beside and key not in _MARKS}
    return json.dumps(rest) if rest else ""
