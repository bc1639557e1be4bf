"""The network that is none: what a client gets of each fault, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import pytest

from harness.chain import Provider, ReplySpec
from harness.edge.provider_port import ProviderPort
from harness.edge.request import EdgeRequest
from harness.provider import decide
from harness.quantities import MS, S
from harness.scenario import Inject, Timeline, Window
from harness.sim.clock import Clock, run
from harness.sim.network import BrokenError, Network
from harness.store import EdgeAttempt, Row
from tests.plans import window

PROVIDER = Provider(dialect="openai", model="gpt-4", reply=ReplySpec(ttft=100 * MS, tokens=8, tokens_per_second=100))
BODY = b'{"model": "gpt-4", "stream": %s, "messages": [{"role": "user", "content": "hello"}]}'


class Met(NamedTuple):
    """What came of one call: how it ended, its bytes, when the headers, each piece and the end came, and the edge's row."""

    end: str
    got: bytes
    head_ns: int | None
    pieces_ns: list[int]
    end_ns: int
    row: EdgeAttempt | None


def meet(
    *windows: Window,
    streaming: bool = True,
    leave_ns: int | None = None,
) -> Met:
    """Call once in virtual time; `leave_ns`: stop reading there."""
    timeline = Timeline(windows=windows)
    rows: list[Row] = []

    class Sink:
        def put(self, row: Row) -> None:
            rows.append(row)

    async def main(clock: Clock) -> Met:
        face = ProviderPort(
            "openai", PROVIDER, token=None, faults=decide.begin("openai", seed=1, windows=windows), capture=Sink()
        )
        face.origin_ns = 0
        network = Network({"openai": face}, timeline, clock, seed=1)
        got, end, head_ns, pieces_ns = b"", "whole", None, []
        body = BODY % (b"true" if streaming else b"false")
        try:
            await network.connect("openai")
            request = EdgeRequest("POST", "/v1/chat/completions", {}, body, keep=True, version_1_0=False)
            answering = network.take("openai", request)
            async with asyncio.timeout(20):
                await answering.open()
                head_ns = clock.now_ns
                async for data in answering.body():
                    got += data
                    pieces_ns.append(clock.now_ns)
                    if leave_ns is not None and clock.now_ns >= leave_ns:
                        answering.leave()
                        end = "left"
                        break
        except BrokenError as broken:
            end = broken.outcome
        except TimeoutError:
            end = "timeout"
        end_ns = clock.now_ns
        network.close()
        row = rows[0] if rows else None
        assert row is None or isinstance(row, EdgeAttempt)
        return Met(end, got, head_ns, pieces_ns, end_ns, row)

    return run(main)


def connection(kind: str, **more: int) -> Inject:
    """Return a connection fault."""
    return Inject(connection=kind, **more)  # type: ignore[arg-type]


def stream(kind: str, **more: int) -> Inject:
    """Return a stream fault."""
    return Inject(stream=kind, **more)  # type: ignore[arg-type]


def test_without_a_fault_the_answer_keeps_its_times() -> None:
    """The headers come at once, the first token after its time, the others at theirs, to the nanosecond or so."""
    met = meet()
    assert met.end == "whole"
    assert met.got.endswith(b"data: [DONE]\n\n")
    assert met.end_ns == pytest.approx(100 * MS + 7 * 10 * MS, abs=20 * MS)
    assert met.row is not None
    assert (met.row.outcome, met.row.status, met.row.end_ns) == ("ok", 200, pytest.approx(met.end_ns, abs=2))


@pytest.mark.parametrize(
    ("inject", "end", "outcome", "status", "streaming"),
    [
        (connection("reset"), "reset", "reset", None, True),
        (connection("close"), "cut", "cut", None, True),
        (connection("silent"), "timeout", "client_left", None, True),
        (stream("cut", after_tokens=3), "cut", "cut", 200, True),
        (stream("cut"), "cut", "cut", 200, False),
        (stream("reset", after_tokens=3), "reset", "reset", 200, True),
        (stream("stall", after_tokens=2, pause=30 * S), "timeout", "client_left", 200, True),
        (stream("end", after_tokens=2), "whole", "cut", 200, True),
        (Inject(status=503), "whole", "status", 503, True),
    ],
    ids=lambda value: value.kind if isinstance(value, Inject) else str(value),
)
def test_each_fault_as_the_client_and_the_edge_see_it(
    inject: Inject, end: str, outcome: str, status: int | None, streaming: bool
) -> None:
    """What breaks off breaks off there, and silence lasts as long as the client's patience."""
    met = meet(window(inject), streaming=streaming)
    assert met.end == end
    assert met.row is not None
    assert (met.row.outcome, met.row.status) == (outcome, status)
    if end == "timeout":
        assert met.end_ns >= 20 * S


def test_refused_is_refused_and_the_edge_knows_nothing() -> None:
    """Nobody listens, so nobody records."""
    met = meet(window(connection("refused")))
    assert (met.end, met.row, met.end_ns) == ("refused", None, 0)


