"""Embeddings, in every dialect that has them: how they are asked for, answered, refused and read."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.provider import vectors
from harness.provider.answer import Answer, Call
from harness.provider.dialects import DIALECTS, dialect_of
from harness.provider.dialects.declaration import Dialect
from harness.provider.marker import find_attempts
from harness.provider.reply import Send
from harness.provider.respond import parse, respond
from tests.provider.exchange import ATTEMPT, PRESETS, VERTEX, provider
from tests.provider.replies import body, head

EMBEDDING = {name: dialect for name, dialect in DIALECTS.own.items() if dialect.embed is not None}
TEXTS = ["the first text", "a second one of some length", "x"]
BEDROCK_COHERE = "/model/cohere.embed-english-v3/invoke"
TITAN_2 = "/model/amazon.titan-embed-text-v2%3A0/invoke"

# Each address, and where in its answer the vectors are.
ADDRESSES: dict[str, tuple[str, str, dict[str, Any], tuple[Any, ...]]] = {
    "openai": ("openai", "/v1/embeddings", {"model": "m", "input": TEXTS}, ("data", 0, "embedding")),
    "azure": ("azure", "/openai/deployments/m/embeddings?api-version=1", {"input": TEXTS}, ("data", 0, "embedding")),
    "azure-v1": ("azure", "/openai/v1/embeddings", {"model": "m", "input": TEXTS}, ("data", 0, "embedding")),
    "compatible": ("openai-compatible", "/any/embeddings", {"model": "m", "input": TEXTS}, ("data", 0, "embedding")),
    "openrouter": ("openrouter", "/api/v1/embeddings", {"model": "m", "input": TEXTS}, ("data", 0, "embedding")),
    "gemini": ("gemini", "/v1beta/models/m:embedContent", {"content": {"parts": [{"text": "x"}]}}, ("embedding", "values")),
    "gemini-batch": (
        "gemini",
        "/v1beta/models/m:batchEmbedContents",
        {"requests": [{"model": "models/m", "content": {"parts": [{"text": text}]}} for text in TEXTS]},
        ("embeddings", 0, "values"),
    ),
    "vertex": (
        "vertex_ai",
        f"{VERTEX}/google/models/text-embedding-005:predict",
        {"instances": [{"content": text} for text in TEXTS]},
        ("predictions", 0, "embeddings", "values"),
    ),
    "vertex-content": (
        "vertex_ai",
        f"{VERTEX}/google/models/gemini-embedding-2:embedContent",
        {"content": {"parts": [{"text": "x"}]}},
        ("embedding", "values"),
    ),
    "titan-1": ("bedrock", "/model/amazon.titan-embed-text-v1/invoke", {"inputText": "x"}, ("embedding",)),
    "titan-2": ("bedrock", TITAN_2, {"inputText": "x"}, ("embeddingsByType", "float")),
    "titan-arn": ("bedrock", "/model/arn%3Aaws/invoke", {"inputText": "x", "normalize": True}, ("embedding",)),
    "bedrock-cohere": ("bedrock", BEDROCK_COHERE, {"texts": TEXTS, "input_type": "search_query"}, ("embeddings", 0)),
    "cohere": ("cohere", "/v2/embed", {"model": "m", "texts": TEXTS, "embedding_types": ["float"]}, ("embeddings", "float", 0)),
    "cohere-1": ("cohere", "/v1/embed", {"model": "m", "texts": TEXTS}, ("embeddings", 0)),
    "cohere-1-typed": ("cohere", "/v1/embed", {"model": "m", "texts": TEXTS, "embedding_types": ["float"]}, ("embeddings", "float", 0)),
    "ollama": ("ollama", "/api/embed", {"model": "m", "input": TEXTS}, ("embeddings", 0)),
    "ollama-one": ("ollama", "/api/embed", {"model": "m", "input": "x"}, ("embeddings", 0)),
    "ollama-old": ("ollama_chat", "/api/embeddings", {"model": "m", "prompt": "x"}, ("embedding",)),
}  # fmt: skip
WAYS = pytest.mark.parametrize("way", ADDRESSES)


def called(way: str) -> tuple[Dialect, Call, Answer]:
    """Return the dialect at an address, the call, and the mock's answer."""
    name, path, written, _ = ADDRESSES[way]
    spec = provider(name)
    call = parse(spec, "POST", path, json.dumps(written).encode())
    return dialect_of(spec), call, respond(spec, call, ATTEMPT)


