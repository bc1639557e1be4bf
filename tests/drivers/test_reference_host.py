"""The reference chain's host in virtual time, against answers that a test scripts to the byte."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.chain import Chain, Provider, Retry
from harness.chain.policy import BreakerSpec, BudgetSpec, FallbackWait, Policy
from harness.chain.reference import ChainExhausted
from harness.drivers.environment import HostEnvironment
from harness.drivers.recorder import Recorder
from harness.drivers.reference import host
from harness.drivers.reference.__main__ import PunctualLoop
from harness.drivers.reference.calls import Outgoing
from harness.drivers.reference.host import enter
from harness.drivers.reference.wire import BrokenError
from harness.drivers.server import AnswerHeaders, Ask, opening, serving
from harness.history.records import ChainAttempt, ProviderState
from harness.messages import ChainStart
from harness.part import ChildProcess
from harness.provider.spec import Price
from harness.quantities import S
from harness.sim.clock import Clock, run


@dataclass
class Answer:
    """An answer; a number among its parts is a wait in seconds, a word how it breaks off."""

    parts: list[bytes | float | str] = field(default_factory=list)
    status: int = 200
    headers: tuple[tuple[str, str], ...] = (("content-type", "text/event-stream"),)
    left: bool = False

    async def body(self) -> AsyncIterator[bytes]:
        """Work off the parts."""
        for part in self.parts:
            if isinstance(part, bytes):
                yield part
            elif isinstance(part, str):
                raise BrokenError(part)  # type: ignore[arg-type]
            else:
                await asyncio.sleep(part)

    async def read(self) -> bytes:
        """Work off the parts, and return them."""
        return b"".join([part async for part in self.body()])

    def leave(self) -> None:
        """Take note of it."""
        self.left = True


class Scripted:
    """A wire whose providers answer as scripted, each with a list that it works off."""

    def __init__(self, **answers: list[Answer | Exception]) -> None:
        self.answers = answers
        self.asked: list[str] = []

    async def send(self, provider: str, _request: Outgoing) -> Answer:
        """Return the next answer."""
        self.asked.append(provider)
        answer = self.answers[provider].pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def said(*words: str, end: bool = True) -> list[bytes | float | str]:
    """Return the events of a stream."""
    events = [{"choices": [{"delta": {"content": word}}]} for word in words]
    closing = [{"choices": [{"delta": {}, "finish_reason": "length"}]}] if end else []
    return [f"data: {json.dumps(event)}\n\n".encode() for event in [*events, *closing]]


def plain(text: str, **more: Any) -> Answer:
    """Return a plain answer."""
    body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}], **more}
    return Answer([json.dumps(body).encode()], headers=(("content-type", "application/json"),))


def play(
    wire: Scripted,
    script: Callable[[Ask, Clock], Awaitable[Any]],
    *,
    attempts: int = 1,
    dialect: str = "openai",
    **policy: Any,
) -> tuple[Any, list[ChainAttempt]]:
    """Return what a script made of a chain of two providers, and what was recorded; no task may be left.

    The first provider speaks the dialect, the second one OpenAI's.
    """
    rows: list[ChainAttempt | ProviderState] = []
    chain = Chain(
        name="two",
        driver="reference",
        providers={
            name: Provider(dialect=spoken, model=name, price=Price(input=10, output=100))
            for name, spoken in (("a", dialect), ("b", "openai"))
        },
        order=("a", "b"),
        retry=Retry(attempts=attempts),
        timeout=20 * S,
        policy=Policy(fallback_wait=FallbackWait(max=0), **policy),
    )

    async def main(clock: Clock) -> Any:
        environment = HostEnvironment(wire=wire, clock_ns=lambda: clock.now_ns)
        recorder = Recorder({}, {}, rows.append, clock_ns=environment.clock_ns)
        async with enter(chain, {}, recorder, environment) as inside:
            result = await script(inside.ask, clock)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return result

    return run(main), [row for row in rows if isinstance(row, ChainAttempt)]


def body(*, stream: bool) -> dict[str, Any]:
    """Return what a caller asks."""
    return {"model": "a", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}


async def stream(ask: Ask, _clock: Clock) -> tuple[str, dict[str, Any]]:
    """Return a stream's text and its last event."""
    async with aclosing(ask("chat", body(stream=True))) as pieces:
        events = [json.loads(piece) async for piece in pieces if isinstance(piece, str)]
    return "".join(event["choices"][0]["delta"].get("content", "") for event in events), events[-1]


async def whole(ask: Ask, clock: Clock) -> tuple[dict[str, Any], float]:
    """Return a plain answer, and when it came, in seconds."""
    async with aclosing(ask("chat", body(stream=False))) as pieces:
        _headers, text = await opening(pieces)
        return json.loads(text or ""), clock.now_ns / S


