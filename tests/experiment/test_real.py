"""Real providers need a permission."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.chain import Chain, Price, Provider
from harness.errors import ExitCode, HarnessError, UsageError
from harness.experiment.real import Permission, notices, permit

MOCK = Provider(dialect="azure", model="gpt-4")
AWAY = Provider(
    dialect="openai", model="gpt-4", upstream="https://no-such-host.invalid/v1", price=Price(input=1, output=2)
)


def chain(**changes: Any) -> Chain:
    """Return a chain with one real provider, somewhere else."""
    providers = {"openai": replace(AWAY, **changes), "azure": MOCK}
    return Chain(name="c", driver="litellm-router", providers=providers, order=tuple(providers), max_requests=7)


@pytest.fixture
def near() -> Iterator[str]:
    """Return the address of something that listens on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"


def test_calls_leave_this_machine_with_permission_only() -> None:
    """The refusal names the providers that would be called, and the limits."""
    with pytest.raises(UsageError) as error:
        permit(chain(), {}, allow=False)
    assert "openai is https://no-such-host.invalid:443" in error.value.problem
    assert "up to 7 calls and $5" in error.value.problem
    assert "azure" not in error.value.problem
    assert "--allow-real" in (error.value.hint or "")


def test_an_upstream_on_this_machine_needs_none(near: str) -> None:
    """Nor a price: what runs here sends no bill."""
    here = chain(upstream=near, price=None)
    permit(here, {}, allow=False)
    assert notices(here) == [f"openai: real provider at {near}; at most 7 requests, $5 in all"]


def test_mocks_need_nothing() -> None:
    """Neither permission nor notice."""
    mocked = chain(upstream=None, price=None, api_key="env/NOBODY_HAS_SET_THIS")
    permit(mocked, {}, allow=False)
    assert notices(mocked) == []


def test_a_provider_that_gets_no_key_is_reported() -> None:
    """It will most likely answer 401, and that would be neither its fault nor the chain's."""
    (bare,), (keyed,) = notices(chain()), notices(chain(api_key="env/KEY"))
    assert bare.endswith("$5 in all; without `api_key` it gets a dummy key")
    assert keyed.endswith("$5 in all")
    (served,) = notices(chain(), limited=False)  # whose callers bring their own
    assert "dummy" not in served


@pytest.mark.parametrize("environ", [{}, {"KEY": ""}, {"KEY": " "}])
def test_a_key_that_is_not_there_is_named(environ: dict[str, str]) -> None:
    """Before anything is started."""
    with pytest.raises(UsageError, match="the environment variable KEY is not set") as error:
        permit(chain(api_key="env/KEY"), environ, allow=True)
    assert error.value.where == "providers.openai.api_key"


def test_a_price_that_nobody_knows_is_asked_for() -> None:
    """Or `max_cost` would be a promise that nobody can keep."""
    with pytest.raises(UsageError, match="the price of 'gpt-4' is not known") as error:
        permit(chain(price=None), {}, allow=True)
    assert (error.value.hint or "").startswith("price: {input: ")


def test_a_provider_that_cannot_be_reached_is_reported_first() -> None:
    """That is nobody's wrong usage: exit 4, with its address."""
    with pytest.raises(HarnessError, match=r"cannot reach https://no-such-host.invalid:443: unknown host") as error:
        permit(chain(), {}, allow=True)
    assert error.value.exit_code is ExitCode.HARNESS


def test_a_suite_asks_once_for_each_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be reached takes half a minute to say so, and there may be a hundred scenarios."""
    reached: list[str] = []

    async def reach(providers: dict[str, Provider]) -> None:
        reached.append(providers["openai"].model)
        if providers["openai"].model == "gone":
            raise HarnessError("cannot reach it")

    monkeypatch.setattr("harness.experiment.real.edge.reach", reach)
    ask = Permission({}, allow=True)
    for _ in range(3):
        ask(chain())
        with pytest.raises(HarnessError, match="cannot reach it"):
            ask(chain(model="gone"))
    assert reached == ["gpt-4", "gone"]
