"""What one provider answers when it is asked without a chain, and what that means for its key and its model."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from harness.chain import Price, Provider
from harness.chain.real_providers import RealProvider
from harness.document import did_you_mean
from harness.edge.asking import NoAnswer, VendorAnswer, ask
from harness.edge.upstream import address_below
from harness.experiment.vendor_answers import VendorRefusal, is_page, quoted, refusal, refuses_body, unread
from harness.http_rules import is_success
from harness.judge.result import Status
from harness.provider.dialects import Dialect, dialect_of, wire
from harness.provider.dialects.declaration import WrittenRequest
from harness.provider.reply import Headers

ASK_S = 10.0
"""How long a provider may take for all that it is asked, in seconds."""
_LIST = "its list of models"
_EMPTY = "an empty request, which costs nothing"
_API_VERSION = re.compile(r"(?<=[?&]api-version=)[^&]*")
_NOT_THERE = (404, 405, 501)
_HELLO: Mapping[str, Any] = {
    "messages": [{"role": "user", "content": "hello"}],
    "max_tokens": 5,
    "stream": False,
}
"""What a mock is asked."""


def hello(provider: Provider, model: str) -> WrittenRequest:
    """Return the shortest request that a provider's model can be sent: a chat completion, or embeddings."""
    dialect = dialect_of(provider)
    if provider.embeds and dialect.embed is not None:
        return dialect.embed.request(model, {"input": "hello"})
    return dialect.request(model, _HELLO)


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderDiagnosis:
    """What came of asking one provider.

    Attributes:
        name: The provider's.
        dialect: Its wire format.
        vendor: Whose API it is.
        model: The model that the chain asks it for.
        real: Whether the real provider was, or would have been, asked; else its mock.
        address: Where; None for a mock, and where it is not known.
        status: `pass`: nothing is wrong. `fail`: the chain cannot use it. `inconclusive`: it was not asked, or not all of it.
        asked: What it was asked for, in words; empty if nothing.
        reachable: Whether there was a connection; None if none was tried.
        key: Its key as it may be shown, such as `sk-…xyz`; None if there is none.
        key_from: The environment variable of the key, set or not; empty if it is from none.
        key_accepted: Whether it accepts the key; None if that is not known.
        latency_s: From the open connection to the first answer's headers, in seconds; None without an answer.
        models: The models that it lists; None if it has shown no list.
        has_model: Whether it has the chain's model; None if that is not known.
        price: Of the model, in USD per million tokens; None if it is not known.
        context_window: Of the model, in tokens; None if it is not known.
        problem: What is wrong; empty if nothing.
        hint: What to do about it.
        notes: What else is worth knowing, in sentences.
    """

    name: str
    dialect: str
    vendor: str
    model: str
    real: bool
    address: str | None = None
    status: Status = Status.PASS
    asked: str = ""
    reachable: bool | None = None
    key: str | None = None
    key_from: str = ""
    key_accepted: bool | None = None
    latency_s: float | None = None
    models: tuple[str, ...] | None = None
    has_model: bool | None = None
    price: Price | None = None
    context_window: int | None = None
    problem: str = ""
    hint: str = ""
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


class SharedCalls:
    """Makes the calls to all real providers: the same call once, however many deployments are asked the same.

    Args:
        session: From `asking`.
        limit_s: How long all calls together may take from now on, in seconds.
    """

    def __init__(self, session: aiohttp.ClientSession, limit_s: float) -> None:
        self._session, self._limit = session, f"{limit_s:g} s"
        self._deadline_s = asyncio.get_running_loop().time() + limit_s
        self._calls: dict[tuple[URL, Headers, bytes | None], asyncio.Task[VendorAnswer | NoAnswer]] = {}

    async def __call__(self, url: URL, headers: Headers, body: bytes | None = None) -> VendorAnswer | NoAnswer:
        """Return what came of a call."""
        call = (url, headers, body)
        if call not in self._calls:
            asked = ask(self._session, url, headers, body=body, deadline_s=self._deadline_s, limit=self._limit)
            self._calls[call] = asyncio.create_task(asked)
        return await self._calls[call]


