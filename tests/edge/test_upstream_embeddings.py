"""Embeddings of a real provider: what is recorded of them."""

import json

import pytest

from harness.provider import vectors

from .conftest import TOKEN, Open, post
from .upstreams import says, sha, upstream

ASKED = json.dumps({"model": "m", "input": [f"[[req-000001 {TOKEN}]]", "b"]}).encode()
PATH = "/v1/embeddings"


def answer(*found: list[float]) -> bytes:
    """Return an answer in OpenAI's form."""
    data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(found)]
    return json.dumps({"object": "list", "data": data, "usage": {"prompt_tokens": 9, "total_tokens": 9}}).encode()


@pytest.mark.parametrize(
    ("found", "outcome", "text"),
    [
        (([0.0123, -0.4], [0.7, 0.1]), "ok", vectors.text_of([[0.0123, -0.4], [0.7, 0.1]])),
        (tuple(json.loads(vectors.numbers(text)) for text in ("one", "two")), "ok", "onetwo"),
        (([0.0123, -0.4],), "malformed", None),
        ((), "malformed", None),
    ],
)
async def test_what_is_recorded(scene: Open, found: tuple[list[float], ...], outcome: str, text: str | None) -> None:
    """Tokens as billed; a real model's vectors have a hash for a text, the same from floats and base64; a vector too few is no answer."""
    async with upstream(says("200 OK", answer(*found))) as real, scene(openai=real.provider()) as s:
        assert (await s.ask(post(ASKED, path=PATH))).status == 200
        (record,) = await s.recorded(1)
        assert (record.outcome, record.tokens_in, record.tokens_out) == (outcome, 9, 0)
        assert record.text_sha256 == (None if text is None else sha(text))
