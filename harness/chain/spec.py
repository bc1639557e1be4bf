"""The chain file's fields."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Literal

from harness.chain.keys import GatewayKeys
from harness.chain.policy import FallbackSpec, Policy, Retry
from harness.document.marks import STRICT, Ge, Gt, Le, Len, StringConstraints
from harness.document.places import Place, field_name
from harness.document.units import Duration
from harness.errors import UsageError
from harness.provider.spec import EnvName, Name, Provider

LITELLM_VERSION = r"^[0-9][0-9A-Za-z.+!]{0,40}$"
LiteLLMVersion = Annotated[str, StringConstraints(pattern=LITELLM_VERSION)]
PackageName = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]*(\[[A-Za-z0-9._,\- ]+\])?( *[<>=!~]=?[ 0-9A-Za-z.,*<>=!~+]*)?$"
    ),
]
"""A package as pip takes it, by its name: an address could hold a password."""
OtherAnswer = Literal["cache", "canned", "rewrites"]

DERIVED = frozenset({"folder", "left_out", "litellm", "model", "models", "notes", "peers", "read_by"})
"""Fields that a chain file must not have: they come from a LiteLLM configuration, or from where the file is."""

PROVIDERS_MAX = 200

ROLES = re.compile(r"primary(\.\d+)?|fallbacks|all|fallback-\d+(\.\d+)?")
"""Names that stand for providers by their place in the order."""

DUMMY_KEY = "sk-no-key"
"""Sent to providers for which no key is given: mocked ones need none."""

PLACEHOLDER = re.compile(r"\{([A-Za-z0-9][A-Za-z0-9_\-]{0,62})\.base_url\}")
"""Stands for a provider's address in an endpoint's command and in `env`; its group is the provider's name."""