@pytest.mark.parametrize("name", EMBEDDING)
@given(
    model=st.sampled_from(
        ["text-embedding-3-small", "embed-v4.0", "amazon.titan-embed-text-v2:0", "gemini-embedding-2"]
    ),
    texts=st.lists(st.text(min_size=1, max_size=40), min_size=1, max_size=4),
    dimensions=st.none() | st.integers(1, 300),
)
def test_what_is_asked_for_is_answered(name: str, model: str, texts: list[str], dimensions: int | None) -> None:
    """Count, dimensions, tokens and the attempt arrive as the dialect itself writes and reads them."""
    dialect = EMBEDDING[name]
    assert dialect.embed is not None
    asked = texts if dialect.embed.batches(model) else texts[:1]
    wanted = {} if dimensions is None else {"dimensions": dimensions}
    written = dialect.embed.request(model, {"model": "chain", "input": asked, **wanted})
    call = dialect.parse("POST", written.path, json.dumps(written.body).encode())
    assert (call.problem, call.model, call.api, call.inputs) == (None, model, "embeddings", len(asked))
    assert (call.dimensions, call.streaming) == (dimensions, False)
    answer = respond(provider(name), call, ATTEMPT)
    read = dialect.embed.read(body(answer.reply))
    assert [len(vector) for vector in read.vectors] == [dimensions or vectors.DIMENSIONS] * len(asked)
    assert read.text == answer.text == "".join(vectors.texts(ATTEMPT, len(asked), dimensions or vectors.DIMENSIONS))
    in_header = any(header == "x-amzn-bedrock-input-token-count" for header, _ in head(answer.reply).headers)
    assert (answer.tokens_in, answer.tokens_out) == (call.prompt_tokens, 0)
    assert read.tokens_in == call.prompt_tokens or (read.tokens_in is None and in_header)


@WAYS
def test_vectors_are_where_the_vendor_puts_them(way: str) -> None:
    """One for each text; each names the attempt."""
    _, call, answer = called(way)
    assert call.problem is None
    found = json.loads(body(answer.reply))
    for step in ADDRESSES[way][3]:
        found = found[step]
    assert len(found) == vectors.DIMENSIONS
    assert find_attempts(vectors.spelled(found) or "") == (ATTEMPT,)
    assert find_attempts(answer.text or "") == (ATTEMPT,) * call.inputs


@WAYS
def test_the_last_vector_can_be_left_out(way: str) -> None:
    """An answer that can only have one is left with an empty one; a body that is none of these stays as it is."""
    dialect, call, answer = called(way)
    assert dialect.embed is not None
    left = dialect.embed.fewer(body(answer.reply))
    assert len(dialect.embed.read(left).vectors) == call.inputs - 1
    assert (answer.text or "").startswith(dialect.embed.read(left).text)
    assert dialect.embed.fewer(b"<html>") == b"<html>"


@WAYS
def test_a_call_without_a_text_is_refused(way: str) -> None:
    """With the vendor's own 400."""
    name, path, written, _ = ADDRESSES[way]
    empty = {key: [] if isinstance(value, list) else "" for key, value in written.items() if key != "model"}
    call = parse(provider(name), "POST", path, json.dumps({**written, **empty}).encode())
    assert call.problem == "invalid_request"
    answer = respond(provider(name), call, ATTEMPT)
    assert head(answer.reply).status == 400
    assert EMBEDDING[name].embed.read(body(answer.reply)).vectors == ()  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "wrong",
    [
        {"dimensions": 0},
        {"dimensions": 10**6},
        {"dimensions": "3"},
        {"encoding_format": "int8"},
        {"encoding_format": []},
        {"model": ""},
        {"model": 1},
        {"input": ["a", 1]},
        {"input": {"a": 1}},
        {"input": ["a"] * 2049},
    ],
)
def test_a_field_that_is_wrong_is_refused(wrong: dict[str, Any]) -> None:
    """Each by itself."""
    asked = {"model": "m", "input": "x", **wrong}
    assert parse(provider("openai"), "POST", "/v1/embeddings", json.dumps(asked).encode()).problem == "invalid_request"


@WAYS
@pytest.mark.parametrize("problem", PRESETS)
def test_errors_are_those_of_chats(way: str, problem: Any) -> None:
    """Status, code and shape are the same at all addresses of a vendor."""
    name = ADDRESSES[way][0]
    dialect, call, _ = called(way)
    refused = [
        respond(provider(name), asked._replace(problem=problem), ATTEMPT) for asked in (call, Call(model=call.model))
    ]
    assert refused[0].error_code == refused[1].error_code
    assert head(refused[0].reply).status == head(refused[1].reply).status
    assert json.loads(body(refused[0].reply)).keys() == json.loads(body(refused[1].reply)).keys()
    assert not dialect.is_answer(body(refused[0].reply))


@given(data=st.recursive(st.none() | st.integers() | st.text(max_size=9), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "embedding", "embeddings", "values", "predictions", "float", "usage", "input", "texts", "requests", "content", "instances", "inputText", "model"]), inner, max_size=4), max_leaves=12))  # fmt: skip
def test_garbage_is_refused_and_read_as_nothing(data: Any) -> None:
    """Never a crash, on either side."""
    raw = json.dumps(data).encode()
    for way, (name, path, _, _) in ADDRESSES.items():
        dialect = EMBEDDING[name]
        call = dialect.parse("POST", path, raw)
        assert call.problem == "invalid_request" or call.inputs or way.startswith("titan")
        assert dialect.embed is not None
        dialect.embed.read(raw)
        dialect.embed.fewer(raw)


