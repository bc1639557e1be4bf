"""Every case, asked by every SDK, over real sockets: one measurement for the tests and for the page."""

from __future__ import annotations

import asyncio
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.chain import Provider, ReplySpec
from harness.edge import Edge
from harness.history import AttemptRecord
from harness.provider import dialects, text
from harness.provider.answer import Call, Refusal
from harness.provider.reply import Head
from harness.scenario import Inject, Window
from harness.store import Capture, EdgeAttempt
from harness.store.capture import rows

from . import embedding, waits
from .cases import CASES, REFILLED, RETRIES, STREAMS, TOKENS, WARM_UP, Case
from .clients import DIALECTS, HEEDING, RETRYING, VENDORS, Ask, clients, retrying_clients
from .heard import Heard
from .helpers import HELPERS, helpers
from .through_litellm import LITELLM, Way, ask_all

Measured = dict[tuple[str, str], Heard]
"""By the client's and the case's names."""

TOKEN = "sdks0001"
AT_ONCE = {True: 32, False: 6}
"""So many calls at once that wait for most of their time, and so many that do not: a busy machine must not show."""


def measure() -> Measured:
    """Return what each SDK does in each case, each asked once. It takes some seconds."""
    asked = _each(DIALECTS, CASES) | _each(HELPERS, STREAMS)
    measured = _run(asked, _providers(DIALECTS | HELPERS), _asking_here(_everybody))
    # One after the other: on a busy machine timeouts would run out that should not.
    return measured | measure_litellm(sys.executable, tuple(LITELLM))


def measure_litellm(python: str, names: Iterable[str]) -> Measured:
    """Return what LiteLLM does in each case.

    Args:
        python: The interpreter that has it.
        names: Of the ways through it.
    """
    ways = {name: LITELLM[name] for name in names}
    providers = {name: _provider(way.dialect, way.vendor) for name, way in ways.items()}

    return _run(_each(ways, CASES), providers, _through_litellm(python, ways))


def measure_embeddings() -> Measured:
    """Return what each SDK, and LiteLLM, does in each case when it is asked for embeddings."""
    spelled = embedding.whole
    asked = _each(embedding.DIALECTS, embedding.CASES)
    found = _run(asked, _providers(embedding.DIALECTS), _asking_here(embedding.clients), spelled)
    ways = {name: _provider(way.dialect, way.vendor) for name, way in embedding.LITELLM.items()}
    ask = _through_litellm(sys.executable, embedding.LITELLM)
    timed = {key: case for key, case in _each(ways, embedding.CASES).items() if embedding.ends(*key)}
    return found | _run(timed, ways, ask, spelled)


def measure_retries() -> Measured:
    """Return what the SDKs' own retries do. It takes a second or two, as their sleeps are cut short."""
    asked = _each(RETRYING, RETRIES) | _each(HEEDING, [REFILLED])
    return _run(asked, _providers(RETRYING), _asking_here(retrying_clients))


Asked = dict[tuple[str, str], Case]
Prompts = dict[tuple[str, str], str]
Hosts = dict[str, str]
Open = Callable[[Hosts], AbstractAsyncContextManager[dict[str, Ask]]]
AskAll = Callable[[Hosts, Asked, Prompts], Awaitable[Measured]]
Whole = Callable[[str, str, Case], str]
"""Returns what the provider means to send, given the attempt, the client and the case."""


def _each(names: Iterable[str], cases: Iterable[Case]) -> Asked:
    return {(name, case.name): case for case, name in product(cases, names)}


@asynccontextmanager
async def _everybody(hosts: dict[str, str]) -> AsyncIterator[dict[str, Ask]]:
    async with clients(hosts) as some, helpers(hosts) as others:
        yield some | others


def _providers(names: Mapping[str, str]) -> dict[str, Provider]:
    return {name: _provider(dialect, VENDORS.get(name)) for name, dialect in names.items()}


def _through_litellm(python: str, ways: Mapping[str, Way]) -> AskAll:
    """Return what asks all calls in a process of LiteLLM's."""

    async def ask(hosts: Hosts, asked: Asked, prompts: Prompts) -> Measured:
        return await ask_all(python, ways, hosts, asked, prompts, AT_ONCE)

    return ask


def _text(attempt_id: str, _name: str, case: Case) -> str:
    return text.text(attempt_id, case.max_tokens or TOKENS)


def _run(asked: Asked, providers: Mapping[str, Provider], ask: AskAll, whole: Whole = _text) -> Measured:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # other people's deprecations
        return asyncio.run(_measure(asked, providers, ask, whole))


async def _measure(asked: Asked, providers: Mapping[str, Provider], ask: AskAll, whole: Whole) -> Measured:
    ids = {key: f"req-{place:06d}" for place, key in enumerate(asked, start=1)}
    prompts = {key: f"hello [[{request_id} {TOKEN}]]" for key, request_id in ids.items()}
    windows = [_window(name, providers[name], case) for (name, _), case in asked.items() if case.inject is not None]
    with TemporaryDirectory() as folder:
        with Capture(Path(folder), "edge") as capture:
            async with Edge(providers, token=TOKEN, windows=windows, capture=capture) as edge:
                edge.begin(time.monotonic_ns())
                hosts = {name: f"http://127.0.0.1:{port}" for name, port in edge.ports.items()}
                heard = await ask(hosts, asked, prompts)
        _add_attempts(capture.path, ids, asked, heard, whole)
    return heard


def _asking_here(opened: Open) -> AskAll:
    """Return what asks all calls in this process."""

    async def ask(hosts: Hosts, asked: Asked, prompts: Prompts) -> Measured:
        heard = {key: Heard() for key in asked}
        async with opened(hosts) as asks:
            await _warm_up(asks)
            for idle in (True, False):
                slots = asyncio.Semaphore(AT_ONCE[idle])
                chosen = [key for key, case in asked.items() if case.idle is idle]
                calls = (_ask(asks[key[0]], asked[key], prompts[key], heard[key], slots) for key in chosen)
                await asyncio.gather(*calls)
        return heard

    return ask


async def _warm_up(asks: Mapping[str, Ask]) -> None:
    for ask, case in product(asks.values(), WARM_UP):
        await ask(Heard(), case, "hello")


def _provider(dialect: str, vendor: str | None) -> Provider:
    spec = ReplySpec(ttft=0, tokens=TOKENS, tokens_per_second=200)
    return Provider(dialect=dialect, vendor=vendor, model="any", reply=spec)  # type: ignore[arg-type]


def _window(name: str, provider: Provider, case: Case) -> Window:
    inject = case.inject
    assert inject is not None
    if inject.error is not None and inject.status is None and inject.stream is None:
        inject = replace(inject, status=usual_status(name, provider, inject))
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


def usual_status(name: str, provider: Provider, inject: Inject) -> int:
    """Return the status that a provider usually gives an error of a client's."""
    api = "anthropic" if name.endswith("vertex_ai-claude") else ""
    (head, *_) = dialects.dialect_of(provider).fail(Refusal(Call(api=api), "a", problem=inject.error)).reply
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


def _add_attempts(path: Path, ids: dict[tuple[str, str], str], asked: Asked, heard: Measured, whole: Whole) -> None:
    attempts: dict[str | None, list[AttemptRecord]] = defaultdict(list)
    for row in rows(path):
        if isinstance(row, EdgeAttempt):
            attempts[row.request_id].append(row.attempt)
    for key, request_id in ids.items():
        heard[key].attempts = attempts[request_id]
        last = f"{request_id}.{key[0]}.{len(attempts[request_id])}"
        heard[key].whole = whole(last, key[0], asked[key])
