"""The rule that waits look like: drawn from each known one, it is named rightly or not decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.chain.policy import Backoff
from harness.chain.reference.backoff import wait_ns
from harness.chain.waits import LITELLM, OPENAI_SDK
from harness.judge.tables import backoff
from harness.judge.tables.backoff import DECORRELATED, EQUAL, FIXED, FULL, IMMEDIATE, Ends, fit, in_words
from harness.quantities import MS, S

Draws = Callable[[np.random.Generator, int, int], list[float]]
"""Returns the waits of one request in nanoseconds, given the generator, how many there are and their base."""


def _reference(kind: Backoff, draw: np.random.Generator, retries: int, base_ns: int) -> list[float]:
    waits: list[float] = []
    for tries in range(1, retries + 1):
        previous = int(waits[-1]) if waits else 0
        drawn = float(draw.random())
        waits.append(
            wait_ns(kind, tries=tries, base_ns=base_ns, cap_ns=60 * S, factor=2.0, previous_ns=previous, drawn=drawn)
        )
    return waits


def _litellm(draw: np.random.Generator, retries: int, _base_ns: int) -> list[float]:
    """Return waits as `litellm.utils.calculate_retry_after` computes them."""
    return [S * (min(0.5 * 2.0**k, 8) + 0.75 * draw.random()) for k in range(retries)]


def _openai(draw: np.random.Generator, retries: int, _base_ns: int) -> list[float]:
    """Return waits as `openai._base_client` computes them."""
    return [S * min(0.5 * 2.0**k, 8) * (1 - 0.25 * draw.random()) for k in range(retries)]


POLICIES: Mapping[str, Draws] = {
    IMMEDIATE: lambda draw, retries, _base_ns: [MS * draw.random() for _ in range(retries)],
    FULL: partial(_reference, "full-jitter"),
    EQUAL: partial(_reference, "equal-jitter"),
    DECORRELATED: partial(_reference, "decorrelated"),
    FIXED: partial(_reference, "exponential"),
    "constant": partial(_reference, "fixed"),
    LITELLM.name: _litellm,
    OPENAI_SDK.name: _openai,
}


def _drawn(
    policy: str, *, requests: int, retries: int, seed: int, base_ns: int = S, slow_ns: float = 5 * MS
) -> backoff.BackoffFit:
    """Return the fit of so many requests' waits, each of which the chain lengthens by a little."""
    draw = np.random.default_rng(seed)
    waits = np.array([POLICIES[policy](draw, retries, base_ns) for _ in range(requests)])
    nth = np.tile(np.arange(1, retries + 1), requests)
    found = fit(waits.ravel() + slow_ns * draw.random(waits.size), nth)
    assert found is not None
    return found


@pytest.mark.parametrize("policy", POLICIES)
def test_the_truth_is_named_or_not_decided(policy: str) -> None:
    """In 99 % of all cases; the cases are always the same."""
    cases = np.random.default_rng(1)
    missed = []
    for seed in range(200):
        requests, retries = int(cases.integers(5, 201)), int(cases.integers(1, 5))
        base_ns = int(cases.choice([400 * MS, S, 2 * S]))
        found = _drawn(policy, requests=requests, retries=retries, seed=seed, base_ns=base_ns)
        if (FIXED if policy == "constant" else policy) not in found.names:
            missed.append((requests, retries, base_ns, seed))
        if policy == "constant":
            assert found.grows is not True
        elif policy in (FULL, EQUAL, FIXED, LITELLM.name, OPENAI_SDK.name):
            assert found.grows is not False
    assert len(missed) <= 2, missed


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        (IMMEDIATE, "immediate"),
        (FULL, "exponential with full jitter"),
        (EQUAL, "exponential with equal jitter"),
        (DECORRELATED, "decorrelated jitter"),
        (FIXED, "exponential"),
        ("constant", "constant"),
        (LITELLM.name, "LiteLLM's formula"),
        (OPENAI_SDK.name, "the formula of OpenAI's SDK"),
    ],
)
def test_with_enough_waits_there_is_one_name(policy: str, words: str) -> None:
    """A hundred requests that were tried again twice."""
    assert in_words(_drawn(policy, requests=100, retries=2, seed=1)) == words


