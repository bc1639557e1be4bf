"""What LiteLLM's compiled Router keeps for a while: in virtual time by the virtual clock, or refused by name."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
import time_machine

from harness.drivers.litellm_router import virtual_stores as stores
from harness.drivers.litellm_router.virtual_stores import virtual_stores
from harness.errors import UsageError


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    """Give a clock that stands still until it is shifted."""
    with time_machine.travel(1_800_000_000, tick=False) as traveller:
        yield traveller


def _cooldown(time_s: float) -> dict[str, Any]:
    return {"exception_received": "no", "status_code": "401", "timestamp": 0.0, "cooldown_time": time_s}


def test_a_cooldown_ends_by_the_virtual_clock(clock: time_machine.Traveller) -> None:
    """At its end, and not before; the shortest of those asked for is found, and one can be ended."""
    kept = stores._Cooldowns()
    kept.put("a", _cooldown(5), 5.0)
    kept.put("b", _cooldown(2), 2.0)
    assert kept.active_sync(["b", "c", "a"]) == [("b", _cooldown(2)), ("a", _cooldown(5))]
    assert (kept.minimum(["a", "b"]), kept.minimum(["c"])) == (2, None)

    clock.shift(4.9)
    assert kept.snapshot() == {"deployment:a:cooldown": _cooldown(5)}
    clock.shift(0.1)
    assert kept.active_sync(["a"]) == []

    kept.put("a", _cooldown(5), 5.0)
    kept.delete_local("a")
    assert kept.active_sync(["a"]) == []


def test_a_second_cooldown_keeps_the_end_of_the_first(clock: time_machine.Traveller) -> None:
    """As measured on LiteLLM 1.110.2, and as its cache in memory did before; a cooldown of no time is none."""
    kept = stores._Cooldowns()
    kept.put("a", _cooldown(5), 5.0)
    clock.shift(3)
    kept.put("a", _cooldown(7), 7.0)
    assert kept.active_sync(["a"]) == [("a", _cooldown(7))]
    clock.shift(2)
    assert kept.active_sync(["a"]) == []
    kept.put("a", _cooldown(0), 0.0)
    assert kept.active_sync(["a"]) == []


def test_failures_are_counted_from_the_first(clock: time_machine.Traveller) -> None:
    """Each kind by itself, for the time that the first of them set; a flush forgets them and no cooldown."""
    kept = stores._Cooldowns()
    assert [kept.increment_allowed_fails("a", None, 5.0) for _ in range(2)] == [1, 2]
    assert (kept.increment_allowed_fails("a", "", 5.0), kept.increment_allowed_fails("a", "Kind", 5.0)) == (3, 1)
    clock.shift(4)
    assert kept.increment_allowed_fails("a", None, 5.0) == 4
    clock.shift(1)
    assert kept.increment_allowed_fails("a", None, 5.0) == 1

    kept.put("a", _cooldown(5), 5.0)
    kept.flush_local_counters()
    assert kept.increment_allowed_fails("a", None, 5.0) == 1
    assert [model_id for model_id, _ in kept.active_sync(["a"])] == ["a"]


@dataclass(frozen=True, kw_only=True)
class Counter:
    """LiteLLM's `UsageCounter`."""

    deployment_id: str = "a"
    model: str | None = "m"
    minute: str = "10-11"
    kind: str


def test_usage_is_kept_for_a_minute(clock: time_machine.Traveller) -> None:
    """Tokens and requests, of a deployment or by themselves."""
    kept = stores._Usage()
    kept.increment_deployment_sync("a", "m", "10-11", 7, 1)
    clock.shift(59)
    assert kept.increment_sync(Counter(kind="rpm"), 2, 60) == 3
    assert kept.get_many_sync([Counter(kind="tpm"), Counter(kind="rpm"), Counter(kind="rpm", model=None)]) == [
        7,
        3,
        None,
    ]
    assert kept.snapshot() == {"global_router:a:m:tpm:10-11": 7, "global_router:a:m:rpm:10-11": 3}
    clock.shift(1)
    assert kept.snapshot() == {}


