"""What usually helps depends on the chain: who is there to fall back to, what its file sets, and what it calls it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.chain import Chain
from harness.chain.policy import Policy
from harness.judge.remedies import SERVE_MORE, SKIP_SOONER, TRY_LESS
from tests.judge.histories import plan_of

CHAIN = plan_of().chain
"""On LiteLLM's Router, with two to fall back to, from a chain file."""


def of_config(**router: Any) -> Chain:
    """Return a chain of a LiteLLM configuration."""
    return replace(CHAIN, litellm={"model_list": [], "router_settings": router})


def test_a_chain_of_one_provider_has_nobody_to_fall_back_to() -> None:
    """Settings cannot serve its callers; where there are others, none is asked for."""
    alone = plan_of(order=("openai",)).chain
    assert SERVE_MORE.at(alone).startswith("Nobody else can serve")
    peers = plan_of(order=("east", "west"), peers=[("east", "west")]).chain
    assert SERVE_MORE.at(peers) == SERVE_MORE.at(alone)
    assert "fallback is listed" not in SERVE_MORE.at(CHAIN)
    assert "Nobody else" not in SERVE_MORE.at(CHAIN)


def test_settings_have_the_names_of_the_file() -> None:
    """Those of the Router in its configuration, ours in a chain file."""
    assert TRY_LESS.at(of_config()).startswith("Lower `num_retries` in `router_settings`.")
    ours = TRY_LESS.at(CHAIN)
    assert ours.startswith("Lower `retry.attempts` in the chain file.")
    assert "`policy.allowed_fails`" in ours
    assert "router_settings" not in ours


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        (of_config(), "only if `router_settings` has `allowed_fails`"),
        (of_config(allowed_fails=3), "only if `router_settings` has `allowed_fails`"),
        (of_config(allowed_fails=20), "after more than `allowed_fails: 20` failures"),
        (replace(CHAIN, policy=Policy(allowed_fails=5)), "after more than `policy.allowed_fails: 5` failures"),
        (CHAIN, "only if the chain file has `policy.allowed_fails`"),
    ],
)
def test_what_is_set_already_is_not_asked_for(chain: Chain, said: str) -> None:
    """It says what the setting does now."""
    assert said in SKIP_SOONER.at(chain)
