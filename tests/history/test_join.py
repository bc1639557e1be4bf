"""Joining what the edge, the chain and the caller saw."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.history import AttemptRecord, FaultEvent, RequestRecord, join
from harness.history.assemble import assemble
from harness.history.join import BREAK_NS, attribute
from harness.history.records import AttemptOutcome, ChainAttempt


def listeners(events: list[FaultEvent]) -> dict[tuple[str, str], AttemptOutcome | None]:
    """Return the plan's windows for the events: those that act on a port."""
    blocked: dict[str, AttemptOutcome | None] = {
        "refused": "refused",
        "unreachable": "timeout",
        "slow": None,
        "throttle": None,
    }
    return {(event.fault_id, event.provider): blocked[event.kind] for event in events if event.kind in blocked}


def at_edge(attempt_id: str = "req-000001.openai.1", *, start_ns: int = 10, **rest: object) -> AttemptRecord:
    """Return an attempt as the edge records it."""
    request_id, provider, _ = attempt_id.split(".")
    first_byte_ns = None if rest.get("outcome") == "refused" else start_ns
    fields = {"outcome": "ok", "text_sha256": "whole", "first_byte_ns": first_byte_ns, **rest}
    return AttemptRecord(attempt_id=attempt_id, request_id=request_id, provider=provider, start_ns=start_ns, **fields)  # type: ignore[arg-type]


def at_chain(key: str, *, provider: str = "openai", start_ns: int = 9, **rest: object) -> ChainAttempt:
    """Return an attempt as the chain's transport records it."""
    fields = {"outcome": "ok", "request_id": "req-000001", **rest}
    return ChainAttempt(key=key, provider=provider, start_ns=start_ns, **fields)  # type: ignore[arg-type]


REQUEST = RequestRecord(
    request_id="req-000001",
    phase="fault",
    scheduled_ns=0,
    outcome="ok",
    sources=("req-000001.openai.1",),
    text_sha256="whole",
)


def test_a_whole_answer_is_complete() -> None:
    """The caller's text is the text that the provider meant to send."""
    (request,), _ = join([REQUEST], [(None, at_edge())], [])
    assert (request.complete, request.served_by, request.served_attempt) == (True, "openai", "req-000001.openai.1")


@pytest.mark.parametrize(
    "change",
    [
        {"text_sha256": "half"},
        {"outcome": "truncated"},
        {"outcome": "deadline"},
        {"sources": ("req-000001.openai.1", "req-000001.openai.1")},
        {"sources": ("req-000001.azure.1", "req-000001.openai.1")},
        {"sources": ()},
    ],
)
def test_anything_less_is_not_complete(change: dict[str, object]) -> None:
    """Half an answer, an answer twice, pieces of two answers, or no mocked text at all."""
    (request,), _ = join([replace(REQUEST, **change)], [(None, at_edge())], [])  # type: ignore[arg-type]
    assert not request.complete


@pytest.mark.parametrize(
    ("cache", "ended_ns", "served_by"), [(True, 20, "cache"), (True, 21, None), (True, None, None), (False, 20, None)]
)
def test_a_declared_cache_serves_what_was_sent_earlier(
    cache: bool, ended_ns: int | None, served_by: str | None
) -> None:
    """The whole text of another request's attempt, which had ended when the caller got it."""
    late = replace(REQUEST, request_id="req-000002", text_chars=5, end_ns=20)
    edge = [(None, at_edge(end_ns=ended_ns)), (None, at_edge("req-000002.openai.1", text_sha256="other"))]
    (request,), _ = join([late], edge, [], cache=cache)
    assert (request.served_by, request.complete) == (served_by, served_by is not None)
    part = replace(late, text_sha256="half")
    assert not join([part], edge, [], cache=cache)[0][0].complete


