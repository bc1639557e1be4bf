"""For each finding, a chain whose one mistake it is, and a scenario in which it shows."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from harness.chain import Chain
from harness.chain.policy import BreakerSpec
from harness.chain.reference import ChainExhausted
from harness.chain.reference.actions import Result
from harness.chain.reference.machine import RequestMachine
from harness.drivers.recorder import OpenAttempt
from harness.drivers.reference.attempt import AttemptRunner, PartialAnswer
from harness.drivers.reference.host import Reference
from harness.history import AttemptOutcome
from harness.judge.grammar import parse
from harness.provider.kinds import Api
from harness.quantities import S
from harness.scenario import Fault, Inject, Load, Plan, Scenario, compile_plan
from tests.sim.planted import CORRECT, NAMES, ForgetsThird, IgnoresRetryAfter, KeepsBreakersOpen

assert CORRECT.policy is not None
RIGHT = replace(CORRECT, policy=replace(CORRECT.policy, breaker=None, budget=None))
"""Goes on retrying for as long as it is asked to, so that every scenario shows what it does."""
assert RIGHT.policy is not None


class RetriesDenied(RequestMachine):
    """Takes a 401 for a fault of the provider."""

    def _take(self, now_ns: int, result: Result) -> None:
        super()._take(now_ns, result._replace(failure="server_error") if result.status == 401 else result)


class RetriesQuota(RequestMachine):
    """Takes a used up quota for one call too many in this minute."""

    def _take(self, now_ns: int, result: Result) -> None:
        super()._take(now_ns, result._replace(failure="rate_limit") if result.failure == "quota" else result)


class Hurries(RequestMachine):
    """Tries again at once."""

    def _retry_wait_ns(self, now_ns: int, result: Result) -> int | None:
        return None if super()._retry_wait_ns(now_ns, result) is None else 0


class MarchesInStep(RequestMachine):
    """Wakes those who wait once a second, all together."""

    def _retry_wait_ns(self, now_ns: int, result: Result) -> int | None:
        wait_ns = super()._retry_wait_ns(now_ns, result)
        return None if wait_ns is None else wait_ns + -(now_ns + wait_ns) % S


class TriesEightTimes(RequestMachine):
    """Does not read how many attempts it has."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **{**fields, "attempts": 8})


class SkipsSecond(RequestMachine):
    """Knows its providers in another order."""

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        first, second, third = self._order
        self._order = (first, third, second)


class WandersOff(RequestMachine):
    """Begins five requests at the second provider, although the first one is well."""

    begun = 0

    def __init__(self, *args: Any, **fields: Any) -> None:
        super().__init__(*args, **fields)
        type(self).begun += 1
        if 10 <= self.begun < 15:
            first, second, third = self._order
            self._order = (second, first, third)


class Dawdles(RequestMachine):
    """Waits before the next provider as it would before another try at the same."""

    def _plan(self, now_ns: int, place: int, result: Result) -> None:
        super()._plan(now_ns, place, result)
        if self._place > place:
            self._until_ns += 2 * S


class TakesHalf(AttemptRunner):
    """Takes the end of a connection for the end of an answer."""

    def _result(self, send: Any, attempt: OpenAttempt, reading: PartialAnswer, how: AttemptOutcome) -> Result:
        if how == "cut" and reading.begun:
            attempt.end(how)
            reading.finish = "stop"
        return super()._result(send, attempt, reading, how)


