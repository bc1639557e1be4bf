"""Small plans and histories, written in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from harness.chain import Chain, Endpoint, Provider, Retry
from harness.history import AttemptRecord, FaultEvent, HealthRecord, History, RequestRecord, as_records
from harness.http_rules import is_success
from harness.judge import RunData, judge
from harness.judge.findings import FINDINGS, CheckResult
from harness.judge.grammar import parse
from harness.judge.properties import PROPERTIES, Property, SearchRun
from harness.judge.result import ExpectationResult
from harness.provider.kinds import Kind
from harness.quantities import MS, S
from harness.scenario import Arrival, Expectation, Fault, Inject, Load, Plan, Scenario, compile_plan
from harness.scenario.mix import MixPart

PHASES = {"baseline": 10.0, "fault": 30.0, "recovery": 20.0}
OUTAGE = Fault(on="openai", during="fault", inject=Inject(status=503))


def ns(seconds: float) -> int:
    """Return seconds as nanoseconds."""
    return round(seconds * S)


def plan_of(
    *expect: str,
    faults: Sequence[Fault] = (),
    phases: dict[str, float] | None = None,
    rate: float = 10.0,
    deadline_s: float = 60.0,
    order: Sequence[str] = ("openai", "azure", "anthropic"),
    peers: Sequence[tuple[str, ...]] = (),
    attempts: int | None = None,
    endpoint: bool = False,
    dialect: str = "openai",
) -> Plan:
    """Return a plan without arrivals: the requests are those of the history."""
    lengths = {name: ns(length) for name, length in (phases or PHASES).items()}
    chain = Chain(
        name="test",
        driver="endpoint" if endpoint else "litellm-router",
        providers={name: Provider(dialect=dialect, model="gpt-4") for name in order},
        order=tuple(order),
        peers=tuple(peers),
        retry=Retry(attempts=attempts) if attempts else None,
        endpoint=Endpoint(base_url="http://127.0.0.1:1/v1", model="gpt-4") if endpoint else None,
    )
    scenario = Scenario(name="test", load=Load(rate=1.0, deadline=ns(deadline_s)), phases=lengths, faults=tuple(faults))
    expectations: tuple[Expectation, ...] = tuple(parse(text, lengths) for text in expect)
    plan = compile_plan(scenario, chain, expectations)
    return replace(plan, arrivals=(), load=replace(plan.load, rate=rate))


@dataclass(frozen=True, kw_only=True)
class Try:
    """One attempt: at which provider, how long after the one before, and what came of it."""

    at: str = "openai"
    after_s: float = 0.0
    took_s: float = 0.01
    status: int | None = 200
    told_s: float | None = None
    outcome: str | None = None
    fault: str | None = None
    more: dict[str, Any] = field(default_factory=dict)


def knowing(plan: Plan, **facts: Any) -> Plan:
    """Return a plan whose chain is known to behave in some ways; the arguments are fields of ChainFacts."""
    return replace(plan, facts=replace(plan.facts, **facts))


def mixed(
    plan: Plan,
    book: Book,
    parts: Sequence[int],
    *,
    orders: Sequence[tuple[str, ...]] = (),
    kinds: Sequence[Kind] = (),
    after: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """Return a plan of a mix, whose arrivals are the requests of a book.

    Args:
        plan: All else.
        book: The requests.
        parts: The part of each.
        orders: Of each part; the chain's if there are none.
        kinds: Of each part; chats if there are none.
        after: By later turn of a conversation, the turn before.
    """
    size = len(orders or kinds)
    mix = tuple(MixPart(share=1 / size, kind=kind) for kind in kinds or ("chat",) * size)
    arrivals = tuple(
        Arrival(
            request_id=each.request_id,
            scheduled_ns=each.scheduled_ns,
            phase=each.phase,
            streaming=False,
            part=part,
            after=after.get(each.request_id),
        )
        for each, part in zip(book.requests, parts, strict=True)
    )
    orders = tuple(orders) or (plan.chain.order,) * size
    return replace(plan, load=replace(plan.load, mix=mix), arrivals=arrivals, orders=orders)


def look(finding: str, run: RunData) -> CheckResult:
    """Return what a finding's check finds in a run, and compare it with the property that means the same."""
    if not run.columns.requests.blind.any():
        for declared in PROPERTIES.own.values():
            if finding in declared.findings:
                assert_agreement(declared, run)
    return FINDINGS[finding].check(run)


def assert_agreement(declared: Property, run: RunData) -> None:
    """Compare a property, in plain Python, with its findings, in columns: both name the same requests."""
    found = [FINDINGS[finding].check(run) for finding in declared.findings]
    broken = declared.check(search_run(run))
    if all(FINDINGS[finding].shown_by == "run" for finding in declared.findings):
        assert bool(broken) == any(each.count for each in found), declared.name
    else:
        assert set(broken) == {request for each in found for request in each.requests}, declared.name


