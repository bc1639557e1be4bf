"""The part that hosts the proxy: it owns the workers, which share one listening socket.

Each worker is a part of its own, so it ends when this process does, however this process ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx

from harness.drivers.litellm_proxy.workers import Worker
from harness.errors import HarnessError
from harness.messages import ChainStart, LoadTarget, WorkerStart
from harness.part import ChildProcess

_PROBE_S = 10.0
_READY = "/health/readiness"
"""The health page that calls no provider, and wants no key."""


@asynccontextmanager
async def serve(workers: Sequence[Worker], port: int, part: ChildProcess[ChainStart]) -> AsyncIterator[LoadTarget]:
    """Host the chain in the start message; the ready message holds its address, models and key.

    Args:
        workers: Forked, and waiting for their start messages.
        port: Where they listen.
        part: This one.

    Raises:
        HarnessError: A worker was never ready, or died.
    """
    message = WorkerStart(host=part.start, capture=part.start.capture, restarts=part.start.restarts)
    base_url = f"http://127.0.0.1:{port}"
    try:
        ready, *_others = await asyncio.gather(*(worker.start(message) for worker in workers))
        await _probe(base_url)
        async with _watched(workers):
            yield LoadTarget(
                base_url=f"{base_url}/v1",
                model=ready.model,
                headers={"authorization": f"Bearer {part.start.key}"},
                addressable=ready.addressable,
                warnings=ready.warnings,
                lacking=ready.lacking,
                ready=f"{base_url}{_READY}",
            )
    finally:
        await asyncio.gather(*(worker.end() for worker in workers))


async def _probe(base_url: str) -> None:
    """Make sure that the proxy is ready.

    Raises:
        HarnessError: It is not.
    """
    try:
        async with httpx.AsyncClient(trust_env=False, timeout=_PROBE_S) as client:
            answer = await client.get(f"{base_url}{_READY}")
    except httpx.HTTPError as error:
        raise HarnessError(f"{_READY} does not answer: {type(error).__name__}", where="chain") from None
    if answer.status_code != httpx.codes.OK:
        raise HarnessError(f"{_READY} answers {answer.status_code}", where="chain")


@asynccontextmanager
async def _watched(workers: Sequence[Worker]) -> AsyncIterator[None]:
    """End what runs inside as soon as a worker dies: the others would take over its share, and it would go unnoticed."""
    try:
        async with asyncio.TaskGroup() as group:
            watches = [group.create_task(worker.died()) for worker in workers]
            yield
            for watch in watches:
                watch.cancel()
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
