"""The busiest second among many attempts."""

from __future__ import annotations

import numpy as np
import pytest

from harness.judge.metrics.amplification import busiest
from harness.quantities import S
from harness.scenario import Load


@pytest.mark.parametrize("seed", range(8))
def test_the_search_by_slices_finds_what_a_look_at_every_start_finds(seed: int) -> None:
    """Even arrivals, bursts, gaps and many at one moment; the first of several that are as busy."""
    rng = np.random.default_rng(seed)
    moments = rng.integers(0, 20 * S, 20_000)
    bursts = rng.integers(0, 20, rng.integers(1, 4))[:, np.newaxis] * S + rng.integers(0, S // 3, 900)
    made = np.concatenate([moments, bursts.ravel(), np.full(50, 3 * S)])
    starts_ns = np.sort(made - made % rng.choice([1, S // 64, S // 4])).astype(np.float64)
    begun = np.searchsorted(starts_ns, starts_ns + S) - np.arange(len(starts_ns))
    most = int(begun.argmax())
    assert busiest(Load(rate=10.0, deadline=S), starts_ns) == (starts_ns[most], begun[most] / 10)