def test_a_hedges_first_token_settles_it() -> None:
    """The one that was silent sends nothing more, however soon it would have; its connection is closed."""
    late = Answer([1.5, *said("late")])
    wire = Scripted(a=[late], b=[Answer([0.4, *said("one ", end=False), 0.2, *said("two")])])

    (text, last), rows = play(wire, stream, hedge=S)

    assert text == "one two"
    assert last["chain"]["tried"] == [
        {"provider": "a", "failure": "given_up", "status": None, "error": ""},
        {"provider": "b", "failure": None, "status": 200, "error": ""},
    ]
    assert late.left
    assert [row.outcome for row in rows] == ["client_left", "ok"]


def test_a_held_back_stream_can_be_begun_anew() -> None:
    """The caller gets the whole answer of one provider, and nothing of the half of another."""
    wire = Scripted(a=[Answer([*said("half", end=False), "cut"])], b=[Answer(said("all ", "of it"))])

    (text, last), rows = play(wire, stream, streams="restart")

    assert text == "all of it"
    assert last["chain"]["served_by"] == "b"
    assert [row.outcome for row in rows] == ["cut", "ok"]


def test_why_an_answer_ended_is_passed_on() -> None:
    """A text that was cut short by its length is not sold as a finished one."""
    (_, last), _ = play(Scripted(a=[Answer(said("long"))]), stream)

    assert last["choices"][0]["finish_reason"] == "length"


def test_a_stream_that_never_closes_is_whole_once_it_has_said_so() -> None:
    """What a provider does after the end of its answer is not the caller's trouble."""
    (text, _), rows = play(Scripted(a=[Answer([*said("well"), 60.0])]), stream)

    assert text == "well"
    assert rows[0].outcome == "ok"
    assert rows[0].end_ns - rows[0].start_ns <= 2 * S  # type: ignore[operator]


def test_an_error_whose_body_breaks_off_is_still_that_error() -> None:
    """Its status and its Retry-After have come; they count."""
    refused = Answer(["cut"], status=429, headers=(("Retry-After", "3"),))

    (answer, at_s), rows = play(Scripted(a=[refused, plain("better")]), whole, attempts=2)

    assert answer["chain"]["tried"][0]["failure"] == "rate_limit"
    assert (answer["chain"]["served_by"], at_s) == ("a", 3.0)
    assert [row.outcome for row in rows] == ["cut", "ok"]


def test_a_date_is_a_delay_too() -> None:
    """Retry-After may name the moment; it is reckoned by the wall's clock, which is the run's own."""
    refused = Answer(status=503, headers=(("retry-after", "Fri, 15 Jan 2027 08:00:04 GMT"),))  # 4 s after EPOCH_S

    (_, at_s), _ = play(Scripted(a=[refused, plain("better")]), whole, attempts=2)

    assert at_s == 4.0


def test_cost_counts_every_attempt() -> None:
    """Of a broken stream too, as far as it came."""
    used = b'data: {"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 100}}\n\n'
    wire = Scripted(a=[Answer([used, "cut"])], b=[Answer([*said("fine"), used])])

    (_, last), _ = play(wire, stream)

    assert last["chain"]["cost_usd"] == pytest.approx(2 * (1000 * 10 + 100 * 100) / 1e6)
    assert last["usage"]["total_tokens"] == 1100


FALLEN = {"x-chain-served-by": "b", "x-chain-depth": "1", "x-chain-attempts": "2", "x-chain-tried": "a;timeout, b;ok"}


@pytest.mark.parametrize(
    ("streaming", "streams"), [(False, "before-first-token"), (True, "before-first-token"), (True, "restart")]
)
def test_headers_say_what_is_known_when_they_leave(streaming: bool, streams: str) -> None:
    """Who served, how deep and after whom; what it cost too, unless the answer only begins."""

    async def script(ask: Ask, _clock: Clock) -> tuple[AnswerHeaders, str | None]:
        async with aclosing(ask("chat", body(stream=streaming))) as pieces:
            return await opening(pieces)

    usage = {"usage": {"prompt_tokens": 10, "completion_tokens": 5}}
    last = f"data: {json.dumps({'choices': [], **usage})}\n\n".encode()
    answer = Answer([*said("fine"), last]) if streaming else plain("fine", **usage)
    wire = Scripted(a=[Answer([60.0])], b=[answer])

    (headers, text), _rows = play(wire, script, streams=streams, first_token=S)

    assert "fine" in str(text)
    begins = streaming and streams == "before-first-token"
    assert headers == (FALLEN if begins else {**FALLEN, "x-chain-cost-usd": "0.000600"})


def test_a_mistake_of_ours_is_heard_at_once() -> None:
    """No request waits for its deadline because our own code broke."""

    async def asks(ask: Ask, clock: Clock) -> int:
        with pytest.raises(KeyError):
            await whole(ask, clock)
        with pytest.raises(KeyError):
            await stream(ask, clock)
        return clock.now_ns

    at_ns, _ = play(Scripted(a=[KeyError("x"), KeyError("x")]), asks)

    assert at_ns == 0


