"""Ask a gateway each second whether it is ready, as an orchestrator or a load balancer does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from harness.history.records import ReadyRecord
from harness.http_rules import is_success
from harness.lazy import lazy
from harness.waiting import sleep_until

if TYPE_CHECKING:
    import httpx
else:
    httpx = lazy("httpx")  # of the extra `live`

EVERY_NS = 10**9
"""How often it is asked. A question waits for no earlier one."""
ANSWER_S = 5.0
"""How long an answer may take; gateways that ask their own upstreams first take seconds."""

Put = Callable[[ReadyRecord], None]


async def watch_ready(url: str, headers: Mapping[str, str], put: Put, *, origin_ns: int, end_ns: int) -> None:
    """Ask each second of a run; write a record for each question, and return once the last one is answered.

    Args:
        url: The address; a name and password in it are sent only where the gateway does not answer without.
        headers: What callers send, sent only where the gateway wants a key; may hold secrets.
        put: Takes the records.
        origin_ns: When the run begins, in absolute monotonic nanoseconds.
        end_ns: When it ends.
    """
    # A connection for each question: a gateway that hangs must not make the next question wait.
    limits = httpx.Limits(max_keepalive_connections=0)
    async with (
        httpx.AsyncClient(timeout=ANSWER_S, trust_env=False, limits=limits) as client,
        asyncio.TaskGroup() as questions,
    ):
        for at_ns in range(origin_ns, end_ns, EVERY_NS):
            await sleep_until(at_ns)
            questions.create_task(_question(client, url, headers, put))


async def _question(client: httpx.AsyncClient, url: str, headers: Mapping[str, str], put: Put) -> None:
    stranger = str(httpx.URL(url).copy_with(userinfo=b""))
    record = await _ask(client, stranger, {}, keyed=False)
    if not is_success(record.status) and (headers or stranger != url):
        # Not every gateway answers 401 or 403 then: LiteLLM's /health answers 500.
        known = await _ask(client, url, headers, keyed=True)
        record = known if is_success(known.status) else record
    put(record)


async def _ask(client: httpx.AsyncClient, url: str, headers: Mapping[str, str], *, keyed: bool) -> ReadyRecord:
    start_ns = time.monotonic_ns()
    try:
        async with asyncio.timeout(ANSWER_S):
            answer = await client.get(url, headers=dict(headers))
    except (httpx.HTTPError, OSError, TimeoutError):
        return ReadyRecord(start_ns=start_ns, keyed=keyed)
    return ReadyRecord(start_ns=start_ns, end_ns=time.monotonic_ns(), status=answer.status_code, keyed=keyed)
