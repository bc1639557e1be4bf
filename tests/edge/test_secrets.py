"""A real provider may quote a key in its answer: no record holds it."""

from __future__ import annotations

import json

import pytest

from .conftest import Open, chat, post
from .upstreams import says, streams, token, upstream

KNOWN = "plum-jam-and-toast"
"""A key that does not look like one: only an exact match can hide it."""
LOOKS_SO = "sk-0123456789abcdefghij"


def body(code: str) -> bytes:
    """Return an error that quotes a key where its code belongs."""
    return json.dumps({"error": {"message": "no", "type": "auth", "code": code}}).encode()


@pytest.mark.parametrize("key", [KNOWN, LOOKS_SO])
@pytest.mark.parametrize("stream", [False, True])
async def test_no_record_of_the_edge_holds_a_key(scene: Open, key: str, stream: bool) -> None:
    """Neither from an error's code nor from the model that the chain asks for."""
    event = b"data: " + body(key) + b"\n\n"
    script = streams(token("a"), event) if stream else says("401 Unauthorized", body(key))
    async with upstream(script) as real, scene(openai=real.provider(), keys={"openai": KNOWN}) as s:
        await s.ask(post(chat(stream=stream, model=f"gpt-{key}")))
        (record,) = await s.recorded(1)
        assert record.error_code == "(hidden)"
        assert key not in (record.model or "")
        assert key not in s.capture.path.read_text()