@pytest.mark.parametrize("policy", POLICIES)
def test_the_truth_is_named_at_its_level(policy: str) -> None:
    """In at least 97 of 100 samples of 30 requests; 99 of 100 are meant, and 3 of 300 more are chance."""
    held = [
        (FIXED if policy == "constant" else policy) in _drawn(policy, requests=30, retries=2, seed=n).names
        for n in range(300)
    ]
    assert sum(held) >= 291


@pytest.mark.parametrize(("policy", "certain"), [(FULL, 0.0), (EQUAL, 0.5), (OPENAI_SDK.name, 0.75)])
def test_intervals_cover_the_truth(policy: str, certain: float) -> None:
    """Base, factor and the drawn part, in about 95 of 100 samples; those of ratios are wider than that."""
    base_ns = S // 2
    found = [_drawn(policy, requests=40, retries=2, seed=n, base_ns=base_ns, slow_ns=0) for n in range(400)]
    base = np.mean([each.base.low <= base_ns <= each.base.high for each in found])
    factor = np.mean([each.factor is not None and each.factor.low <= 2 <= each.factor.high for each in found])
    drawn = np.mean([each.drawn.low <= 1 - certain + 1e-9 and 1 - certain <= each.drawn.high + 1e-9 for each in found])
    assert 0.92 <= base <= 0.98
    assert 0.93 <= factor <= 1
    assert 0.93 <= drawn <= 1


@settings(max_examples=20)
@given(low=st.floats(-10, 10), width=st.floats(0.1, 10), samples=st.sampled_from([5, 20, 150, 400]))
def test_the_ends_of_a_band_are_covered_at_their_level(low: float, width: float, samples: int) -> None:
    """Wherever the band is, and however many values are left out at its ends."""
    draw = np.random.default_rng(samples)
    ends = [Ends(np.sort(low + width * draw.random(samples))) for _ in range(400)]
    for bounds, truth in (([e.shortest() for e in ends], low), ([e.longest() for e in ends], low + width)):
        assert 0.915 <= np.mean([each.low <= truth <= each.high for each in bounds]) <= 0.985


def test_a_few_delayed_retries_change_nothing() -> None:
    """One in a hundred that the machine held up for five seconds."""
    draw = np.random.default_rng(1)
    waits = np.array([_litellm(draw, 2, 0) for _ in range(300)])
    waits[:2] += 5 * S
    found = fit(waits.ravel(), np.tile([1, 2], 300))
    assert found is not None
    assert in_words(found) == "LiteLLM's formula"


def test_what_is_no_known_rule_is_called_none() -> None:
    """Waits between 1 and 1.2 s that become shorter."""
    draw = np.random.default_rng(1)
    found = fit(
        np.concatenate([S * (3 + 0.2 * draw.random(99)), S * (1 + 0.2 * draw.random(99))]), np.repeat([1, 2], 99)
    )
    assert found is not None
    assert found.names == ()
    assert in_words(found) == "none of the known rules"


def test_one_retry_does_not_show_growth() -> None:
    """Which is written; without jitter it could be decorrelated jitter, too, whose first wait is not drawn."""
    assert in_words(_drawn(FULL, requests=50, retries=1, seed=1)) == "full jitter; whether waits grow cannot be told"
    assert in_words(_drawn(FIXED, requests=50, retries=1, seed=1)).startswith("cannot be told apart: ")


def test_too_few_waits_are_no_fit() -> None:
    """Four are; nor is there any without a wait."""
    assert fit(np.ones(4) * S, np.ones(4, dtype=np.int64)) is None
    assert fit(np.ones(0), np.ones(0, dtype=np.int64)) is None