class BeginsAgain(Reference):
    """Asks the next provider for the rest of an answer, and gets the whole."""

    async def ask(self, api: Api, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Ask, and if the answer breaks off, ask somebody else."""
        again = {**body, "chain": {"order": ["azure"]}}
        try:
            async for piece in super().ask(api, body):
                yield piece
        except ChainExhausted:
            async for piece in super().ask(api, again):
                yield piece


class Soothes(Reference):
    """Has an answer of its own for when nobody has one."""

    async def ask(self, api: Api, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Ask, and make up an answer if there is none."""
        try:
            async for piece in super().ask(api, body):
                yield piece
        except ChainExhausted:
            message = {"role": "assistant", "content": "Sorry, please come again later."}
            yield json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


class Remembers(Reference):
    """Gives whoever can have no answer the first one that it ever gave."""

    first: tuple[str, ...] = ()

    async def ask(self, api: Api, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Ask, and answer with somebody else's answer if there is none."""
        try:
            whole = tuple([piece async for piece in super().ask(api, body)])
        except ChainExhausted:
            whole = self.first
        self.first = self.first or whole
        for piece in whole:
            yield piece


class RefusesLongAfterwards(Reference):
    """Asks no other provider after a failure."""

    failed = False

    async def ask(self, api: Api, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Ask, unless a request has failed before."""
        if self.failed:
            raise RuntimeError("resting")
        try:
            async for piece in super().ask(api, body):
                yield piece
        except ChainExhausted:
            type(self).failed = True
            raise


class SaysNothing(Reference):
    """Leaves its caller alone when nobody answers."""

    async def ask(self, api: Api, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Ask, and wait for ever if there is no answer."""
        try:
            async for piece in super().ask(api, body):
                yield piece
        except ChainExhausted:
            await asyncio.Event().wait()


class WorksOn(Reference):
    """Does not hear that its caller has gone."""

    async def ask(self, api: Api, body: dict[str, Any]) -> AsyncGenerator[str, None]:
        """Ask in a task that nobody cancels."""
        ask = super().ask

        async def whole() -> list[str]:
            return [piece async for piece in ask(api, body)]

        for piece in await asyncio.shield(asyncio.create_task(whole())):
            yield piece


FEW = Load(rate=4.0, arrivals="poisson", deadline=40 * S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A mistake, and where it shows.

    Attributes:
        faults: What breaks.
        chain: Where it is, if it is in the chain's own fields.
        right: The chain without it.
        instead: What the host is to use in place of its own, by name.
        load: The callers.
        recovery_s: How long all is well afterwards, in seconds.
        also: What else it is by the letter: half an answer is one that no attempt gave whole.
    """

    faults: tuple[Fault, ...]
    chain: Chain = RIGHT
    right: Chain = RIGHT
    instead: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    load: Load = FEW
    recovery_s: int = 15
    also: frozenset[str] = frozenset()

    def plan(self, chain: Chain) -> Plan:
        """Return the run of a chain in this scenario."""
        scenario = Scenario(
            name="conduct",
            seed=1,
            load=self.load,
            phases={"baseline": 5 * S, "fault": 10 * S, "recovery": self.recovery_s * S},
            faults=self.faults,
        )
        return compile_plan(scenario, chain, (parse("success_rate >= 0%", scenario.phases),))


def _all_through(inject: Inject, *names: str) -> tuple[Fault, ...]:
    return tuple(Fault(on=name, during="fault", inject=inject) for name in names or NAMES[:1])


_DOWN = Inject(status=503)

MISTAKES: Mapping[str, Mistake] = {
    "retry_after_ignored": Mistake(
        faults=_all_through(Inject(status=429, retry_after=2 * S)), instead={"RequestMachine": IgnoresRetryAfter}
    ),
    "non_retryable_retried": Mistake(
        faults=_all_through(Inject(status=401)), instead={"RequestMachine": RetriesDenied}
    ),
    "quota_retried": Mistake(
        faults=_all_through(Inject(status=429, error="quota")), instead={"RequestMachine": RetriesQuota}
    ),
    "no_backoff": Mistake(faults=_all_through(_DOWN), instead={"RequestMachine": Hurries}),
    "lockstep_retries": Mistake(
        faults=_all_through(_DOWN),
        instead={"RequestMachine": MarchesInStep},
        load=replace(FEW, rate=20.0),
    ),
    "retry_storm": Mistake(faults=_all_through(_DOWN), instead={"RequestMachine": TriesEightTimes}),
    "truncated_as_success": Mistake(
        faults=_all_through(Inject(stream="cut", after_tokens=5)),
        instead={"AttemptRunner": TakesHalf},
        load=replace(FEW, streaming=1.0),
        also=frozenset({"error_swallowed"}),
    ),
    "duplicated_content": Mistake(
        faults=_all_through(Inject(stream="cut", after_tokens=5)),
        right=replace(RIGHT, policy=replace(RIGHT.policy, streams="restart")),
        instead={"Reference": BeginsAgain},
        load=replace(FEW, streaming=1.0),
    ),
    "answer_of_another": Mistake(
        faults=_all_through(_DOWN, *NAMES), instead={"Reference": Remembers}, also=frozenset({"error_swallowed"})
    ),
    "answer_of_nobody": Mistake(
        faults=_all_through(_DOWN, *NAMES), instead={"Reference": Soothes}, also=frozenset({"error_swallowed"})
    ),
    "failed_unasked": Mistake(
        faults=_all_through(_DOWN, *NAMES),
        instead={"Reference": RefusesLongAfterwards},
        also=frozenset({"stuck_on_fallback"}),
    ),
    "error_swallowed": Mistake(
        faults=_all_through(_DOWN, *NAMES), instead={"Reference": Soothes}, also=frozenset({"answer_of_nobody"})
    ),
    "hang": Mistake(faults=_all_through(_DOWN, *NAMES), instead={"Reference": SaysNothing}),
    "wrong_order": Mistake(faults=_all_through(_DOWN), instead={"RequestMachine": SkipsSecond}),
    "fallback_never_fired": Mistake(faults=_all_through(_DOWN, *NAMES[:2]), instead={"RequestMachine": ForgetsThird}),
    "stuck_on_fallback": Mistake(
        faults=_all_through(_DOWN),
        chain=replace(RIGHT, policy=replace(RIGHT.policy, breaker=BreakerSpec(failures=1))),
        instead={"RequestMachine": KeepsBreakersOpen},
    ),
    "zombie_attempts": Mistake(
        faults=_all_through(Inject(delay=20 * S)),
        instead={"Reference": WorksOn},
        load=replace(FEW, deadline=3 * S),
    ),
    "prompt_cache_lost": Mistake(
        faults=_all_through(Inject(delay=S // 10)),
        instead={"RequestMachine": WandersOff},
        load=replace(FEW, prompt_tokens=3000),
        also=frozenset({"wrong_order"}),
    ),
    "late_fallback": Mistake(faults=_all_through(_DOWN), instead={"RequestMachine": Dawdles}),
}
"""By the finding that is to name it."""
