"""Prompt caches of mocked providers: what they keep, for how long, and how each vendor reports it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.chain import Price
from harness.provider.answer import Answer
from harness.provider.dialects import DIALECTS
from harness.provider.prompt_cache import LIFETIME_NS, NOTHING_CACHED, PREFIXES_MAX, CachedPart, PrefixEnd, WarmPrefixes
from harness.provider.respond import parse, respond
from harness.provider.usage import cost_usd
from tests.provider.exchange import ATTEMPT, STREAMED, WAYS, dialect_of, format_of, provider, sent, split

LONG = "Quote the handbook. " * 600
"""3,000 tokens, as the mocks count them."""
ENDS = (PrefixEnd(1024, b"a", kept=True), PrefixEnd(1152, b"b", kept=True))
AUTOMATIC = ("openai", "azure", "openrouter", "openai-compatible", "deepseek", "responses", "gemini", "vertex_ai")
MARKED = ("anthropic", "bedrock", "bedrock-invoke", "vertex_ai-claude")
READ = 2_944
"""The whole steps of 128 tokens in the prompt's 3,000."""


def long_body(way: str, question: str, *, system: str = LONG, mark: bool = False, stream: bool = False) -> bytes:
    """Return a call with a long text for the system, and a short question."""
    form = format_of(way)
    asked: dict[str, Any] = {"model": "gpt-4", "stream": stream, "max_tokens": 9}
    if form == "gemini":
        contents = [{"role": "user", "parts": [{"text": question}]}]
        return json.dumps({"systemInstruction": {"parts": [{"text": system}]}, "contents": contents}).encode()
    if form == "responses":
        return json.dumps({"model": "gpt-4", "stream": stream, "instructions": system, "input": question}).encode()
    if way == "bedrock":
        blocks = [{"text": system}, *([{"cachePoint": {"type": "default"}}] if mark else [])]
        messages = [{"role": "user", "content": [{"text": question}]}]
        return json.dumps({"system": blocks, "messages": messages}).encode()
    messages: Any = [{"role": "user", "content": question}]
    if form == "anthropic":
        marked = {"cache_control": {"type": "ephemeral"}} if mark else {}
        blocks = [{"type": "text", "text": system, **marked}]
        own = asked if way == "anthropic" else {"anthropic_version": "x", "max_tokens": 9}
        return json.dumps({**own, "system": blocks, "messages": messages}).encode()
    options = {"stream_options": {"include_usage": True}} if stream else {}
    return json.dumps({**asked, **options, "messages": [{"role": "system", "content": system}, *messages]}).encode()


def answer_to(warm: WarmPrefixes, way: str, body: bytes, *, now_ns: int = 0, stream: bool = False) -> Answer:
    """Return what a provider with this cache answers, its prompts warm at once."""
    path = (STREAMED if stream else WAYS)[way].replace("gpt-4", "gpt-4o")
    call = parse(provider(way), "POST", path, body)
    assert call.problem is None
    return respond(
        provider(way), call._replace(cached=warm.take(call.prefixes, now_ns=now_ns, ready_ns=now_ns)), ATTEMPT
    )


def test_a_prompt_is_warm_once_it_is_answered_and_for_five_minutes() -> None:
    """A second prompt that comes before the first token finds nothing; each use counts anew."""
    warm = WarmPrefixes()
    assert warm.take(ENDS, now_ns=0, ready_ns=50).read == 0
    assert warm.take(ENDS, now_ns=49, ready_ns=99).read == 0
    assert warm.take(ENDS[:1], now_ns=50, ready_ns=100) == CachedPart(read=1024)
    assert warm.take(ENDS, now_ns=60, ready_ns=100) == CachedPart(read=1152)
    assert warm.take(ENDS, now_ns=59 + LIFETIME_NS, ready_ns=100 + LIFETIME_NS).read == 1152
    assert warm.take(ENDS, now_ns=59 + 2 * LIFETIME_NS, ready_ns=70 + 2 * LIFETIME_NS).read == 0
    assert warm.take(ENDS, now_ns=60 + 2 * LIFETIME_NS, ready_ns=0).read == 0
    assert warm.take(ENDS, now_ns=70 + 2 * LIFETIME_NS, ready_ns=0).read == 1152


def test_memory_is_bounded() -> None:
    """Those used least lately leave first."""
    warm = WarmPrefixes()
    warm.take(ENDS, now_ns=0, ready_ns=0)
    others = tuple(PrefixEnd(2000 + place, str(place).encode(), kept=True) for place in range(PREFIXES_MAX - 1))
    warm.take(others, now_ns=1, ready_ns=1)
    assert warm.take(ENDS[:1], now_ns=2, ready_ns=2).read == 0
    assert warm.take(others[-1:], now_ns=2, ready_ns=2).read == others[-1].tokens


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("way", AUTOMATIC)
def test_what_begins_alike_is_cached_by_itself(way: str, *, stream: bool) -> None:
    """Another question after the same 3,000 tokens: all but the last step of 128 tokens comes from the cache."""
    warm = WarmPrefixes()
    assert answer_to(warm, way, long_body(way, "one?", stream=stream), stream=stream).cached == CachedPart(0, READ)
    answer = answer_to(warm, way, long_body(way, "two?", stream=stream), stream=stream)
    assert answer.cached is not None
    assert answer.cached.read == READ
    assert _reported(way, answer, stream=stream) == CachedPart(READ)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("way", MARKED)
