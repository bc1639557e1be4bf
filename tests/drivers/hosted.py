"""A chain hosted by the real child process, with mocked providers in a thread of this one."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.chain import Chain
from harness.drivers.host import host
from harness.history.records import ChainAttempt
from harness.lines import read, write
from harness.messages import LoadTarget
from harness.provider.kinds import PATHS, Api
from harness.store.capture import rows
from tests.drivers.providers import Mock, provider
from tests.polling import until

DEADLINE_S = 60


@dataclass
class Hosted:
    """The hosted chain, its mocks by provider, and the messages of its process.

    Attributes:
        address: Where it is.
        mocks: By provider.
        capture: The folder of its rows.
        process: The child.
        errors: Its standard error.
    """

    address: LoadTarget
    mocks: dict[str, Mock]
    capture: Path
    process: subprocess.Popen[bytes]
    errors: Path
    client: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=DEADLINE_S, trust_env=False))

    def ask(self, request_id: str, *, model: str | None = None, stream: bool = False, **more: Any) -> httpx.Response:
        """Ask the chain as a caller does."""
        body = self.body(request_id, model=model, stream=stream, **more)
        return self.client.post(self.url, json=body, headers=self.address.headers)

    def post(
        self, api: Api, request_id: str, *, model: str, headers: Mapping[str, str] | None = None, **more: Any
    ) -> httpx.Response:
        """Ask the chain in one of its forms; with its own headers unless others are given."""
        body = {**self.body(request_id, model=model), **more}
        messages = body.pop("messages")
        text = messages[0]["content"]
        prompts: dict[Api, dict[str, Any]] = {"embeddings": {"input": [text, "b"]}, "responses": {"input": text}}
        if api == "messages":
            body["max_tokens"] = 10
        body |= prompts.get(api, {"messages": messages})
        return self.client.post(
            f"{self.address.base_url}{PATHS[api]}", json=body, headers=headers or self.address.headers
        )

    @property
    def url(self) -> str:
        """Where chat completions are taken."""
        return f"{self.address.base_url}/chat/completions"

    def body(self, request_id: str, *, model: str | None = None, stream: bool = False, **more: Any) -> dict[str, Any]:
        """Return a request's body; its prompt names the request."""
        messages = [{"role": "user", "content": f"hello [[{request_id} tokentok]]"}]
        return {"model": model or self.address.model, "messages": messages, "stream": stream, **more}

    def attempts(self, request_id: str, count: int) -> list[ChainAttempt]:
        """Return a request's attempts as recorded, once there are `count` of them."""
        deadline = time.monotonic() + DEADLINE_S
        while True:
            files = self.capture.glob("chain*.jsonl")
            found = [row for path in files for row in rows(path) if isinstance(row, ChainAttempt)]
            mine = sorted((row for row in found if row.request_id == request_id), key=lambda row: row.start_ns)
            if len(mine) >= count or time.monotonic() > deadline:
                return mine
            time.sleep(0.01)

    def tried(self, request_id: str, count: int) -> list[tuple[str, str]]:
        """Return where a request went, and how each attempt ended."""
        return [(row.provider, row.outcome) for row in self.attempts(request_id, count)]

    def left(self, request_id: str, name: str, *, stream: bool = False) -> str:
        """Ask as a caller who leaves soon, while a provider is silent; return how the attempt ended.

        The provider has noticed it by then.
        """
        body = self.body(request_id, stream=stream)
        with httpx.Client(timeout=httpx.Timeout(DEADLINE_S, read=0.3), trust_env=False) as caller:
            if stream:
                with caller.stream("POST", self.url, json=body) as answer:
                    next(answer.iter_bytes())
            else:
                with pytest.raises(httpx.ReadTimeout):
                    caller.post(self.url, json=body)
        until(self.mocks[name].gone.is_set)
        (attempt,) = self.attempts(request_id, 1)
        return attempt.outcome


def events(answer: httpx.Response) -> list[str]:
    """Return the data of a stream's events."""
    return [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]


def text_of(answer: httpx.Response, *, stream: bool) -> str:
    """Return the text of an answer."""
    if not stream:
        return str(answer.json()["choices"][0]["message"]["content"])
    chunks = [json.loads(event) for event in events(answer) if event != "[DONE]"]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk.get("choices"))


@contextmanager
def hosted(
    chain: Chain, folder: Path, mocks: Mapping[str, Mock], environ: Mapping[str, str] | None = None
) -> Iterator[Hosted]:
    """Host a chain; a mock that has a `base_url` already is not served."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()

    async def serve() -> None:
        for mock in mocks.values():
            if not mock.base_url:
                await stack.enter_async_context(provider(mock))

    try:
        asyncio.run_coroutine_threadsafe(serve(), loop).result(DEADLINE_S)
        with _child(chain, folder, mocks, environ or {}) as child:
            yield child
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(DEADLINE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@contextmanager
def _child(chain: Chain, folder: Path, mocks: Mapping[str, Mock], environ: Mapping[str, str]) -> Iterator[Hosted]:
    how = host(chain)
    assert how.part is not None
    capture = folder / "capture"
    capture.mkdir()
    errors = folder / "stderr.log"
    with errors.open("wb") as log:
        process = subprocess.Popen(
            how.part, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env={**os.environ, **environ}
        )
    assert process.stdin is not None
    assert process.stdout is not None
    timer = threading.Timer(DEADLINE_S, process.kill)
    timer.start()
    try:
        process.stdin.write(write(how.start_message(capture, {n: m.base_url for n, m in mocks.items()}, seed=1)))
        process.stdin.flush()
        line = process.stdout.readline()
        assert line, errors.read_text()
        timer.cancel()
        child = Hosted(read(line, LoadTarget), dict(mocks), capture, process, errors)
        with child.client:
            yield child
        process.stdin.close()
        assert process.wait(DEADLINE_S) == 0
    finally:
        timer.cancel()
        process.kill()
        process.wait()
        process.stdout.close()
        process.stdin.close()
