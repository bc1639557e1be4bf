"""Whether the other side is still there."""

from __future__ import annotations

import pytest

from harness.live.load.heartbeat import HEARTBEAT_S, LOST_S, MASTER_LOST_S, TICK_S, Silence


def test_silence_lasts_until_something_is_heard() -> None:
    """The ticks add up, and a sign of life ends them."""
    silence = Silence()
    for _ in range(10):
        silence.tick(TICK_S)
    assert silence.lasts_s == pytest.approx(1.0)
    silence.end()
    assert silence.lasts_s == 0


def test_who_was_frozen_itself_accuses_nobody() -> None:
    """After a stop of 8 s the other's signs of life are still to be read."""
    silence = Silence()
    silence.tick(8.0)
    assert silence.lasts_s < LOST_S


def test_a_worker_that_froze_for_three_seconds_is_lost() -> None:
    """Its last sign of life came at the moment it froze, at the latest; a worker never gives up its master first."""
    assert LOST_S + HEARTBEAT_S <= 3.0
    assert MASTER_LOST_S > LOST_S + HEARTBEAT_S
