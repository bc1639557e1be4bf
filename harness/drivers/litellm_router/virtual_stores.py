"""What LiteLLM's compiled Router keeps for a while, kept by the virtual clock.

LiteLLM 1.110 keeps cooldowns, counts of failures and usage in compiled code, which forgets them by the machine's clock. An
hour of virtual time passes in a second, so a cooldown of five seconds would hardly ever end. While a simulation runs,
LiteLLM's stores keep them here instead, until the virtual time at which LiteLLM would forget them.

These stores are private to LiteLLM. If it has a compiled Router and other stores, no simulated run begins.
"""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any, Generic, TypeVar

from harness.errors import UsageError
from harness.patches import patched

K = TypeVar("K")
V = TypeVar("V")

_COMPILED_ROUTER = "litellm.router_rust"
_STORES = "litellm.redis.stores"
_HANDLE = "_handle"
"""What a store of LiteLLM calls its compiled part."""
_WITH_REDIS = frozenset({"active", "attach", "get_many", "increment", "increment_deployment"})
"""Methods of compiled parts that only a Router with Redis calls; `has_redis` is false here."""
_USAGE_TTL_S = 60.0
"""How long LiteLLM keeps a deployment's usage; measured on 1.110.2."""


class _Expiring(Generic[K, V]):
    """Values that are forgotten after a time, by LiteLLM's rules: one that is replaced before keeps its end."""

    def __init__(self) -> None:
        self._kept: dict[K, tuple[V, float]] = {}

    def put(self, key: K, value: V, ttl_s: float) -> None:
        now_s = time.time()
        _, end_s = self._kept.get(key, (None, now_s))
        if now_s >= end_s:
            end_s = now_s + ttl_s
        self._kept[key] = value, end_s

    def get(self, key: K) -> V | None:
        value, end_s = self._kept.get(key, (None, 0.0))
        return value if time.time() < end_s else None

    def all(self) -> dict[K, V]:
        return {key: value for key in self._kept if (value := self.get(key)) is not None}

    def forget(self, key: K) -> None:
        self._kept.pop(key, None)

    def clear(self) -> None:
        self._kept.clear()


class _Cooldowns:
    """The part of LiteLLM's `RouterCooldownStore` that is compiled otherwise."""

    has_redis = False

    def __init__(self) -> None:
        self._cooling: _Expiring[str, dict[str, Any]] = _Expiring()
        self._fails: _Expiring[tuple[str, str], int] = _Expiring()

    def put(self, model_id: str, cooldown: Mapping[str, Any], ttl_s: float) -> None:
        self._cooling.put(model_id, dict(cooldown), ttl_s)

    async def async_put(self, model_id: str, cooldown: Mapping[str, Any], ttl_s: float) -> None:
        self.put(model_id, cooldown, ttl_s)

    def increment_allowed_fails(self, model_id: str, suffix: str | None, ttl_s: float) -> int:
        key = model_id, suffix or ""
        fails = (self._fails.get(key) or 0) + 1
        self._fails.put(key, fails, ttl_s)
        return fails

    async def async_increment_allowed_fails(self, model_id: str, suffix: str | None, ttl_s: float) -> int:
        return self.increment_allowed_fails(model_id, suffix, ttl_s)

    def active_sync(self, model_ids: Sequence[str]) -> list[tuple[str, dict[str, Any]]]:
        cooling = self._cooling.all()
        return [(model_id, dict(cooling[model_id])) for model_id in model_ids if model_id in cooling]

    def minimum(self, model_ids: Sequence[str]) -> float | None:
        return min((cooldown["cooldown_time"] for _, cooldown in self.active_sync(model_ids)), default=None)

    def delete_local(self, model_id: str) -> None:
        self._cooling.forget(model_id)

    def flush_local_counters(self) -> None:
        self._fails.clear()

    def snapshot(self) -> dict[str, dict[str, Any]]:
        return {f"deployment:{model_id}:cooldown": dict(value) for model_id, value in self._cooling.all().items()}