class Native:
    """The compiled part of a store, as far as its names go."""

    attach = snapshot = lambda *_: {"compiled": {}}


class Store:
    """A store of LiteLLM's."""

    def __init__(self, handle: Any) -> None:
        self._handle = handle

    def put(self, model_id: str, ttl_s: float) -> None:
        """Keep a cooldown."""
        self._handle.put(model_id, _cooldown(ttl_s), ttl_s)

    def snapshot(self) -> Any:
        """Return all that is kept."""
        return self._handle.snapshot()


class Renamed(Store):
    """One that calls its compiled part otherwise."""

    def __init__(self, handle: Any) -> None:
        self._native = handle

    def snapshot(self) -> Any:
        """Return all that is kept."""
        return self._native.snapshot()


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give the modules of a LiteLLM with a compiled Router, to be changed."""
    usage = type("RouterUsageStore", (Store,), {})
    names = {
        "connection": {"NativeRouterCooldowns": type("Cooling", (Native,), {"put": None}), "NativeRouterUsage": Native},
        "router_cooldowns": {"RouterCooldownStore": Store},
        "router_usage": {"RouterUsageStore": usage},
    }
    modules = {}
    for name, values in names.items():
        modules[name] = ModuleType(name)
        vars(modules[name]).update(values)
        monkeypatch.setitem(sys.modules, f"litellm.redis.stores.{name}", modules[name])
    monkeypatch.setattr(stores, "_compiled", lambda: True)
    return modules


@pytest.mark.usefixtures("compiled")
def test_stores_are_virtual_for_a_while(clock: time_machine.Traveller) -> None:
    """Also one that was made before; afterwards each has its compiled part again."""
    before = Store(Native())
    with virtual_stores(routing=True):
        meanwhile = Store(Native())
        for store in (before, meanwhile):
            store.put("a", 5)
            assert list(store.snapshot()) == ["deployment:a:cooldown"]
        clock.shift(5)
        assert (before.snapshot(), meanwhile.snapshot()) == ({}, {})
    assert before.snapshot() == meanwhile.snapshot() == {"compiled": {}}


@pytest.mark.parametrize(
    ("module", "name", "value", "problem"),
    [
        ("router_cooldowns", "RouterCooldownStore", Renamed, "Renamed has no _handle"),
        (
            "connection",
            "NativeRouterCooldowns",
            type("More", (Native,), {"extend": None}),
            "NativeRouterCooldowns has extend",
        ),
        ("connection", "NativeRouterUsage", None, "NativeRouterUsage"),
    ],
)
def test_another_shape_is_refused(compiled: dict[str, Any], module: str, name: str, value: Any, problem: str) -> None:
    """Nothing is simulated whose cooldowns would follow another clock; a live run is what is left."""
    if value is None:
        delattr(compiled[module], name)
    else:
        setattr(compiled[module], name, value)
    with pytest.raises(UsageError, match=rf"real clock.*{problem}") as refused, virtual_stores(routing=True):
        pytest.fail("it began")
    assert "--engine live" in str(refused.value)


@pytest.mark.usefixtures("compiled")
def test_a_router_that_uses_another_store_is_refused() -> None:
    """A Router asks for cooldowns before each attempt; calls without a Router ask for none."""
    with virtual_stores(routing=False):
        pass
    with pytest.raises(UsageError, match="did not use RouterCooldownStore"), virtual_stores(routing=True):
        pass


def test_a_late_import_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its stores were made with their compiled parts."""
    answers = iter((False, True))
    monkeypatch.setattr(stores, "_compiled", lambda: next(answers))
    with pytest.raises(UsageError, match="imported only after the run had begun"), virtual_stores(routing=False):
        pass


def test_a_missing_store_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a LiteLLM that keeps its cooldowns somewhere else."""
    monkeypatch.setattr(stores, "_compiled", lambda: True)
    with pytest.raises(UsageError, match=r"No module named 'litellm\.redis"), virtual_stores(routing=False):
        pytest.fail("it began")
