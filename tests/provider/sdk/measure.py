"""Every case, asked by every SDK, over real sockets: one measurement for the tests and for the page."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.chain import Provider, ReplySpec
from harness.edge import Edge
from harness.history import AttemptRecord
from harness.provider import dialects, text
from harness.provider.answer import Call
from harness.provider.reply import Head
from harness.scenario import Inject, Window
from harness.store import Capture, EdgeAttempt
from harness.store.capture import rows

from . import waits
from .cases import CASES, RETRIES, TOKENS, Case
from .clients import DIALECTS, RETRYING, Ask, clients, retrying_clients
from .heard import Heard

Measured = dict[tuple[str, str], Heard]
"""By the client's and the case's names."""

TOKEN = "sdks0001"
BUSY_AT_ONCE = 6
IDLE_AT_ONCE = 24


def measure() -> Measured:
    """Return what each SDK tells about each case, each asked once. It takes some seconds."""
    return _run(CASES, DIALECTS, clients)


def measure_retries() -> Measured:
    """Return what the SDKs' own retries do. It takes a second or two, as their sleeps are cut short."""
    return _run(RETRIES, RETRYING, retrying_clients)


Open = Callable[[dict[str, str]], AbstractAsyncContextManager[dict[str, Ask]]]


def _run(cases: Sequence[Case], names: Mapping[str, str], opened: Open) -> Measured:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's deprecations
        return asyncio.run(_measure(cases, names, opened))


async def _measure(cases: Sequence[Case], names: Mapping[str, str], opened: Open) -> Measured:
    asked = {(name, case.name): case for case in cases for name in names}
    heard = {key: Heard() for key in asked}
    ids = {key: f"req-{place:06d}" for place, key in enumerate(asked, start=1)}
    windows = [_window(name, names[name], case) for (name, _), case in asked.items() if case.inject is not None]
    providers = {name: _provider(dialect) for name, dialect in names.items()}
    slots = {False: asyncio.Semaphore(BUSY_AT_ONCE), True: asyncio.Semaphore(IDLE_AT_ONCE)}
    with TemporaryDirectory() as folder:
        with Capture(Path(folder), "edge") as capture:
            async with Edge(providers, token=TOKEN, windows=windows, capture=capture) as edge:
                edge.begin(time.monotonic_ns())
                async with opened({name: f"http://127.0.0.1:{port}" for name, port in edge.ports.items()}) as asks:
                    await asyncio.gather(
                        *(
                            _ask(asks[key[0]], case, f"hello [[{ids[key]} {TOKEN}]]", heard[key], slots[case.idle])
                            for key, case in asked.items()
                        )
                    )
        _add_attempts(capture.path, ids, asked, heard)
    return heard


def _provider(dialect: str) -> Provider:
    spec = ReplySpec(ttft=0, tokens=TOKENS, tokens_per_second=200)
    return Provider(dialect=dialect, model="any", reply=spec)  # type: ignore[arg-type]


def _window(name: str, dialect: str, case: Case) -> Window:
    inject = case.inject
    assert inject is not None
    if inject.error is not None and inject.status is None and inject.stream is None:
        inject = replace(inject, status=usual_status(dialect, inject))
    return Window(
        fault_id=fault_id(name, case),
        provider=name,
        start_ns=0,
        end_ns=10**15,
        inject=inject,
        first=case.first,
        models=(case.name,),
    )


def fault_id(name: str, case: Case) -> str:
    """Return the name of a case's fault at a client's provider."""
    return f"{name}:{case.name}"


def usual_status(dialect: str, inject: Inject) -> int:
    """Return the status that a provider usually gives an error."""
    (head, *_) = dialects.DIALECTS[dialect].fail(Call(), "a", problem=inject.error).reply
    assert isinstance(head, Head)
    return head.status


async def _ask(ask: Ask, case: Case, prompt: str, heard: Heard, slots: asyncio.Semaphore) -> None:
    waits.write_down(heard.waits_s, real=case.inject is not None and case.inject.limit is not None)
    async with slots:
        for _ in range(case.times - 1):
            await ask(Heard(), case, prompt)
        try:
            await ask(heard, case, prompt)
        except Exception as error:
            heard.error = error


def _add_attempts(
    path: Path, ids: dict[tuple[str, str], str], asked: dict[tuple[str, str], Case], heard: Measured
) -> None:
    attempts: dict[str | None, list[AttemptRecord]] = defaultdict(list)
    for row in rows(path):
        if isinstance(row, EdgeAttempt):
            attempts[row.request_id].append(row.attempt)
    for key, request_id in ids.items():
        heard[key].attempts = attempts[request_id]
        last = f"{request_id}.{key[0]}.{len(attempts[request_id])}"
        heard[key].whole = text.text(last, asked[key].max_tokens or TOKENS)