class _Usage:
    """The part of LiteLLM's `RouterUsageStore` that is compiled otherwise: tokens and requests of each minute."""

    has_redis = False

    def __init__(self) -> None:
        self._counted: _Expiring[str, float] = _Expiring()

    def increment_sync(self, counter: Any, value: float, ttl_s: float) -> float:
        return self._add(_usage_key(counter.deployment_id, counter.model, counter.kind, counter.minute), value, ttl_s)

    def increment_deployment_sync(
        self, deployment_id: str, model: str | None, minute: str, tokens: float, requests: int
    ) -> None:
        self._add(_usage_key(deployment_id, model, "tpm", minute), tokens, _USAGE_TTL_S)
        self._add(_usage_key(deployment_id, model, "rpm", minute), requests, _USAGE_TTL_S)

    def get_many_sync(self, counters: Sequence[Any]) -> list[float | None]:
        return [
            self._counted.get(_usage_key(each.deployment_id, each.model, each.kind, each.minute)) for each in counters
        ]

    def flush_local_counters(self) -> None:
        self._counted.clear()

    def snapshot(self) -> dict[str, float]:
        return self._counted.all()

    def _add(self, key: str, value: float, ttl_s: float) -> float:
        total = (self._counted.get(key) or 0) + value
        self._counted.put(key, total, ttl_s)
        return total


def _usage_key(deployment_id: str, model: str | None, kind: str, minute: str) -> str:
    return f"global_router:{deployment_id}:{model}:{kind}:{minute}"


class _Virtual:
    """Takes the place of the compiled part of each store of a class, which keeps it, unused, for after the run.

    Args:
        store: Names a class of LiteLLM's, and the module that it is in.
        compiled: Names its compiled part.
        make: Makes what takes its place.

    Attributes:
        used: Whether a store asked for it.
    """

    def __init__(self, store: tuple[str, str], compiled: str, make: Callable[[], object]) -> None:
        self.used = False
        self._make = make
        try:
            self.owner = getattr(importlib.import_module(f"{_STORES}.{store[0]}"), store[1])
            part = getattr(importlib.import_module(f"{_STORES}.connection"), compiled)
        except (ImportError, AttributeError) as error:
            raise _refused(str(error)) from None
        if lacking := {name for name in dir(part) if not name.startswith("_")} - set(dir(make)) - _WITH_REDIS:
            raise _refused(f"{compiled} has {', '.join(sorted(lacking))}")

    def __get__(self, store: Any, _owner: type) -> object:
        self.used = True
        return vars(store).setdefault(f"virtual{_HANDLE}", self._make())

    def __set__(self, store: Any, compiled: object) -> None:
        vars(store)[_HANDLE] = compiled

    def check(self) -> None:
        """Return if a store really uses it."""
        with suppress(Exception):  # whatever a store does that has no compiled part
            self.owner(None).snapshot()
        if not self.used:
            raise _refused(f"{self.owner.__name__} has no {_HANDLE}")
        self.used = False


@contextmanager
def virtual_stores(*, routing: bool) -> Iterator[None]:
    """Keep by the virtual clock what LiteLLM's compiled Router would keep by the machine's, where LiteLLM is imported.

    Args:
        routing: Whether a Router of LiteLLM's is certain to be asked meanwhile.

    Raises:
        UsageError: This LiteLLM has a compiled Router and other stores, or was imported only after this was entered.
    """
    compiled = _compiled()
    parts = (
        (
            _Virtual(("router_cooldowns", "RouterCooldownStore"), "NativeRouterCooldowns", _Cooldowns),
            _Virtual(("router_usage", "RouterUsageStore"), "NativeRouterUsage", _Usage),
        )
        if compiled
        else ()
    )
    with patched((each.owner, _HANDLE, each) for each in parts):
        for each in parts:
            each.check()
        yield
    if routing and parts and not parts[0].used:
        raise _refused("its Router did not use RouterCooldownStore")
    if not compiled and _compiled():
        raise _refused("it was imported only after the run had begun")


def _compiled() -> bool:
    return "litellm" in sys.modules and find_spec(_COMPILED_ROUTER) is not None


def _refused(reason: str) -> UsageError:
    problem = f"LiteLLM {version('litellm')} keeps cooldowns in compiled code, by the real clock, in a way not known here: {reason}"
    return UsageError(problem, where="chain", hint="--engine live: there cooldowns last as long as they should")
