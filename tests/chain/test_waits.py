"""By which rule each chain waits, against what its own code does."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chain import Chain, Provider, Retry
from harness.chain.driver import driver_of
from harness.chain.policy import Backoff, Policy
from harness.chain.reference.backoff import wait_ns
from harness.chain.waits import LITELLM
from harness.quantities import S


def _chain(driver: str, **fields: Any) -> Chain:
    providers = {"openai": Provider(dialect="openai", model="gpt-4"), "azure": Provider(dialect="azure", model="gpt-4")}
    return Chain(name="test", driver=driver, providers=providers, order=("openai", "azure"), **fields)


@pytest.mark.parametrize("driver", ["reference", "openai-sdk"])
def test_the_first_waits_are_those_of_the_schedule(driver: str) -> None:
    """What `harness check` prints and what waits are held against is the same."""
    chain = _chain(driver, retry=Retry(attempts=4))
    rule = driver_of(chain).waits(chain)["openai"]
    schedule = next(each for each in driver_of(chain).schedules(chain) if "503" in each.failures)
    bands = [rule.band(nth, None) for nth in (1, 2, 3)]
    for band, planned in zip(bands, schedule.hops[0].again, strict=True):
        assert band.least == planned.least
        assert planned.most <= band.most <= planned.most + 1  # a draw never reaches 1


@given(
    kind=st.sampled_from(get_args(Backoff)),
    drawn=st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=6),
    base_ns=st.integers(1, 10 * S),
    cap_ns=st.integers(1, 20 * S),
    factor=st.floats(1, 5),
)
def test_every_wait_of_the_reference_chain_lies_in_its_band(
    kind: Backoff, drawn: list[float], base_ns: int, cap_ns: int, factor: float
) -> None:
    """Whatever it draws, retry after retry."""
    policy = Policy(base=base_ns, cap=cap_ns)
    chain = _chain("reference", retry=Retry(backoff=kind, factor=factor), policy=policy)
    rule = driver_of(chain).waits(chain)["azure"]
    waited = 0
    for nth, each in enumerate(drawn, start=1):
        waited = wait_ns(kind, tries=nth, base_ns=base_ns, cap_ns=cap_ns, factor=factor, previous_ns=waited, drawn=each)
        band = rule.band(nth, None)
        assert band.least <= waited <= band.most


def test_a_retry_after_is_waited_for_up_to_a_limit() -> None:
    """Beyond it LiteLLM waits as if there were none, and below one second, too."""
    assert LITELLM.band(1, 2 * S) == (2 * S, 2.75 * S)
    for ignored in (0.5 * S, 61 * S, None):
        assert LITELLM.band(1, ignored) == (0.5 * S, 1.25 * S)


def test_litellm_s_rule_holds_for_a_group_of_one() -> None:
    """With several deployments it does not wait while one is healthy; nothing is known where a setting changes its waits."""
    chain = _chain("litellm-router")
    assert driver_of(chain).waits(chain) == {"openai": LITELLM, "azure": LITELLM}
    assert LITELLM.text == (
        "LiteLLM's formula: 0.5–1.25 s before the first retry, 1–1.75 s before the second, at most 8.75 s"
    )


@pytest.mark.parametrize("driver", ["python", "endpoint"])
def test_what_only_a_run_can_show_has_no_rule(driver: str) -> None:
    """Neither has a chain of somebody else's code."""
    chain = _chain(driver)
    assert driver_of(chain).waits(chain) == {}