class ChainError(UsageError):
    """A field of a chain file is wrong.

    Attributes:
        place: The field; the loader adds file and line.
    """

    def __init__(self, problem: str, place: Place, *, known: str | None = None, hint: str | None = None) -> None:
        super().__init__(problem, where=field_name(place), known=known, hint=hint)
        self.place = place


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A gateway that the harness does not host.

    Attributes:
        base_url: Its address for chat completions, up to and including `/v1`.
        model: The model that callers ask for.
        headers: Sent along with every request.
        api_key: `env/NAME`: the key that callers send as their bearer token; none if None.
        command: Starts it, without a shell; `{NAME.base_url}` becomes that provider's address.
        ready: A path such as `/health/ready` that answers 2xx once it is ready; an accepted connection is enough if None.
    """

    __pydantic_config__ = STRICT

    base_url: str
    model: Name
    headers: dict[str, str] = field(default_factory=dict)
    api_key: EnvName | None = None
    command: tuple[str, ...] | None = None
    ready: Annotated[str, StringConstraints(pattern=r"^/[!-~]*$")] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentSpec:
    """A Python environment that is built for the chain, with our own version of Python, and kept in the cache.

    Attributes:
        litellm: The version of LiteLLM; none is installed if None.
        packages: Further packages, each with its version if it matters: `boto3`, `openai==2.8.0`.
    """

    __pydantic_config__ = STRICT

    litellm: LiteLLMVersion | None = None
    packages: Annotated[tuple[PackageName, ...], Len(0, 100)] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A fallback chain.

    Attributes:
        name: For people.
        driver: How it is hosted.
        providers: By name.
        order: Names of the providers in the order in which they should be tried.
        peers: Sets of providers among which the chain picks at will: within a set no order holds.
        chains: By the provider that callers ask for as the model, those that are tried after it, in place of the order.
        retry: Tries at one provider; None leaves it to the chain.
        fallback: When another provider is tried, and which; None leaves it to the chain.
        timeout: Of one attempt, in nanoseconds; None leaves it to the chain.
        policy: What else it does.
        endpoint: Where the chain is, for the `endpoint` driver.
        workers: Processes of the gateway, for the `litellm-proxy` driver.
        keys: The gateway's database and virtual keys, for the `litellm-proxy` driver; it has no database if None.
        python: The interpreter in which the chain runs; its path is relative to this file. The harness's own if None.
        environment: A Python environment that is built for the chain, in place of `python`.
        target: `package.module:name` of the function that answers, for the `python` driver.
        setup: `package.module:name` of a function that is called once before the first request, for the `python` driver.
        env: Environment variables that are set before the target is imported, for the `python` driver. `{NAME.base_url}`
            becomes that provider's address, and a value `env/NAME` is taken from the harness's own environment.
        max_requests: The most calls to real providers in a run, which ends when it is reached.
        max_cost: The most that they may cost, in USD; the run ends when it is reached.
        answers: What else than a provider's answer callers may get: `cache` (an earlier answer of this run), `canned` (a text
            of the chain's own), `rewrites` (an answer whose text the chain has changed).
        folder: The folder from which the target is imported.
        litellm: The LiteLLM configuration as the user wrote it, for a chain that came from one.
        model: What callers ask for.
        models: By further model that callers ask for, of such a chain, the order of its providers.
        left_out: Names of deployments of that configuration that are no part of the test, by the reason.
        notes: What was found while that configuration was read, in sentences.
        read_by: The version of LiteLLM that was asked what that configuration means; None if none was.
    """

    __pydantic_config__ = STRICT

    name: Name
    driver: Name
    providers: Annotated[dict[str, Provider], Len(1, PROVIDERS_MAX)]
    order: Annotated[tuple[str, ...], Len(1, PROVIDERS_MAX)]
    peers: tuple[tuple[str, ...], ...] = ()
    chains: Annotated[dict[str, tuple[str, ...]], Len(0, PROVIDERS_MAX)] = field(default_factory=dict)
    retry: Retry | None = None
    fallback: FallbackSpec | None = None
    timeout: Annotated[Duration, Gt(0)] | None = None
    policy: Policy | None = None
    endpoint: Endpoint | None = None
    workers: Annotated[int, Ge(1), Le(32)] = 1
    keys: GatewayKeys | None = None
    python: Annotated[str, Len(1, 1000)] | None = None
    environment: EnvironmentSpec | None = None
    target: Annotated[str, Len(1, 1000)] | None = None
    setup: Annotated[str, Len(1, 1000)] | None = None
    env: Annotated[dict[str, str], Len(0, 100)] = field(default_factory=dict)
    max_requests: Annotated[int, Ge(1), Le(10**7)] = 1000
    max_cost: Annotated[float, Gt(0), Le(10**6)] = 5.0
    answers: tuple[OtherAnswer, ...] = ()
    folder: str | None = None
    litellm: dict[str, Any] | None = field(default=None, repr=False)
    model: str | None = None
    models: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    read_by: str | None = None

    def joined(self, other: Chain) -> Chain:
        """Return a chain whose callers also ask for the model of another one that is read from the same configuration."""
        return replace(
            self,
            providers={**other.providers, **self.providers},
            peers=tuple(dict.fromkeys((*self.peers, *other.peers))),
            models={**self.models, other.entry_model: other.order},
            left_out={
                reason: left
                for reason, names in self.left_out.items()
                if (left := tuple(name for name in names if name not in other.providers))
            },
            notes=tuple(dict.fromkeys((*self.notes, *other.notes))),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all providers: those in the order, then the others."""
        return (*self.order, *(name for name in self.providers if name not in self.order))

    @property
    def entry_model(self) -> str:
        """The model that callers request: the first provider's name, unless a configuration names another."""
        return self.model or self.order[0]

    @property
    def embeds(self) -> bool:
        """Whether callers of its model can ask for embeddings alone."""
        return all(self.providers[name].embeds for name in self.order)

    @property
    def first(self) -> frozenset[str]:
        """The first provider, and its peers."""
        return self.with_peers(self.order[0])

    def with_peers(self, name: str) -> frozenset[str]:
        """Return a provider and those among which the chain picks at will."""
        return frozenset({name}).union(*(peers for peers in self.peers if name in peers))

    @property
    def walks(self) -> dict[str, tuple[str, ...]]:
        """By model that callers can ask for, the order of its providers; the usual model first."""
        others = {**{name: (name, *after) for name, after in self.chains.items()}, **self.models}
        return {
            self.entry_model: self.order,
            **{name: order for name, order in others.items() if name != self.entry_model},
        }

    @property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """The order in sets: a provider and its peers are one."""
        return self._levels(self.order)

    def _levels(self, order: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
        found: list[tuple[str, ...]] = []
        for name in order:
            if not any(name in level for level in found):
                peers = self.with_peers(name)
                found.append(tuple(each for each in order if each in peers))
        return tuple(found)

    @property
    def drawn(self) -> str:
        """The order as text: `azure-eu | azure-us → openai`."""
        return " → ".join(" | ".join(level) for level in self.levels)

    @property
    def roles(self) -> dict[str, tuple[str, ...]]:
        """The roles in the chain's usual order; see `roles_in`."""
        return self.roles_in(self.order)

    def roles_in(self, order: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
        """Return the providers of an order by role: `primary`, `fallback-1`, …, `fallbacks`, `all`; of several peers `primary.1`, …."""
        first, *rest = self._levels(order)
        found = {"primary": first, **{f"fallback-{place}": level for place, level in enumerate(rest, start=1)}}
        single = {
            f"{role}.{place}": (name,)
            for role, level in found.items()
            if len(level) > 1
            for place, name in enumerate(level, start=1)
        }
        fallbacks = tuple(name for level in rest for name in level)
        return {**found, **single, "fallbacks": fallbacks, "all": order}


@dataclass(frozen=True, slots=True, kw_only=True)
class HostedConfig:
    """A chain file that names a LiteLLM configuration and how it is hosted. All else comes from the configuration.

    Attributes:
        name: For people.
        driver: How it is hosted.
        config: The configuration's file; its path is relative to this one.
        workers: Processes of the gateway, for the `litellm-proxy` driver.
        keys: The gateway's database and virtual keys, for the `litellm-proxy` driver; it has no database if None.
        python: The interpreter in which the chain runs; its path is relative to this file. The harness's own if None.
        environment: A Python environment that is built for the chain, in place of `python`.
        max_requests: The most calls to real providers in a run, which ends when it is reached.
        max_cost: The most that they may cost, in USD; the run ends when it is reached.
        answers: What else than a provider's answer callers may get: `cache` (an earlier answer of this run), `canned` (a text
            of the chain's own), `rewrites` (an answer whose text the chain has changed).
    """

    __pydantic_config__ = STRICT

    name: Name
    driver: Name
    config: Annotated[str, Len(1, 1000)]
    workers: Annotated[int, Ge(1), Le(32)] = 1
    keys: GatewayKeys | None = None
    python: Annotated[str, Len(1, 1000)] | None = None
    environment: EnvironmentSpec | None = None
    max_requests: Annotated[int, Ge(1), Le(10**7)] = 1000
    max_cost: Annotated[float, Gt(0), Le(10**6)] = 5.0
    answers: tuple[OtherAnswer, ...] = ()