@pytest.mark.parametrize("kind", ["refused", "unreachable"])
def test_open_connections_break_when_a_port_stops_accepting_them(kind: str) -> None:
    """An answer under way ends there and then: a FIN, as live."""
    met = meet(window(connection(kind), start_ns=130 * MS))
    assert (met.end, met.end_ns) == ("cut", pytest.approx(130 * MS, abs=2))
    assert met.row is not None
    assert met.row.outcome == "client_left"


def test_a_connection_try_without_a_reply_lasts_until_the_system_gives_up() -> None:
    """The provider never receives it."""
    met = meet(window(connection("unreachable"), end_ns=1000 * S))
    assert (met.end, met.row, met.end_ns) == ("timeout", None, pytest.approx(131 * S, abs=2))


@pytest.mark.parametrize(("end_ms", "connected_s"), [(1, 1), (999, 1), (1001, 2), (4500, 5), (5500, 7), (7001, 11)])
def test_a_connection_try_gets_through_when_the_system_asks_again(end_ms: int, connected_s: int) -> None:
    """Not the moment at which the fault ends, but the next try after it."""
    met = meet(window(connection("unreachable"), end_ns=end_ms * MS))
    assert met.end == "whole"
    assert met.row is not None
    assert met.row.start_ns == pytest.approx(connected_s * S, abs=2)


def test_a_try_that_was_ignored_may_be_refused_later() -> None:
    """Of two faults that want different things of a port the first in the file acts, and the other when it ends."""
    ignored, refused = window(connection("unreachable"), end_ns=1500 * MS), window(connection("refused"))
    assert (meet(ignored, refused).end, meet(ignored, refused).end_ns) == ("refused", 2 * S)
    assert (meet(refused, ignored).end, meet(refused, ignored).end_ns) == ("refused", 0)


def test_a_close_is_a_reset_where_resets_have_to_pass() -> None:
    """As live: the listener makes one of both."""
    met = meet(window(connection("close")), window(stream("reset")))
    assert met.end == "reset"


def test_slow_shifts_an_answer_once() -> None:
    """Every piece comes later by the same, and the provider's own times are what they were."""
    fine, met = meet(), meet(window(connection("slow", delay=300 * MS)))
    assert met.got == fine.got
    shifts = [late - at for at, late in zip(fine.pieces_ns, met.pieces_ns, strict=True)]
    assert all(shift == pytest.approx(300 * MS, abs=2) for shift in shifts)
    assert fine.row is not None
    assert met.row is not None
    assert met.row.end_ns == fine.row.end_ns


def test_jitter_keeps_the_order_and_its_bounds() -> None:
    """Pieces come between the shortest and the longest delay, none before the one sent before it."""
    fine, met = meet(), meet(window(connection("slow", delay=300 * MS, jitter=200 * MS)))
    shifts = [late - at for at, late in zip(fine.pieces_ns, met.pieces_ns, strict=True)]
    assert met.pieces_ns == sorted(met.pieces_ns)
    assert all(100 * MS - 2 <= shift <= 500 * MS + 2 for shift in shifts)
    assert len({round(shift / MS) for shift in shifts}) > 1


def test_the_end_of_a_delay_lets_go_of_what_was_held() -> None:
    """An hour's delay that is taken away after a second holds nothing up for longer."""
    met = meet(window(connection("slow", delay=3600 * S), end_ns=S))
    assert met.end == "whole"
    assert met.end_ns <= S + 2


def test_throttle_stretches_an_answer() -> None:
    """At 4000 bytes a second every thousand takes a quarter of one, and none is lost."""
    fine, met = meet(), meet(window(connection("throttle", bytes_per_second=4000)))
    assert met.got == fine.got
    assert len(met.got) * S // 4000 <= met.end_ns <= 100 * MS + (len(met.got) + 600) * S // 4000


@pytest.mark.parametrize(("delay_ns", "end"), [(4 * S, "whole"), (30 * S, "timeout")])
def test_a_client_whose_patience_is_over_has_left(delay_ns: int, end: str) -> None:
    """To the provider."""
    met = meet(window(Inject(delay=delay_ns)))
    assert met.end == end
    if end == "timeout":
        assert met.end_ns == pytest.approx(20 * S, abs=2)
        assert met.row is not None
        assert met.row.outcome == "client_left"


def test_a_client_that_leaves_ends_the_answer() -> None:
    """What had not left by then never does, and the record has who left."""
    met = meet(leave_ns=130 * MS)
    assert met.end == "left"
    assert met.row is not None
    assert (met.row.outcome, met.row.end_ns) == ("client_left", met.end_ns)
    assert met.row.tokens_out is not None
    assert met.row.tokens_out < 8


CASES: list[Callable[[], Met]] = [meet, lambda: meet(window(connection("slow", delay=300 * MS, jitter=200 * MS)))]


@pytest.mark.parametrize("case", CASES)
def test_the_same_again(case: Callable[[], Met]) -> None:
    """Nothing is left to chance."""
    assert case() == case()