@pytest.mark.parametrize("model", [["a"], {}, None, 7, "c"])
def test_a_model_that_is_none_is_the_callers_mistake(model: object) -> None:
    """Whatever JSON has in its place."""

    async def asks(ask: Ask, _clock: Clock) -> None:
        with pytest.raises(ValueError, match="unknown model"):
            await anext(ask("chat", {**body(stream=False), "model": model}))

    play(Scripted(), asks)


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
def test_a_caller_who_leaves_during_a_probe_leaves_the_breaker_usable(streaming: bool) -> None:
    """The next request may probe; nothing of the first is left running."""
    silent = Answer([60.0])
    failing = Answer(status=500)
    wire = Scripted(a=[failing, silent, plain("back")], b=[plain("fine")])

    async def script(ask: Ask, clock: Clock) -> str:
        await whole(ask, clock)
        await asyncio.sleep(2)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1), aclosing(ask("chat", body(stream=streaming))) as pieces:
                await anext(pieces)
        answer, _ = await whole(ask, clock)
        assert silent.left
        return str(answer["chain"]["served_by"])

    served_by, rows = play(wire, script, breaker=BreakerSpec(failures=1, open=S))

    assert served_by == "a"
    assert [row.outcome for row in rows] == ["status", "ok", "client_left", "ok"]


@pytest.mark.parametrize("streaming", [False, True], ids=["plain", "stream"])
def test_the_deadline_holds_whatever_is_under_way(streaming: bool) -> None:
    """The error names who was asked and who was not."""

    async def script(ask: Ask, clock: Clock) -> tuple[str, int]:
        with pytest.raises(ChainExhausted) as raised:
            async with aclosing(ask("chat", body(stream=streaming))) as pieces:
                await anext(pieces)
        return str(raised.value), clock.now_ns

    (told, at_ns), _ = play(Scripted(a=[Answer([60.0])]), script, deadline=5 * S)

    assert at_ns == 5 * S
    assert "1. a: " in told
    assert "b: not asked, no time" in told


@pytest.mark.parametrize("seed", [0, 7])
async def test_a_live_policy_draws_by_the_plans_seed(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """What the host draws is what a simulation of the same plan draws."""
    drawn: list[int] = []
    real = host.Shared
    monkeypatch.setattr(
        host, "Shared", lambda chain, *, seed, **rest: drawn.append(seed) or real(chain, seed=seed, **rest)
    )
    chain = Chain(name="one", driver="reference", providers={"a": Provider(dialect="openai", model="a")}, order=("a",))
    message = ChainStart(chain=chain, base_urls={}, seed=seed)
    async with serving(host.enter)(ChildProcess("chain", message)):
        pass
    assert set(drawn) == {seed}


def test_warm_up_calls_leave_no_trace_in_what_requests_share() -> None:
    """A run begins with the budget as written, live too, where calls go before it."""
    wire = Scripted(
        a=[plain("warm")] * 3 + [Answer([], status=503) for _ in range(4)], b=[plain("warm")] * 3 + [plain("b")]
    )

    async def script(ask: Ask, clock: Clock) -> dict[str, Any]:
        for place in range(6):
            model, marked = "ab"[place // 3], f"hi [[warmup-{place:06d} 00000sim]]"
            asked = {"model": model, "stream": False, "messages": [{"role": "user", "content": marked}]}
            async with aclosing(ask("chat", asked)) as pieces:
                await anext(pieces)
        return (await whole(ask, clock))[0]

    answer, _rows = play(wire, script, attempts=4, budget=BudgetSpec(share=0.5, floor=1), breaker=None)

    assert [tried["provider"] for tried in answer["chain"]["tried"]] == ["a", "a", "b"]


def test_the_live_loop_never_wakes_early() -> None:
    """An attempt that ends before the deadline that ends it would be followed by one at the next provider."""

    async def early_ns() -> list[int]:
        loop = asyncio.get_running_loop()
        found: list[int] = []
        over = asyncio.Event()

        def wake(due_ns: int) -> None:
            found.append(due_ns - time.monotonic_ns())
            if len(found) == 100:
                over.set()

        for place in range(100):
            wait_ns = place * 130_000
            due_ns = time.monotonic_ns() + wait_ns
            if place % 2:
                loop.call_at(loop.time() + wait_ns / S, wake, due_ns)
            else:
                loop.call_later(wait_ns / S, wake, due_ns)
            await asyncio.sleep(0.0003)
        await over.wait()
        return found

    with asyncio.Runner(loop_factory=PunctualLoop) as runner:
        assert max(runner.run(early_ns())) <= 0
