"""What each provider of a chain answers when it is asked alone: a mock on this machine, a real one where that is allowed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

from yarl import URL

from harness import chain as chains
from harness import edge
from harness.chain import Chain, Provider, ReplySpec
from harness.chain.home import ChainHome
from harness.chain.real_providers import RealProvider, real_providers
from harness.chain.scrub import scrub, shown_key
from harness.chain.spec import DUMMY_KEY
from harness.chain.upstream import UpstreamAddress
from harness.drivers.litellm_asked import as_read
from harness.drivers.litellm_prices import context_windows, priced
from harness.edge.asking import NoAnswer, asking
from harness.errors import ExitCode
from harness.experiment.provider_diagnosis import ASK_S, ProviderDiagnosis, Questions, SharedCalls, hello
from harness.experiment.vendor_answers import quoted
from harness.http_rules import is_success
from harness.judge.result import Status
from harness.provider.dialects import dialect_of, vendor_of


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainDiagnosis:
    """What came of asking the providers of a chain.

    Attributes:
        chain: The chain.
        providers: In its order.
    """

    chain: Chain
    providers: tuple[ProviderDiagnosis, ...]

    @property
    def exit_code(self) -> int:
        """Exit status of `harness doctor CHAIN`."""
        found = {each.status for each in self.providers}
        if Status.FAIL in found:
            return ExitCode.FAIL
        return ExitCode.INCONCLUSIVE if Status.INCONCLUSIVE in found else ExitCode.PASS


def diagnose(path: Path, *, home: ChainHome, environ: Mapping[str, str], allow_real: bool) -> ChainDiagnosis:
    """Ask all providers of a chain; see `ask_providers`.

    Args:
        path: A chain file, or a LiteLLM configuration.
        home: Where the chain is to run, in place of what its file names.
        environ: Where its keys are.
        allow_real: Real providers that are not on this machine may be asked.

    Raises:
        UsageError: The file is wrong.
        HarnessError: The mocks could not be started.
    """
    chain = priced(as_read(path, home.of(chains.load(path, model=home.model))))
    return asyncio.run(ask_providers(chain, environ, allow_real=allow_real))


async def ask_providers(
    chain: Chain, environ: Mapping[str, str], *, allow_real: bool, limit_s: float = ASK_S
) -> ChainDiagnosis:
    """Ask all providers of a chain at once.

    Upstreams of a chain file on this machine are asked as they are. Upstreams elsewhere, and the deployments of a LiteLLM
    configuration, are asked only where that is allowed; otherwise a deployment is asked as it is mocked in a run.

    Args:
        chain: With its secrets and prices.
        environ: Where its keys are.
        allow_real: Real providers that are not on this machine may be asked.
        limit_s: How long each may take for all that it is asked, in seconds.
    """
    real = real_providers(chain, environ)
    windows = context_windows(chain)
    mocked = {
        name: replace(provider, upstream=None, listen=None, reply=ReplySpec(ttft=0, tokens=5, tokens_per_second=0))
        for name, provider in chain.providers.items()
        if provider.upstream is None and not (name in real and allow_real)
    }
    over_tls = any(found.address is not None and found.address.tls for found in real.values())
    async with AsyncExitStack() as stack:
        ports = (await stack.enter_async_context(edge.Edge(mocked))).ports if mocked else {}
        session = await stack.enter_async_context(asking(tls=over_tls))
        call = SharedCalls(session, limit_s)

        async def one(name: str) -> ProviderDiagnosis:
            provider, found = chain.providers[name], real.get(name)
            begun = _begun(name, provider, found, windows[name], mocked=name in mocked)
            if name in mocked:
                return await _ask_mock(begun, mocked[name], call, f"http://127.0.0.1:{ports[name]}")
            assert found is not None
            if found.obstacle is not None:
                status = Status.FAIL if found.obstacle.breaks else Status.INCONCLUSIVE
                return replace(begun, status=status, problem=found.obstacle.problem, hint=found.obstacle.hint)
            assert found.address is not None
            if not found.address.loopback and not allow_real:
                hint = "use --allow-real to ask it; nothing that costs money is sent"
                return replace(begun, status=Status.INCONCLUSIVE, problem="it was not asked: it is real", hint=hint)
            return _with_proxy(await Questions(provider, found, call).answered(begun), found.address)

        return ChainDiagnosis(chain=chain, providers=tuple(await asyncio.gather(*map(one, chain.names))))


def _begun(
    name: str, provider: Provider, found: RealProvider | None, window: int | None, *, mocked: bool
) -> ProviderDiagnosis:
    address = None if mocked or found is None or found.address is None else found.address
    return ProviderDiagnosis(
        name=name,
        dialect=provider.dialect,
        vendor=vendor_of(provider),
        model=provider.model,
        real=not mocked,
        address=None if address is None else scrub(f"{address.origin}{address.path}"),
        key=shown_key(found.key) if found is not None and found.key is not None else None,
        key_from=found.key_name if found is not None else "",
        price=provider.price,
        context_window=window,
    )


async def _ask_mock(begun: ProviderDiagnosis, provider: Provider, call: SharedCalls, origin: str) -> ProviderDiagnosis:
    """Ask our own mock for a completion, or for embeddings."""
    dialect = dialect_of(provider)
    written = hello(provider, provider.model)
    begun = replace(begun, asked=f"{'embeddings' if provider.embeds else 'a completion'} of its mock")
    headers = (*written.headers, dialect.authorize(DUMMY_KEY))
    answer = await call(URL(origin + written.path, encoded=True), headers, json.dumps(written.body).encode())
    if isinstance(answer, NoAnswer):
        return replace(begun, status=Status.FAIL, reachable=answer.connected, problem=answer.problem, hint=answer.hint)
    done = replace(begun, reachable=True, latency_s=answer.latency_s)
    if is_success(answer.status) and dialect.is_answer(answer.body):
        return done
    problem = f"the mock of dialect {provider.dialect} answers {quoted(answer, frozenset())} to its own request"
    return replace(done, status=Status.FAIL, problem=problem, hint="a fault of the dialect: please report it")


def _with_proxy(done: ProviderDiagnosis, address: UpstreamAddress) -> ProviderDiagnosis:
    """Return what came of asking a provider, with a note where a proxy of the environment was not used."""
    proxies = getproxies()
    used = next((kind for kind in ("https" if address.tls else "http", "all") if kind in proxies), None)
    if used is None or proxy_bypass(address.host):
        return done
    name = f"{used.upper()}_PROXY"
    if not done.reachable:
        return replace(done, hint=f"{name} is set, but the harness calls providers directly: {done.hint}")
    return replace(done, notes=(*done.notes, f"{name} is set; the harness did not use it, but the chain may"))