def test_its_own_answer_is_never_the_caches() -> None:
    """Though the same text was sent before."""
    again = replace(REQUEST, status=200, text_chars=5, end_ns=20, sources=())
    edge = [(None, at_edge("req-000002.openai.1", end_ns=5)), (None, at_edge(end_ns=15, status=200, forwarded=True))]
    (request,), _ = join([again], edge, [], cache=True)
    assert (request.served_by, request.served_attempt) == ("openai", "req-000001.openai.1")


@pytest.mark.parametrize(
    ("edge", "chain", "expected"),
    [
        ("ok", "ok", "ok"),
        ("client_left", "timeout", "timeout"),
        ("client_left", "reset", "reset"),
        ("client_left", "cut", "cut"),
        ("client_left", "client_left", "client_left"),
        ("ok", "reset", "reset"),
        ("ok", "cut", "cut"),
        ("ok", "malformed", "malformed"),
        ("status", "status", "status"),
        ("status", "reset", "reset"),
        ("client_left", "malformed", "malformed"),
        ("reset", "reset", "reset"),
    ],
)
def test_the_chain_knows_how_it_ended(edge: AttemptOutcome, chain: AttemptOutcome, expected: str) -> None:
    """The edge cannot distinguish a timeout from a caller who left, nor notice that its last bytes were lost."""
    pair = ("a-1", at_edge(outcome=edge))
    _, (attempt,) = join([], [pair], [at_chain("a-1", outcome=chain, status=200)])
    assert (attempt.outcome, attempt.seen_by, attempt.start_ns) == (expected, "both", 10)


@pytest.mark.parametrize("outcome", ["timeout", "reset", "client_left"])
def test_an_answer_that_never_arrived_was_never_heard(outcome: AttemptOutcome) -> None:
    """A slow line held the 429 back until the chain gave up: it waited that long, and knew of no status and no delay."""
    told = at_edge(outcome="status", status=429, end_ns=12, retry_after_ns=99, error_code="rate_limit_exceeded")
    _, (attempt,) = join([], [("a-1", told)], [at_chain("a-1", outcome=outcome, end_ns=500)])
    assert (attempt.outcome, attempt.end_ns, attempt.status) == (outcome, 500, None)
    assert (attempt.retry_after_ns, attempt.error_code) == (None, None)


def test_an_answer_of_another_request_serves_nobody() -> None:
    """A gateway that mixes callers up: the text is whole, and not this caller's."""
    other = replace(at_edge("req-000002.openai.1"), request_id="req-000002")
    (request,), _ = join([replace(REQUEST, sources=("req-000002.openai.1",))], [(None, other)], [])
    assert (request.complete, request.served_by) == (False, None)


OUTCOMES: st.SearchStrategy[AttemptOutcome] = st.sampled_from(["ok", "status", "reset", "refused", "timeout"])


@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from(["both", "edge", "chain"]), OUTCOMES), max_size=20),
    st.randoms(),
)
def test_every_attempt_is_kept_once_and_numbered(rows: list[tuple[int, str, AttemptOutcome]], random: object) -> None:
    """Whatever each side saw, in whatever order: one row an exchange, places 1 to n by start."""
    edge, chain = [], []
    for place, (start_ns, seen, outcome) in enumerate(rows):
        if seen != "chain":
            key = f"k{place}" if seen == "both" else None
            edge.append((key, at_edge(f"req-000001.openai.{place}", start_ns=start_ns, outcome=outcome)))
        if seen != "edge":
            chain.append(at_chain(f"k{place}", start_ns=start_ns, outcome=outcome))
    random.shuffle(edge)  # type: ignore[attr-defined]
    random.shuffle(chain)  # type: ignore[attr-defined]
    _, attempts = join([], edge, chain)
    assert Counter(a.seen_by for a in attempts) == Counter(seen for _, seen, _ in rows)
    assert [a.number for a in attempts] == list(range(1, len(rows) + 1))
    assert [a.start_ns for a in attempts] == sorted(start for start, _, _ in rows)
    assert len({a.attempt_id for a in attempts}) == len(rows)


