"""A bare aiohttp server with an OpenAI address, as a part: answers every chat request at once, by 200 or 429.

It records when each request was read and its answer written, with the stamps where the edge has them.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from harness import part
from harness.history.records import AttemptRecord
from harness.provider.marker import find_request
from harness.store import EdgeAttempt

ANSWER = {
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    "error": None,
}


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

    async def chat(request: web.Request) -> web.Response:
        body = await request.read()
        start_ns = time.monotonic_ns()
        answer = web.json_response(ANSWER, status=status)
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
    app.router.add_post("/v1/chat/completions", chat)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield BareReady(base_url=f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    part.main("bare", BareStart, serve)