def search_run(run: RunData, **fields: Any) -> SearchRun:
    """Return a run as the properties look at it."""
    plan, history = run.plan, run.columns.history
    given: dict[str, Any] = {
        "requests": as_records(RequestRecord, history.requests),
        "attempts": as_records(AttemptRecord, history.attempts),
        "windows": plan.timeline.windows,
        "chain": plan.chain,
        "orders": {each.request_id: plan.orders[each.part] for each in plan.arrivals},
        "facts": plan.facts,
        "providers": plan.chain.order,
        "deadline_ns": 30 * S,
        "end_ns": plan.end_ns,
    }
    return SearchRun(**(given | fields))


def fails(status: int | None = 503, **fields: Any) -> Try:
    """Return a failing attempt that a fault made."""
    return Try(status=status, **{"fault": "fault-1", **fields})


class Book:
    """Requests and attempts, written one request at a time."""

    def __init__(self) -> None:
        self.requests: list[RequestRecord] = []
        self.attempts: list[AttemptRecord] = []
        self.health: list[HealthRecord] = []

    def request(self, at_s: float, *tries: Try, phase: str | None = None, **fields: Any) -> str:
        """Write down a request and its attempts; it ends like the last of them, and 5 ms after it."""
        request_id = fields.pop("request_id", f"req-{len(self.requests) + 1:06d}")
        at_ns = ns(at_s) + 5 * MS
        told: list[AttemptRecord] = []
        for number, one in enumerate(tries, start=1):
            at_ns += ns(one.after_s)
            nth = sum(other.provider == one.at for other in told) + 1
            told.append(_attempt(request_id, number, nth, at_ns, one))
            at_ns += ns(one.took_s)
        self.attempts += told
        last = told[-1] if told else None
        answered = last is not None and last.outcome == "ok"
        defaults: dict[str, Any] = {
            "request_id": request_id,
            "phase": phase or _phase(at_s),
            "scheduled_ns": ns(at_s),
            "start_ns": ns(at_s) + 1 * MS,
            "first_token_ns": at_ns + 5 * MS if answered else None,
            "end_ns": at_ns + 5 * MS,
            "outcome": "ok" if answered else "error",
            "status": last.status if last else None,
            "served_by": last.provider if answered and last else None,
            "served_attempt": last.attempt_id if answered and last else None,
            "sources": (last.attempt_id,) if answered and last else (),
            "text_chars": 100 if answered else None,
            "complete": answered,
        }
        if fields.get("outcome") == "deadline":
            defaults |= {"client_left": True, "status": None}
        self.requests.append(RequestRecord(**(defaults | fields)))
        return request_id

    def steady(self, count: int = 20) -> Book:
        """Write down requests of the baseline to which nothing happens."""
        for place in range(count):
            self.request(0.3 * place, Try())
        return self

    def lag(self, at_s: float, lag_s: float, process: str = "chain") -> None:
        """Write down a health record."""
        self.health.append(HealthRecord(process=process, at_ns=ns(at_s), loop_lag_ns=ns(lag_s), cpu_ns=0))

    def run(self, plan: Plan, **rest: Any) -> RunData:
        """Return the history joined to its plan; the arguments are those of `history`."""
        return RunData.of(plan, self.history(plan, **rest))

    def history(self, plan: Plan, *, fired: int | None = 1, **rest: Any) -> History:
        """Return the history; every fault window fired so many times."""
        faults = [
            FaultEvent(
                fault_id=window.fault_id,
                provider=window.provider,
                kind=window.inject.kind,
                leg=window.leg,
                applied_ns=window.start_ns,
                reverted_ns=window.end_ns,
                fired=fired,
            )
            for window in plan.timeline.windows
        ]
        rows: dict[str, Any] = {"requests": self.requests, "attempts": self.attempts, "health": self.health}
        return History.of(plan.digest, **({"faults": faults} | rows | rest))


def _attempt(request_id: str, number: int, nth: int, at_ns: int, one: Try) -> AttemptRecord:
    fine = is_success(one.status)
    fields: dict[str, Any] = {
        "attempt_id": f"{request_id}.{one.at}.{nth}",
        "request_id": request_id,
        "number": number,
        "provider": one.at,
        "start_ns": at_ns,
        "end_ns": at_ns + ns(one.took_s),
        "status": one.status,
        "outcome": one.outcome or ("ok" if fine else "status" if one.status else "reset"),
        "fault_id": one.fault,
        "retry_after_ns": None if one.told_s is None else ns(one.told_s),
        "text_chars": 100 if fine else None,
        "tokens_in": 20 if fine else None,
        "tokens_out": 30 if fine else None,
        "cost_usd": 0.01 if fine else None,
    }
    return AttemptRecord(**(fields | one.more))


def _phase(at_s: float) -> str:
    end_s = 0.0
    for name, length_s in PHASES.items():
        end_s += length_s
        if at_s < end_s:
            return name
    return name


def row_of(expect: str, book: Book, **rest: object) -> ExpectationResult:
    """Return what becomes of one expectation on requests of a run with an outage; `rest` as for `Book.run`."""
    plan = plan_of(expect, faults=[OUTAGE])
    (row,) = judge(book.run(plan, **rest)).expectations
    return row