@pytest.mark.parametrize("first", ["openai", "azure"])
def test_of_two_attempts_at_one_moment_the_chain_knows_the_first(first: str) -> None:
    """In virtual time a refusal takes no time at all: the next provider is tried at the very same nanosecond."""
    second = {"openai": "azure", "azure": "openai"}[first]
    names = {"a-000009": first, "a-000010": second}
    edge = [(key, at_edge(f"req-000001.{name}.1", start_ns=7)) for key, name in names.items()]
    chain = [at_chain(key, provider=name, start_ns=7) for key, name in names.items()]
    _, attempts = join([], edge[::-1], chain)
    assert [(a.provider, a.number) for a in attempts] == [(first, 1), (second, 2)]


def test_an_orphan_has_no_number() -> None:
    """An attempt of no request has no place among others."""
    orphan = AttemptRecord(attempt_id="orphan.openai.1", request_id=None, provider="openai", start_ns=1, outcome="ok")
    assert join([], [(None, orphan)], [])[1][0].number == 0


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "outcome", "touched"),
    [
        (99, 101, "refused", True),
        (98, 99, "refused", False),
        (199, 201, "refused", True),
        (200, 201, "refused", False),
        (50, 101, "reset", True),
        (50, 101, "ok", False),
        (50, 99, "reset", False),
        (50, 100 + BREAK_NS, "client_left", True),
        (50, 101 + BREAK_NS, "client_left", False),
        (150, 160, "reset", False),
    ],
)
def test_what_a_refusal_touches(start_ns: int, end_ns: int, outcome: AttemptOutcome, touched: bool) -> None:
    """Whoever is refused, and whose open connection breaks when the refusing begins."""
    event = FaultEvent(fault_id="fault-1", provider="openai", kind="refused", applied_ns=100, reverted_ns=200)
    attempt = at_edge(start_ns=start_ns, end_ns=end_ns, outcome=outcome)
    (named,), (fired,) = attribute([attempt], [event], listeners([event]), unseen=False)
    assert (named.fault_id == "fault-1", fired.fired) == (touched, int(touched))


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "outcome", "seen_by", "touched"),
    [
        (150, 180, "timeout", "chain", True),
        (150, 500, "timeout", "chain", True),
        (150, 500, "client_left", "chain", True),
        (150, 500, "timeout", "both", False),
        (99, 180, "timeout", "chain", False),
        (200, 230, "timeout", "chain", False),
        (199, 201, "refused", "chain", True),
        (150, 160, "status", "both", False),
        (50, 101, "cut", "both", True),
        (50, 99, "cut", "both", False),
    ],
)
def test_what_an_unreachable_port_touches(
    start_ns: int, end_ns: int, outcome: AttemptOutcome, seen_by: str, touched: bool
) -> None:
    """Attempts without a connection, which only the chain records, and those whose open connection broke when it began."""
    event = FaultEvent(fault_id="fault-1", provider="openai", kind="unreachable", applied_ns=100, reverted_ns=200)
    attempt = at_edge(start_ns=start_ns, end_ns=end_ns, outcome=outcome, seen_by=seen_by)
    (named,), (fired,) = attribute([attempt], [event], listeners([event]), unseen=False)
    assert (named.fault_id == "fault-1", fired.fired) == (touched, int(touched))
    _, (unseen,) = attribute([attempt], [event], listeners([event]), unseen=True)
    assert unseen.fired is None


def test_a_refused_connection_was_not_slowed() -> None:
    """A slow window hidden by a refusal has not fired."""
    events = [
        FaultEvent(fault_id="fault-1", provider="openai", kind="slow", applied_ns=0, reverted_ns=100),
        FaultEvent(fault_id="fault-2", provider="openai", kind="refused", applied_ns=0, reverted_ns=100),
    ]
    (named,), fired = attribute([at_edge(start_ns=5, outcome="refused")], events, listeners(events), unseen=False)
    assert (named.fault_id, [event.fired for event in fired]) == ("fault-2", [0, 1])


