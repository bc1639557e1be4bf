"""A bare aiohttp server with the addresses of all forms of request, as a part: answers every one at once, by 200 or 429.

It records when each request was read and its answer written, with the stamps where the edge has them.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from harness import part
from harness.history.records import AttemptRecord
from harness.provider.kinds import PATHS
from harness.provider.marker import find_request
from harness.provider.reply import Head, Send
from harness.provider.respond import parse, respond
from harness.provider.spec import Provider, ReplySpec
from harness.store import EdgeAttempt

FAILURE = b'{"error": {"message": "no", "type": "bare", "param": null, "code": null}}'
REPLY = ReplySpec(ttft=0, tokens=20, tokens_per_second=0)


def answers() -> dict[tuple[str, bool], tuple[str, bytes]]:
    """Return the type and the bytes of a mock's answer in each form, plain and streamed."""
    found = {}
    for api, path in PATHS.items():
        dialect = "anthropic" if api == "messages" else "openai"
        provider = Provider(dialect=dialect, model="gpt-4", reply=REPLY)
        for streaming in (False, True):
            prompt = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 99, "stream": streaming}
            body = {"input": "hi"} if api == "embeddings" else {"input": "hi", "stream": streaming}
            asked = {"model": "gpt-4", **(prompt if api in ("chat", "messages") else body)}
            address = f"/v1{path}"
            reply = respond(
                provider, parse(provider, "POST", address, json.dumps(asked).encode()), "req-000001.bare.1"
            ).reply
            head = next(step for step in reply if isinstance(step, Head))
            data = b"".join(step.data for step in reply if isinstance(step, Send))
            found[address, streaming] = dict(head.headers)["content-type"], data
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class BareStart:
    """Start message of the server: the status that it answers, and the folder for its rows."""

    status: int
    capture: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BareReady:
    """The server listens at `base_url`."""

    base_url: str


@asynccontextmanager
async def serve(tie: part.ChildProcess[BareStart]) -> AsyncIterator[BareReady]:
    """Listen on a free port until the benchmark lets go."""
    status = tie.start.status
    counts: Counter[str] = Counter()

    made = answers()

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        start_ns = time.monotonic_ns()
        kind, data = made[request.path, b'"stream": true' in body]
        if status != 200:
            kind, data = "application/json", FAILURE
        answer = web.Response(body=data, status=status, headers={"content-type": kind})
        marker = find_request(body)
        if tie.capture is not None and marker is not None:
            counts[marker.request_id] += 1
            attempt = AttemptRecord(
                attempt_id=f"{marker.request_id}.bare.{counts[marker.request_id]}",
                request_id=marker.request_id,
                provider="bare",
                start_ns=start_ns,
                end_ns=time.monotonic_ns(),
                status=status,
                outcome="ok" if status == 200 else "status",
            )
            tie.capture.put(EdgeAttempt.of(None, attempt))
        return answer

    app = web.Application()
    for path in PATHS.values():
        app.router.add_post(f"/v1{path}", take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield BareReady(base_url=f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    part.main("bare", BareStart, serve)
