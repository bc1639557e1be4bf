"""A host on a virtual clock: it plays attempts of a given length and end."""

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from harness.chain import Chain
from harness.chain.reference import Done, RequestMachine, Result, SendAttempt, Shared
from harness.quantities import S

STEPS_MAX = 500

Answer = Callable[[SendAttempt, int], tuple[int, Result]]
"""`(attempt, now)` to how long it takes, in nanoseconds, and how it ends."""


@dataclass(slots=True)
class Story:
    """What one request did."""

    done: Done
    end_ns: int
    sent: list[tuple[int, SendAttempt]] = field(default_factory=list)
    ended: list[tuple[int, Result]] = field(default_factory=list)


def play(request: RequestMachine, answer: Answer, start_ns: int = 0) -> Story:
    """Play a request to its end."""
    now, result = start_ns, None
    under_way: list[tuple[int, int, Result]] = []
    story = Story(done=None, end_ns=0)  # type: ignore[arg-type]
    for _ in range(STEPS_MAX):
        action = request.step(now, result)
        result = None
        if isinstance(action, Done):
            story.done, story.end_ns = action, now
            return story
        if isinstance(action, SendAttempt):
            story.sent.append((now, action))
            took, ending = answer(action, now)
            if took > action.timeout_ns:
                took, ending = action.timeout_ns, Result(action.attempt, "timeout")
            heapq.heappush(under_way, (now + took, action.attempt, ending))
            continue
        assert action.until_ns >= now
        if under_way and under_way[0][0] <= action.until_ns:
            now, _, result = heapq.heappop(under_way)
            story.ended.append((now, result))
        else:
            now = action.until_ns
    msg = "the request never ends"
    raise AssertionError(msg)


@dataclass(slots=True)
class Happening:
    """Something that one of many requests did, at a time."""

    at_ns: int
    request: int
    send: SendAttempt | None = None
    result: Result | None = None
    done: Done | None = None


def play_all(
    requests: Sequence[tuple[int, Callable[[], RequestMachine]]], answer: Answer, leave: dict[int, int]
) -> list[Happening]:
    """Play requests that overlap, each made at its time, to their ends; a request that is in `leave` is left then."""
    told: list[Happening] = []
    made: dict[int, RequestMachine] = {}
    ticket = itertools.count()
    events: list[tuple[int, int, int, Result | str]] = []
    for number, (at, _make) in enumerate(requests):
        heapq.heappush(events, (at, next(ticket), number, "begin"))
    for number, at in leave.items():
        heapq.heappush(events, (max(at, requests[number][0]), next(ticket), number, "leave"))
    over: set[int] = set()
    for _ in range(STEPS_MAX * len(requests)):
        if not events:
            assert over == set(range(len(requests)))
            return told
        now, _, number, what = heapq.heappop(events)
        if number in over:
            continue
        result = what if isinstance(what, Result) else None
        if what == "begin":
            made[number] = requests[number][1]()
        request = made[number]
        if result is not None:
            told.append(Happening(now, number, result=result))
            if result.begun:
                request.begun(now, result.attempt)
        action = request.leave(now) if what == "leave" else request.step(now, result)
        while isinstance(action, SendAttempt):
            told.append(Happening(now, number, send=action))
            took, ending = answer(action, now)
            if took > action.timeout_ns:
                took, ending = action.timeout_ns, Result(action.attempt, "timeout")
            heapq.heappush(events, (now + took, next(ticket), number, ending))
            action = request.step(now)
        if isinstance(action, Done):
            over.add(number)
            told.append(Happening(now, number, done=action))
        else:
            assert action.until_ns > now
            heapq.heappush(events, (action.until_ns, next(ticket), number, "wake"))
    msg = "the requests never end"
    raise AssertionError(msg)


def fails(failure: str, *, took: int = S // 10, **rest: object) -> Answer:
    """Return providers that all fail in one way."""
    return lambda send, _now: (took, Result(send.attempt, failure, **rest))  # type: ignore[arg-type]


def per_provider(**answers: Answer) -> Answer:
    """Return providers that each have a way of their own."""
    return lambda send, now: answers[send.provider](send, now)


def well(send: SendAttempt, _now: int) -> tuple[int, Result]:
    """Answer after a tenth of a second."""
    return S // 10, Result(send.attempt)


def make(of: Chain, name: str = "req-000001", **rest: object) -> RequestMachine:
    """Return the only request of a chain."""
    return RequestMachine(Shared(of, seed=1), name=name, start_ns=0, **rest)  # type: ignore[arg-type]
