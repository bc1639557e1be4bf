"""Whole-provider faults come and go at their times, and are always healed."""

import asyncio
import heapq
import selectors
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.history.records import FaultEvent
from harness.live.nemesis import Nemesis
from harness.provider.listener import ListenerState
from harness.quantities import S
from harness.scenario import Inject, Timeline, Window
from tests import plans

REFUSED = Inject(connection="refused")
STATUS = Inject(status=503)


class _Instant(selectors.SelectSelector):
    """Never waits: moves the clock by the time it was to wait."""

    now = 1000.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "nothing is left that could happen"
        self.now += timeout
        return super().select(0)


def run(story: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine on an event loop whose time passes at once."""
    instant = _Instant()
    loop = asyncio.SelectorEventLoop(instant)
    loop.time = lambda: instant.now  # type: ignore[method-assign]
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(story)


def now_ns() -> int:
    """Return the running loop's time in nanoseconds."""
    return round(asyncio.get_running_loop().time() * S)


class FakeProxies:
    """Notes each change when it takes effect: half-way through a call that takes `call_s`."""

    def __init__(self, call_s: float = 0.0, failures: frozenset[int] = frozenset()) -> None:
        self.call_s = call_s
        self.failures = failures
        self.calls = 0
        self.state: dict[tuple[str, str], Any] = {}
        self.changes: list[tuple[int, str, str, Any]] = []

    async def set(self, window: Window, state: ListenerState) -> None:
        """Change a port."""
        name = window.provider
        self.calls += 1
        if self.calls in self.failures:
            raise HarnessError("500")
        if self.call_s:
            # As with the real one, what was begun in its thread happens even if its caller is cancelled.
            asyncio.get_running_loop().call_later(self.call_s / 2, self._note, name, state)
            await asyncio.sleep(self.call_s)
        else:
            self._note(name, state)

    def _note(self, name: str, state: ListenerState) -> None:
        wanted = {
            "refused": None if state.connecting == "accepted" else True,
            "slow": (state.delay_ns, state.jitter_ns) if state.delay_ns else None,
            "throttle": state.bytes_per_second or None,
        }
        for kind, value in wanted.items():
            if self.state.get((name, kind)) != value:
                self.state[name, kind] = value
                self.changes.append((now_ns(), name, kind, value))


def window(fault: int, provider: str, start_s: float, end_s: float, inject: Inject) -> Window:
    """Return a window, its times in seconds."""
    times = {"start_ns": round(start_s * S), "end_ns": round(end_s * S)}
    return plans.window(inject, provider, fault_id=f"fault-{fault}", **times)


def slow(delay_s: int) -> Inject:
    """Return a delay."""
    return Inject(connection="slow", delay=delay_s * S)


def throttle(bytes_per_second: int) -> Inject:
    """Return a limit of speed."""
    return Inject(connection="throttle", bytes_per_second=bytes_per_second)


def play(proxies: FakeProxies, windows: tuple[Window, ...], lasts_s: float) -> list[FaultEvent]:
    """Let the nemesis act for a time and return its events, their times since the origin."""
    events: list[FaultEvent] = []

    async def story() -> int:
        origin_ns = now_ns()
        timeline = Timeline(windows=windows)
        async with Nemesis(timeline, proxies, origin_ns=origin_ns, put=events.append, clock_ns=now_ns):
            await asyncio.sleep(lasts_s)
        return origin_ns

    origin_ns = run(story())

    def since(at_ns: int | None) -> int | None:
        return None if at_ns is None else at_ns - origin_ns

    proxies.changes = [(at - origin_ns, *rest) for at, *rest in proxies.changes]  # type: ignore[misc]
    return [
        FaultEvent(
            fault_id=event.fault_id,
            provider=event.provider,
            kind=event.kind,
            applied_ns=since(event.applied_ns),
            reverted_ns=since(event.reverted_ns),
            error=event.error,
            leg=event.leg,
            fired=event.fired,
        )
        for event in events
    ]


def spans(events: list[FaultEvent]) -> list[tuple[float | None, float | None]]:
    """Return when each fault acted, in seconds, to the millisecond."""
    return [
        tuple(None if at is None else round(at / S, 3) for at in (event.applied_ns, event.reverted_ns))  # type: ignore[misc]
        for event in events
    ]


WINDOWS = st.lists(
    st.builds(
        lambda provider, start, length, inject: (provider, start, start + length, inject),
        st.sampled_from(["openai", "azure"]),
        st.integers(0, 8),
        st.integers(1, 8),
        st.sampled_from([REFUSED, slow(1), slow(2), throttle(1000), throttle(2000), STATUS]),
    ),
    max_size=7,
).map(lambda rows: tuple(window(place, *row) for place, row in enumerate(rows, start=1)))


def planned(windows: tuple[Window, ...], provider: str, kind: str, at_s: float) -> Any:
    """Return the state that a provider should be in, straight from the definition."""
    covering = [
        w.inject
        for w in windows
        if (w.provider, w.inject.kind) == (provider, kind) and w.start_ns <= at_s * S < w.end_ns
    ]
    if not covering:
        return None
    first = covering[0]
    return {"refused": True, "slow": (first.delay, 0), "throttle": first.bytes_per_second}[kind]


@given(windows=WINDOWS)
def test_state_is_as_planned_at_every_moment(windows: tuple[Window, ...]) -> None:
    """Whatever overlaps, between two boundaries each provider is in the state that the windows in force define."""
    proxies = FakeProxies()
    play(proxies, windows, lasts_s=20)
    for at_s in range(20):
        for provider in ("openai", "azure"):
            for kind in ("refused", "slow", "throttle"):
                state = None
                for changed_ns, *key, value in proxies.changes:
                    if key == [provider, kind] and changed_ns <= (at_s + 0.5) * S:
                        state = value
                assert state == planned(windows, provider, kind, at_s + 0.5)


@given(windows=WINDOWS, lasts_s=st.floats(0, 20), call_s=st.sampled_from([0.0, 0.3, 3.0]), again=st.floats(0, 3))
@example(windows=(window(1, "openai", 0, 5, REFUSED),), lasts_s=0.1, call_s=0.3, again=0.0)
def test_everything_is_healed_whenever_it_is_cut_short(
    windows: tuple[Window, ...], lasts_s: float, call_s: float, again: float
) -> None:
    """Cancelled at any moment, in mid-call and once more while healing, no fault stays, and every window has its event."""
    proxies = FakeProxies(call_s)
    events: list[FaultEvent] = []

    async def acting() -> None:
        timeline = Timeline(windows=windows)
        async with Nemesis(timeline, proxies, origin_ns=now_ns(), put=events.append, clock_ns=now_ns):
            await asyncio.sleep(100)

    async def story() -> None:
        task = asyncio.create_task(acting())
        await asyncio.sleep(0)
        for pause in (lasts_s, again):
            await asyncio.wait([task], timeout=pause)
            task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    run(story())
    assert set(proxies.state.values()) <= {None}
    assert [event.fault_id for event in events] == [w.fault_id for w in windows]
    for event in events:
        assert event.error is None
        assert (event.applied_ns is None) == (event.reverted_ns is None)


@given(windows=WINDOWS, failures=st.frozensets(st.integers(1, 12)))
def test_failed_calls_are_reported_and_tried_again(windows: tuple[Window, ...], failures: frozenset[int]) -> None:
    """A call that fails neither ends the run nor is forgotten: what is in force at the end has an error on its event."""
    proxies = FakeProxies(failures=failures)
    events = play(proxies, windows, lasts_s=20)
    left = {key for key, value in proxies.state.items() if value is not None}
    told = {(event.provider, event.kind) for event in events if event.error is not None and event.reverted_ns is None}
    assert left <= told


@given(windows=WINDOWS, call_s=st.sampled_from([0.0, 0.2]))
def test_events_enclose_every_effect(windows: tuple[Window, ...], call_s: float) -> None:
    """No attempt is touched before the begin that some window's event has, nor after its end."""
    proxies = FakeProxies(call_s)
    events = play(proxies, windows, lasts_s=60)
    in_force: dict[tuple[str, str], int] = {}
    effects = []
    for at_ns, provider, kind, value in [*proxies.changes]:
        since = in_force.pop((provider, kind), None)
        if since is not None:
            effects.append((provider, kind, since, at_ns))
        if value is not None:
            in_force[provider, kind] = at_ns
    assert not in_force
    for provider, kind, since, until in effects:
        acts = [
            (event.applied_ns, event.reverted_ns)
            for event in events
            if (event.provider, event.kind) == (provider, kind) and event.applied_ns is not None
        ]
        heapq.heapify(acts)
        reach = since
        while acts:
            applied, reverted = heapq.heappop(acts)
            assert reverted is not None
            if applied <= reach:
                reach = max(reach, reverted)
        assert reach >= until


def test_nested_refusals_end_with_the_last() -> None:
    """The inner window's end does not let calls through, but its event has when it was over."""
    proxies = FakeProxies()
    events = play(proxies, (window(1, "openai", 1, 9, REFUSED), window(2, "openai", 3, 5, REFUSED)), lasts_s=10)
    assert [(round(at / S), value) for at, _name, _kind, value in proxies.changes] == [(1, True), (9, None)]
    assert spans(events) == [(1, 9), (3, 5)]


def test_of_two_delays_the_earlier_in_the_file_holds() -> None:
    """The later one acts before and after it, and never if it is covered whole."""
    windows = (
        window(1, "openai", 3, 5, slow(2)),
        window(2, "openai", 1, 9, slow(1)),
        window(3, "openai", 3, 4, slow(3)),
    )
    proxies = FakeProxies()
    events = play(proxies, windows, lasts_s=10)
    delays = [value and value[0] // S for _at, _name, _kind, value in proxies.changes]
    assert delays == [1, 2, 1, None]
    assert spans(events) == [(3, 5), (1, 9), (None, None)]


def test_of_two_throttles_the_earlier_in_the_file_holds() -> None:
    """Beside a delay and a refusal, which go their own ways."""
    windows = (
        window(1, "openai", 3, 5, throttle(2000)),
        window(2, "openai", 1, 9, throttle(1000)),
        window(3, "openai", 2, 4, slow(1)),
        window(4, "openai", 6, 7, REFUSED),
    )
    proxies = FakeProxies()
    events = play(proxies, windows, lasts_s=10)
    assert [value for *_, kind, value in proxies.changes if kind == "throttle"] == [1000, 2000, 1000, None]
    assert spans(events) == [(3, 5), (1, 9), (2, 4), (6, 7)]
    assert [event.kind for event in events] == ["throttle", "throttle", "slow", "refused"]


def test_edge_windows_are_reported_and_clipped() -> None:
    """Faults that the edge decides have their planned times, cut where the run was; later ones never acted."""
    windows = (
        window(1, "openai", 1, 2, STATUS),
        window(2, "openai", 3, 9, Inject(connection="silent")),
        window(3, "openai", 6, 9, Inject(connection="reset")),
        window(4, "openai", 6, 9, REFUSED),
    )
    proxies = FakeProxies()
    events = play(proxies, windows, lasts_s=5)
    assert spans(events) == [(1, 2), (3, 5), (None, None), (None, None)]
    assert [event.kind for event in events] == ["status", "silent", "reset", "refused"]
    assert not proxies.changes


def test_fault_that_cannot_be_applied_says_why() -> None:
    """The event of such a window has no times, so that the run is known not to have tested it."""
    events = play(FakeProxies(failures=frozenset({1})), (window(1, "openai", 1, 2, REFUSED),), lasts_s=3)
    assert spans(events) == [(None, None)]
    assert events[0].error == "500"


def test_what_begins_with_the_run_is_in_force_before_its_first_request() -> None:
    """That request may go out at the origin itself; the record still has the planned time."""
    proxies = FakeProxies(call_s=0.05)
    events: list[FaultEvent] = []
    timeline = Timeline(windows=(plans.window(REFUSED, start_ns=0, end_ns=2 * S),))

    async def story() -> int:
        origin_ns = now_ns() + S // 2
        async with Nemesis(timeline, proxies, origin_ns=origin_ns, put=events.append, clock_ns=now_ns):
            await asyncio.sleep(4)
        return origin_ns

    origin_ns = run(story())
    assert [(at_ns < origin_ns, value) for at_ns, _name, _kind, value in proxies.changes] == [
        (True, True),
        (False, None),
    ]
    assert events[0].applied_ns == origin_ns


def test_error_of_the_run_passes_through() -> None:
    """What went wrong in the run is not hidden by the healing."""
    proxies = FakeProxies()

    async def story() -> None:
        timeline = Timeline(windows=(window(1, "openai", 0, 9, REFUSED),))
        async with Nemesis(timeline, proxies, origin_ns=now_ns(), put=lambda _event: None, clock_ns=now_ns):
            await asyncio.sleep(1)
            raise HarnessError("the edge died")

    with pytest.raises(HarnessError, match="the edge died"):
        run(story())
    assert proxies.state == {("openai", "refused"): None}


def on_gateway(fault: int, start_s: float, end_s: float, inject: Inject) -> Window:
    """Return a window on the gateway."""
    return replace(window(fault, "gateway", start_s, end_s, inject), leg="gateway")


class FakeGateway(FakeProxies):
    """A gateway that takes a while to start, beside proxies that change at once."""

    def __init__(self, start_s: float) -> None:
        super().__init__()
        self.start_s = start_s
        self.processes: list[str] = []

    async def set(self, window: Window, state: ListenerState) -> int | None:
        """Change a port, or the process."""
        if window.at_provider:
            return await super().set(window, state)
        self.processes.append(state.process)
        if state.process != "killed":
            await asyncio.sleep(self.start_s)
        return 1


KILL, RESTART = Inject(process="kill"), Inject(process="restart")


def test_a_killed_gateway_is_back_when_it_is_ready() -> None:
    """Its fault lasts until then, beyond its window."""
    gateway = FakeGateway(start_s=3)
    events = play(gateway, (on_gateway(1, 2, 4, KILL),), lasts_s=20)

    assert gateway.processes == ["killed", "running"]
    assert spans(events) == [(2, 7)]
    assert [(event.leg, event.fired) for event in events] == [("gateway", 1)]


def test_a_restart_is_over_when_the_gateway_is_ready() -> None:
    """Not when its window ends."""
    gateway = FakeGateway(start_s=3)
    events = play(gateway, (on_gateway(1, 2, 10, RESTART),), lasts_s=20)

    assert gateway.processes[0] == "restarted"
    assert spans(events) == [(2, 5)]


def test_no_provider_waits_for_a_gateway() -> None:
    """Its port fails on time while the gateway is on its way up."""
    events = play(FakeGateway(start_s=5), (on_gateway(1, 1, 2, KILL), window(2, "openai", 3, 4, REFUSED)), lasts_s=20)

    assert spans(events) == [(1, 7), (3, 4)]


def test_a_run_that_is_cut_short_starts_no_gateway() -> None:
    """Nobody needs it any more."""
    gateway = FakeGateway(start_s=3)

    async def story() -> None:
        timeline = Timeline(windows=(on_gateway(1, 1, 100, KILL),))
        async with Nemesis(timeline, gateway, origin_ns=now_ns(), put=lambda _event: None, clock_ns=now_ns):
            await asyncio.sleep(2)
            raise KeyError

    async def aborted() -> None:
        timeline = Timeline(windows=(on_gateway(1, 1, 100, KILL),))
        async with Nemesis(timeline, gateway, origin_ns=now_ns(), put=lambda _event: None, clock_ns=now_ns) as nemesis:
            await asyncio.sleep(2)
            nemesis.cut_short()

    with pytest.raises(KeyError):
        run(story())
    assert gateway.processes == ["killed"]
    gateway.processes.clear()
    run(aborted())
    assert gateway.processes == ["killed"]