class Questions:
    """All that one real provider is asked.

    Args:
        provider: Its fields.
        real: Its address and key.
        call: Makes the calls.
    """

    def __init__(self, provider: Provider, real: RealProvider, call: SharedCalls) -> None:
        self._provider, self._real, self._ask = provider, real, call
        self._dialect: Dialect = dialect_of(provider)
        self._written = hello(provider, provider.model)
        self._key = "" if real.key is None else real.key_name or "the key in the file"

    async def answered(self, begun: ProviderDiagnosis) -> ProviderDiagnosis:
        """Return what came of it."""
        real = self._real
        if real.key is not None and not (real.key.isascii() and real.key.isprintable()):
            problem = "its key holds signs that no header can carry: a line break, or quotation marks from a text"
            return replace(begun, status=Status.FAIL, problem=problem, hint=f"write {self._key} again")
        if self._dialect.models is None or real.login:
            return await self._empty(begun)
        begun = replace(begun, asked=_LIST)
        answer, keyless = await asyncio.gather(self._get(self._dialect.models), self._without_key(self._dialect.models))
        if isinstance(answer, VendorAnswer) and answer.status in _NOT_THERE and not is_page(answer):
            return await self._empty(begun)
        done, names = self._read(begun, answer)
        if names is None:
            return done
        done = replace(done, models=names, key_accepted=None if real.key is None else True)
        if isinstance(keyless, VendorAnswer) and is_success(keyless.status):
            done = replace(done, key_accepted=None)
            done = await self._empty(done)
        return await self._with_model(done, names) if done.status != Status.FAIL else done

    def _read(
        self, begun: ProviderDiagnosis, answer: VendorAnswer | NoAnswer
    ) -> tuple[ProviderDiagnosis, tuple[str, ...] | None]:
        """Return what came of asking for the list of models, and the list; None if there is none."""
        if (failed := self._failed(begun, answer)) is not None:
            return failed, None
        assert isinstance(answer, VendorAnswer)
        done = replace(begun, reachable=True, latency_s=answer.latency_s)
        names = wire.model_names(answer.body) if is_success(answer.status) else None
        return (done, names) if names is not None else (self._not_this(done, answer, _LIST), None)

    async def _with_model(self, done: ProviderDiagnosis, names: tuple[str, ...]) -> ProviderDiagnosis:
        """Return it with whether the model is there: on the list, or found by its name, which may be an alias."""
        model = self._provider.model
        if model in names or f"{model}:latest" in names:
            return replace(done, has_model=True)
        assert self._dialect.models is not None
        answer = await self._get(f"{self._dialect.models.partition('?')[0]}/{quote(model, safe='')}")
        if isinstance(answer, VendorAnswer) and is_success(answer.status) and not self._refused(answer):
            return replace(done, has_model=True, notes=(*done.notes, f"{model} is not on its list, but it has it"))
        if isinstance(answer, VendorAnswer) and answer.status in (*_NOT_THERE, 400):
            hint = did_you_mean(model, names) or "--models shows what it lists"
            problem = f"it has no model {model!r}"
            return replace(done, status=Status.FAIL, has_model=False, problem=problem, hint=hint)
        problem = f"{model!r} is not on its list, and it does not say whether it has it"
        return replace(done, status=Status.INCONCLUSIVE, problem=problem, hint="--models shows what it lists")

    async def _empty(self, begun: ProviderDiagnosis) -> ProviderDiagnosis:
        """Return what came of an empty completion request, which a provider refuses before it does anything that is paid."""
        path = self._written.path
        begun = replace(begun, asked=f"{begun.asked}, then {_EMPTY}" if begun.asked else _EMPTY)
        answer = await self._call(path, body=b"{}", key=not self._real.login)
        if self._real.login:
            return self._without_login(begun, answer)
        if (failed := self._failed(begun, answer, empty=True)) is not None:
            return failed
        assert isinstance(answer, VendorAnswer)
        latency_s = begun.latency_s if begun.latency_s is not None else answer.latency_s
        done = replace(begun, reachable=True, latency_s=latency_s)
        if refuses_body(self._dialect, answer):
            return replace(done, key_accepted=None if self._real.key is None else True)
        if answer.status in _NOT_THERE:
            return self._no_place(done, answer)
        problem = f"it answers {quoted(answer, self._real.secrets)}, which does not show whether it accepts the key"
        hint = "a request through the chain itself shows whether it works"
        return replace(done, status=Status.INCONCLUSIVE, problem=problem, hint=hint)

    def _without_login(self, begun: ProviderDiagnosis, answer: VendorAnswer | NoAnswer) -> ProviderDiagnosis:
        if isinstance(answer, NoAnswer):
            return self._unreached(begun, answer)
        done = replace(begun, reachable=True, latency_s=answer.latency_s, status=Status.INCONCLUSIVE)
        problem = f"it answers, but its key is {self._real.login}, which the harness does not try"
        return replace(done, problem=problem, hint="a request through the chain itself shows whether it works")

    def _no_place(self, done: ProviderDiagnosis, answer: VendorAnswer) -> ProviderDiagnosis:
        """Return that an address leads nowhere: to no API, or to no model where the address names the model."""
        words = quoted(answer, self._real.secrets)
        if hello(self._provider, "another").path == self._written.path:
            hint = "is the path of the address right, such as its /v1?"
            lacks = "embeddings" if self._provider.embeds else "completions"
            return replace(done, status=Status.FAIL, problem=f"it has no {lacks} at this address: {words}", hint=hint)
        problem = f"it has no {self._provider.model!r} at this address: {words}"
        hint = "is the model, or the deployment, called so there?"
        return replace(done, status=Status.FAIL, has_model=False, problem=problem, hint=hint)

    def _failed(
        self, begun: ProviderDiagnosis, answer: VendorAnswer | NoAnswer, *, empty: bool = False
    ) -> ProviderDiagnosis | None:
        if isinstance(answer, NoAnswer):
            return self._unreached(begun, answer)
        refused = self._refused(answer, empty=empty)
        if refused is None:
            return None
        done = replace(begun, reachable=True, latency_s=answer.latency_s, status=Status.FAIL)
        return replace(done, problem=refused.problem, hint=refused.hint, key_accepted=refused.key_accepted)

    def _unreached(self, begun: ProviderDiagnosis, answer: NoAnswer) -> ProviderDiagnosis:
        found = replace(begun, status=Status.FAIL, reachable=answer.connected)
        return replace(found, problem=answer.problem, hint=answer.hint)

    def _not_this(self, done: ProviderDiagnosis, answer: VendorAnswer, what: str) -> ProviderDiagnosis:
        refused = unread(answer, self._real.secrets, what)
        return replace(done, status=Status.FAIL, problem=refused.problem, hint=refused.hint)

    def _refused(self, answer: VendorAnswer, *, empty: bool = False) -> VendorRefusal | None:
        return refusal(self._dialect, answer, self._real.secrets, key=self._key, empty=empty)

    async def _get(self, path: str) -> VendorAnswer | NoAnswer:
        return await self._call(path, body=None, key=True)

    async def _without_key(self, path: str) -> VendorAnswer | NoAnswer | None:
        """Ask for the list of models without the key, if there is one: a list for everybody does not show that it is accepted."""
        return None if self._real.key is None else await self._call(path, body=None, key=False)

    async def _call(self, path: str, *, body: bytes | None, key: bool) -> VendorAnswer | NoAnswer:
        assert self._real.address is not None
        headers: Headers = (*self._written.headers, *self._real.headers)
        if key and self._real.key is not None:
            headers = (*headers, self._dialect.authorize(self._real.key))
        if self._real.api_version is not None:
            path = _API_VERSION.sub(quote(self._real.api_version, safe=""), path)
        return await self._ask(address_below(self._real.address, self._dialect, path), headers, body)