@pytest.mark.parametrize(
    ("asked", "inputs", "tokens"),
    [("a text of 16 or so", 1, 4), ([1, 2, 3], 1, 3), ([[1, 2], [3]], 2, 3), (["a", "b"], 2, 2)],
)
def test_texts_may_be_tokens(asked: Any, inputs: int, tokens: int) -> None:
    """As LangChain sends them: a list of numbers is one text."""
    call = parse(provider("openai"), "POST", "/v1/embeddings", json.dumps({"model": "m", "input": asked}).encode())
    assert (call.problem, call.inputs, call.prompt_tokens) == (None, inputs, tokens)


def test_vectors_can_be_base64() -> None:
    """As OpenAI's SDK asks for them by itself."""
    asked = {"model": "m", "input": TEXTS, "encoding_format": "base64", "dimensions": 64}
    call = parse(provider("openai"), "POST", "/v1/embeddings", json.dumps(asked).encode())
    answer = respond(provider("openai"), call, ATTEMPT)
    first = json.loads(body(answer.reply))["data"][0]["embedding"]
    assert isinstance(first, str)
    assert vectors.spelled(vectors.unpacked(first) or ()) == vectors.texts(ATTEMPT, 1, 64)[0]
    assert DIALECTS["openai"].embed.read(body(answer.reply)).text == answer.text  # type: ignore[union-attr]


def test_cohere_writes_vectors_in_every_encoding() -> None:
    """Whole numbers of eight bits, and eight signs in each of them."""
    kinds = ["float", "base64", "int8", "uint8", "binary", "ubinary"]
    asked = {"model": "m", "texts": TEXTS, "embedding_types": kinds, "output_dimension": 256}
    call = parse(provider("cohere"), "POST", "/v2/embed", json.dumps(asked).encode())
    written = json.loads(body(respond(provider("cohere"), call, ATTEMPT).reply))["embeddings"]
    assert list(written) == kinds
    text = vectors.texts(ATTEMPT, 1)[0]
    assert (
        written["int8"][0] == [number * 64 for number in written["float"][0]] == [ord(letter) - 64 for letter in text]
    )
    assert written["uint8"][0] == [number + 128 for number in written["int8"][0]]
    assert written["ubinary"][0] == [number + 128 for number in written["binary"][0]]
    assert "".join(f"{byte:08b}" for byte in written["ubinary"][0]) == "".join("01"[letter > "@"] for letter in text)


def test_titan_writes_signs_where_it_is_asked_for_binary() -> None:
    """That is what LiteLLM makes of base64; the numbers are there all the same."""
    call = parse(provider("bedrock"), "POST", TITAN_2, b'{"inputText": "x", "embeddingTypes": ["binary"]}')
    written = json.loads(body(respond(provider("bedrock"), call, ATTEMPT).reply))
    assert written["embeddingsByType"] == {"binary": [int(number > 0) for number in written["embedding"]]}


def test_an_answer_leaves_at_once_when_its_time_has_come() -> None:
    """All vectors are in one piece after the time to the first token, whatever the speed of tokens is."""
    call = Call(model="m", api="embeddings", inputs=2)
    answer = respond(provider("openai", ttft=5, tokens_per_second=1), call, ATTEMPT)
    assert [type(step).__name__ for step in answer.reply] == ["Wait", "Head", "Send", "End"]
    sent = answer.reply[2]
    assert isinstance(sent, Send)
    assert sent.text == answer.text


@given(count=st.integers(1, 12), dimensions=st.integers(1, 400), number=st.integers(1, 10**6))
def test_vectors_spell_their_texts(count: int, dimensions: int, number: int) -> None:
    """In both encodings that hold numbers, whatever the length."""
    for text in vectors.texts(f"req-{number:06d}.a.1", count, dimensions):
        assert len(text) == dimensions
        assert vectors.spelled(json.loads(vectors.numbers(text))) == text
        assert vectors.spelled(vectors.unpacked(vectors.packed(text)) or ()) == text


@pytest.mark.parametrize("vector", [[2.0], ["a"], [None], [0.001], [[0.5]], [-1.0]])
def test_other_numbers_spell_nothing(vector: list[Any]) -> None:
    """A real model's vector is no text."""
    assert vectors.spelled(vector) is None
    assert vectors.spelled([0.5]) == vectors.spelled([0.5000001]) == "`"


@given(st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=20))
def test_a_real_vector_has_one_text_whatever_it_is_sent_as(vector: list[float]) -> None:
    """As decimal numbers or as base64 of 32-bit floats."""
    sent = base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    decoded = vectors.unpacked(sent)
    assert decoded is not None
    assert vectors.text_of([json.loads(json.dumps(vector))]) == vectors.text_of([decoded])