def test_a_fault_counts_what_it_touched() -> None:
    """The edge's faults by name; refused and slow ones by the window in which the attempt began."""
    attempts = [
        at_edge("req-000001.openai.1", start_ns=5, fault_id="fault-1"),
        at_edge("req-000001.openai.2", start_ns=15, outcome="refused"),
        at_edge("req-000001.openai.3", start_ns=16),
        at_edge("req-000001.openai.4", start_ns=25, outcome="refused"),
        at_edge("req-000001.azure.1", start_ns=15),
    ]
    events = [
        FaultEvent(fault_id="fault-1", provider="openai", kind="status", applied_ns=0, reverted_ns=10),
        FaultEvent(fault_id="fault-2", provider="openai", kind="refused", applied_ns=10, reverted_ns=20),
        FaultEvent(fault_id="fault-3", provider="azure", kind="slow", applied_ns=10, reverted_ns=20),
        FaultEvent(fault_id="fault-4", provider="azure", kind="refused"),
    ]
    named, fired = attribute(attempts, events, listeners(events), unseen=False)
    assert [a.fault_id for a in named] == ["fault-1", "fault-2", None, None, "fault-3"]
    assert [event.fired for event in fired] == [1, 1, 1, 0]
    _, blind = attribute(attempts, events, listeners(events), unseen=True)
    assert [event.fired for event in blind] == [1, None, 1, None]


def test_every_fault_that_changed_an_attempt_counts() -> None:
    """The one that changed it most, those beside it, and the listener's own; the attempt names them all."""
    attempt = at_edge("req-000001.openai.1", start_ns=5, fault_id="fault-2", other_faults=("fault-1",))
    kinds = {"fault-1": "delay", "fault-2": "status", "fault-3": "throttle", "fault-4": "slow", "fault-5": "limit"}
    events = [
        FaultEvent(fault_id=name, provider="openai", kind=kind, applied_ns=0, reverted_ns=10)
        for name, kind in kinds.items()
    ]
    (named,), fired = attribute([attempt], events, listeners(events), unseen=False)
    assert (named.fault_id, named.other_faults) == ("fault-2", ("fault-1", "fault-3", "fault-4"))
    assert [event.fired for event in fired] == [1, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("start_ns", "outcome", "touched"), [(9, "ok", 0), (10, "ok", 1), (15, "refused", 0), (20, "ok", 0)]
)
def test_what_a_throttle_touches(start_ns: int, outcome: AttemptOutcome, touched: int) -> None:
    """Whoever gets a connection while it is on, as with a slow one."""
    event = FaultEvent(fault_id="fault-1", provider="openai", kind="throttle", applied_ns=10, reverted_ns=20)
    (named,), (fired,) = attribute(
        [at_edge(start_ns=start_ns, outcome=outcome)], [event], listeners([event]), unseen=False
    )
    assert (named.fault_id, fired.fired) == ("fault-1" if touched else None, touched)


@pytest.mark.parametrize("kind", ["slow", "throttle"])
def test_silence_cannot_be_slowed(kind: str) -> None:
    """Where the provider sent nothing, nothing of it came late."""
    event = FaultEvent(fault_id="fault-1", provider="openai", kind=kind, applied_ns=0, reverted_ns=20)
    silent = at_edge(outcome="client_left", first_byte_ns=None, fault_id="fault-2")
    (named,), (fired,) = attribute([silent], [event], listeners([event]), unseen=False)
    assert (named.fault_id, named.other_faults, fired.fired) == ("fault-2", (), 0)


def at_real(attempt_id: str, sha: str | None, status: int = 200, **rest: object) -> AttemptRecord:
    """Return an attempt that was passed through."""
    return at_edge(attempt_id, forwarded=True, status=status, text_sha256=sha, **rest)


REAL = replace(REQUEST, sources=(), status=200)


