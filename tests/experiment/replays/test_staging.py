"""How fast providers answer in a replay."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.chain import load
from harness.experiment.replays.staging import ANSWER, as_played
from harness.provider.spec import Price, ReplySpec

CHAINS = Path(__file__).parents[3] / "scenarios" / "chains"


def test_a_provider_that_says_nothing_answers_as_a_real_one_may() -> None:
    """In 5 s, in place of a mock's 0.15 s."""
    played = as_played(load(CHAINS / "reference.yaml"))
    assert played.providers["azure"].reply.takes_ns == 5 * 10**9 == ANSWER.takes_ns


@pytest.mark.parametrize("tokens", [1, 2, ANSWER.tokens, 10, 60, 5000])
def test_a_provider_that_says_it_takes_as_long_and_costs_as_much(tokens: int) -> None:
    """Though in fewer tokens."""
    chain = load(CHAINS / "reference.yaml")
    stated = replace(
        chain.providers["openai"],
        reply=ReplySpec(ttft=3 * 10**8, tokens=tokens, tokens_per_second=80),
        price=Price(input=1.0, output=4.0),
    )
    played = as_played(replace(chain, providers={**chain.providers, "openai": stated})).providers["openai"]
    assert played.price is not None
    assert played.reply.tokens == min(tokens, ANSWER.tokens)
    assert played.reply.takes_ns == pytest.approx(stated.reply.takes_ns)
    assert played.price.output * played.reply.tokens == pytest.approx(4.0 * tokens)
