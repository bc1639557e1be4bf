"""How a reply is played."""

import asyncio
import time
from collections.abc import Callable
from typing import Any, cast

from harness.edge.player import Player
from harness.provider.reply import End, Head, Send, Step, Wait
from harness.quantities import S


class Stage:
    """A transport and a loop that only write down what is asked of them."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.outcomes: list[str] = []

    def write(self, data: bytes) -> None:
        """A transport's."""
        self.writes.append(data)

    def call_at(self, when_s: float, callback: Callable[[], None]) -> object:
        """A loop's."""
        self.timers.append((when_s, callback))
        return self

    def cancel(self) -> None:
        """A timer's."""
        self.timers.clear()

    def play(self, *steps: Step | None, start_ns: int) -> Player:
        """Play steps as one reply; None for one that has not come yet."""
        player = Player(
            cast("asyncio.Transport", self), cast("asyncio.AbstractEventLoop", self), cast("Any", self.outcomes.append)
        )
        player.start(steps, start_ns=start_ns, keep=True, version_1_0=False)
        return player


HEAD = Head(200, (("content-type", "text/event-stream"),))


def test_steps_that_no_wait_divides_leave_together() -> None:
    """Headers, first token and all that follows at once are one write."""
    stage = Stage()
    player = stage.play(HEAD, Send(b"a"), Send(b"bc"), End(), start_ns=time.monotonic_ns())
    assert len(stage.writes) == 1
    assert stage.writes[0].endswith(b"\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n")
    assert stage.outcomes == ["ok"]
    assert player.first_byte_ns == player.end_ns is not None


def test_waits_do_not_drift() -> None:
    """A wait counts from where the one before it was due, however late the loop woke up."""
    stage = Stage()
    start_ns = time.monotonic_ns() + 100 * S
    stage.play(Wait(2 * S), HEAD, Send(b"a"), Wait(3 * S), Send(b"b"), End(), start_ns=start_ns)
    assert (stage.writes, [when for when, _ in stage.timers]) == ([], [(start_ns + 2 * S) / 1e9])
    stage.timers[0][1]()
    assert [when for when, _ in stage.timers] == [(start_ns + 2 * S) / 1e9, (start_ns + 5 * S) / 1e9]
    assert len(stage.writes) == 1
    stage.timers[1][1]()
    assert len(stage.writes) == 2
    assert stage.outcomes == ["ok"]


def test_waits_that_are_over_are_not_waited_for() -> None:
    """An edge that fell behind catches up in one write."""
    stage = Stage()
    stage.play(Wait(5), HEAD, Wait(5), Send(b"a"), End(), start_ns=time.monotonic_ns() - S)
    assert stage.timers == []
    assert len(stage.writes) == 1


def test_a_paused_reply_goes_on_where_it_stopped() -> None:
    """Nothing is written to a client that does not read, nothing is lost, and a wait is kept."""
    stage = Stage()
    start_ns = time.monotonic_ns() + 100 * S
    player = stage.play(HEAD, Send(b"a"), Wait(S), Send(b"b"), End(), start_ns=start_ns)
    player.pause()
    player.resume()
    assert len(stage.writes) == 1
    player.pause()
    stage.timers[0][1]()
    assert len(stage.writes) == 1
    player.resume()
    assert stage.writes[1:] == [b"1\r\nb\r\n0\r\n\r\n"]
    assert stage.outcomes == ["ok"]


def test_what_was_not_played_is_known() -> None:
    """Stopping a reply returns what the client never got."""
    stage = Stage()
    player = stage.play(HEAD, Send(b"a"), Wait(100 * S), Send(b"b"), End(), start_ns=time.monotonic_ns())
    assert player.stop() == [Send(b"b"), End()]
    assert stage.timers == []
    assert player.stop() == []


def test_what_has_come_leaves_and_the_rest_when_it_comes() -> None:
    """A reply may come piece by piece; a wait counts from when it came."""
    stage = Stage()
    player = stage.play(HEAD, Send(b"a"), None, Send(b"b"), None, Wait(50 * S), End(), start_ns=1)
    assert len(stage.writes) == 1
    player.more()
    assert stage.writes[1:] == [b"1\r\nb\r\n"]
    before_ns = time.monotonic_ns()
    player.more()
    assert [when * 1e9 >= before_ns + 50 * S for when, _ in stage.timers] == [True]
    player.more()
    assert stage.outcomes == []


def test_a_paused_reply_does_not_take_what_comes() -> None:
    """It stays with whoever has it until the client reads."""
    stage = Stage()
    player = stage.play(HEAD, None, Send(b"a"), End(), start_ns=1)
    player.pause()
    player.more()
    assert len(stage.writes) == 1
    player.resume()
    assert stage.outcomes == ["ok"]