@pytest.mark.parametrize(
    ("attempts", "served", "complete"),
    [
        ([at_real("req-000001.openai.1", "whole"), at_real("req-000001.azure.1", None)], "openai", True),
        ([at_real("req-000001.openai.1", None), at_real("req-000001.azure.1", "whole")], "azure", True),
        ([at_real("req-000001.openai.1", "other"), at_real("req-000001.azure.1", "another")], "azure", False),
        ([at_real("req-000001.openai.1", "other"), at_real("req-000001.azure.1", None, 503)], "openai", False),
        ([at_real("req-000001.openai.1", None, 503)], None, False),
        ([at_edge("req-000001.openai.1")], None, False),
        ([at_real("req-000002.openai.1", "whole")], None, False),
        ([], None, False),
    ],
)
def test_real_text_tells_who_served_by_what_it_says(
    attempts: list[AttemptRecord], served: str | None, complete: bool
) -> None:
    """The attempt with the same text; else the last with an answer, which then was not passed on whole."""
    edge = [(None, replace(attempt, start_ns=place)) for place, attempt in enumerate(attempts)]
    (request,), _ = join([REAL], edge, [])
    assert (request.served_by, request.complete) == (served, complete)


def test_real_text_may_look_like_a_mocks() -> None:
    """What names an attempt that this run does not have is real text; so is the text of the harness's own mock elsewhere."""
    request = replace(REAL, sources=("orphan.openai.1",))
    (joined,), _ = join([request], [(None, at_real("req-000001.openai.1", "whole"))], [])
    assert (joined.served_attempt, joined.complete) == ("req-000001.openai.1", True)


def test_an_error_was_served_by_nobody() -> None:
    """A caller who got no answer was served by no provider, whatever a real provider had sent."""
    request = replace(REAL, status=503, outcome="error", text_sha256=None)
    (joined,), _ = join([request], [(None, at_real("req-000001.openai.1", "whole"))], [])
    assert joined.served_by is None


@pytest.mark.parametrize("outcome", ["refused", "timeout", "malformed"])
def test_the_edge_knows_what_went_wrong_upstream(outcome: AttemptOutcome) -> None:
    """To the chain, its connection was reset or closed."""
    edge = at_real("req-000001.openai.1", None, outcome=outcome)
    (_,), (attempt,) = join([REAL], [("k", edge)], [at_chain("k", outcome="reset")])
    assert (attempt.outcome, attempt.seen_by) == (outcome, "both")


@pytest.mark.parametrize(
    ("kind", "outcome", "status", "fired"),
    [("reset", "error", None, 1), ("reset", "ok", 200, 0), ("reset", "deadline", None, 0), ("slow", "ok", 200, 1)],
)
def test_what_callers_met_on_the_gateways_leg(kind: str, outcome: str, status: int | None, fired: int) -> None:
    """Resets show in lost answers, delays in answers; requests outside of the time do not count."""
    event = FaultEvent(
        fault_id="fault-1", provider="gateway", leg="gateway", kind=kind, applied_ns=100, reverted_ns=200
    )
    inside = replace(REQUEST, start_ns=110, end_ns=150, outcome=outcome, status=status)
    requests = [inside, replace(inside, start_ns=10, end_ns=50), replace(inside, start_ns=10**9, end_ns=2 * 10**9)]

    _, (found,) = attribute([], [event], {}, requests=requests, unseen=True)
    assert found.fired == fired


def test_what_a_killed_gateway_had_not_written_is_not_lost() -> None:
    """An attempt that was under way when it died; one long before it is lost all the same."""
    killed = FaultEvent(
        fault_id="fault-1", provider="gateway", leg="gateway", kind="kill", applied_ns=10**10, reverted_ns=2 * 10**10
    )
    edge = [
        ("a-1", at_edge("req-000001.openai.1", start_ns=10**10 - 100, end_ns=10**10 + 5)),
        ("a-2", at_edge("req-000002.openai.1", start_ns=10**9, end_ns=10**9 + 5)),
    ]
    rows = {"requests": [], "edge": edge, "chain": [], "listeners": {}, "ending": {"fault-1"}}

    assert assemble("", faults=[killed], **rows).lost == 1
    assert assemble("", faults=[], **rows).lost == 2