def test_what_is_marked_is_cached(way: str, *, stream: bool) -> None:
    """The first call writes what comes before the mark, the second reads it; a call without marks does neither."""
    warm = WarmPrefixes()
    plain = answer_to(warm, way, long_body(way, "none?", stream=stream), stream=stream)
    assert (plain.cached, plain.tokens_in) == (None, 3001)
    first = answer_to(warm, way, long_body(way, "one?", mark=True, stream=stream), stream=stream)
    assert first.cached == _reported(way, first, stream=stream) == CachedPart(0, 3000)
    second = answer_to(warm, way, long_body(way, "two?", mark=True, stream=stream), stream=stream)
    assert second.cached == _reported(way, second, stream=stream) == CachedPart(3000, 0)
    assert second.tokens_in == 3001


def _reported(way: str, answer: Answer, *, stream: bool) -> CachedPart | None:
    """Return what our own reader finds in the bytes; the tokens of the prompt add up."""
    dialect = DIALECTS[dialect_of(way)]
    assert dialect.cache_usage is not None
    raws = split(sent(answer)) if stream else [sent(answer)]
    found = [each for raw in raws if (each := dialect.cache_usage.read(raw)) is not None]
    counts = [dialect.read_usage(raw)[0] for raw in raws] if stream else [dialect.read_body(200, raws[0]).tokens_in]
    (tokens_in,) = {count for count in counts if count is not None}
    assert found[-1].total(tokens_in) == answer.tokens_in
    return found[-1].part


@pytest.mark.parametrize("way", [*AUTOMATIC, *MARKED, "cohere", "ollama_chat"])
def test_short_prompts_are_not_cached(way: str) -> None:
    """1,000 tokens are too few for every vendor, and some have no cache."""
    system = LONG[:4000] if way in (*AUTOMATIC, *MARKED) else LONG
    if way in ("cohere", "ollama_chat"):
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": system}]}).encode()
    else:
        body = long_body(way, "", system=system, mark=True)
    call = parse(provider(way), "POST", WAYS[way].replace("gpt-4", "gpt-4o"), body)
    assert (call.problem, call.prefixes, call.cached) == (None, (), NOTHING_CACHED)


def test_a_prompt_that_begins_otherwise_is_not_cached() -> None:
    """Another first word, other tools, or another model."""
    warm = WarmPrefixes()
    body = json.loads(long_body("openai", "one?"))
    answer_to(warm, "openai", json.dumps(body).encode())
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    for other in (
        {**body, "messages": [{"role": "system", "content": "A" + LONG}]},
        {**body, "tools": tools},
        {**body, "model": "gpt-5"},
    ):
        cached = answer_to(warm, "openai", json.dumps(other).encode()).cached
        assert cached is not None
        assert cached.read == 0
    again = answer_to(warm, "openai", json.dumps(body).encode()).cached
    assert again is not None
    assert again.read == READ


def test_a_conversation_reads_its_earlier_turns() -> None:
    """The mark moves on with each turn, and the text before it is the same."""
    warm = WarmPrefixes()
    turns: list[dict[str, Any]] = [{"role": "user", "content": LONG}]

    def ask() -> CachedPart | None:
        *before, last = turns
        block = {"type": "text", "text": last["content"], "cache_control": {"type": "ephemeral"}}
        asked = {"model": "claude", "max_tokens": 9, "messages": [*before, {"role": "user", "content": [block]}]}
        return answer_to(warm, "anthropic", json.dumps(asked).encode()).cached

    assert ask() == CachedPart(0, 3000)
    turns += [{"role": "assistant", "content": "x" * 400}, {"role": "user", "content": "y" * 40}]
    assert ask() == CachedPart(3000, 110)
    turns += [{"role": "assistant", "content": "x" * 400}, {"role": "user", "content": "z" * 40}]
    assert ask() == CachedPart(3110, 110)


@pytest.mark.parametrize(
    ("way", "model", "tokens", "kept"),
    [
        ("gemini", "gemini-2.0-flash", 3000, False),
        ("gemini", "gemini-2.5-flash", 2000, False),
        ("gemini", "gemini-2.5-flash", 3000, True),
        ("gemini", "gemini-3-pro", 3000, False),
        ("anthropic", "claude-sonnet-4", 1500, True),
        ("anthropic", "claude-3-haiku", 1500, False),
        ("anthropic", "claude-haiku-4-5", 3000, False),
    ],
)
def test_models_differ_in_their_least_length(way: str, model: str, tokens: int, *, kept: bool) -> None:
    """By the vendors' tables."""
    body = long_body(way, "", system="x" * 4 * tokens, mark=True).replace(b"gpt-4", model.encode())
    call = parse(provider(way), "POST", WAYS[way].replace("gpt-4", model), body)
    assert bool(call.prefixes) == kept


def test_cached_tokens_have_prices_of_their_own() -> None:
    """Read at a tenth, written at five quarters; without such prices they cost as much as others."""
    price = Price(input=2, output=0, cache_read=0.2, cache_write=2.5)
    assert cost_usd(price, 1_000_000, 0, CachedPart(500_000, 100_000)) == pytest.approx(0.1 + 0.25 + 0.8)
    assert cost_usd(Price(input=2, output=0), 1_000_000, 0, CachedPart(500_000)) == 2
