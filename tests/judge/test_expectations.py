"""Each line of `expect` at the edge of what it allows."""

from __future__ import annotations

import pytest

from harness.judge import Status, judge
from harness.judge.expectations import decide
from harness.judge.result import ExpectationResult
from harness.scenario import Fault, Inject, Op
from tests.judge.histories import Book, Try, fails, ns, plan_of, row_of


def _mixed(good: int, bad: int) -> Book:
    book = Book()
    for place in range(good + bad):
        at_s = 11 + 0.02 * place
        if place < good:
            book.request(at_s, fails(503), Try(at="azure"))
        else:
            book.request(at_s, fails(503), fails(503, at="azure"), fails(503, at="anthropic"))
    return book


@pytest.mark.parametrize(
    ("op", "seen", "status"),
    [
        (">=", (0.5, 0.7), Status.PASS),
        (">", (0.5, 0.7), Status.INCONCLUSIVE),
        (">", (0.51, 0.7), Status.PASS),
        (">=", (0.3, 0.5), Status.INCONCLUSIVE),
        (">", (0.3, 0.5), Status.FAIL),
        (">=", (0.3, 0.49), Status.FAIL),
        ("<=", (0.3, 0.5), Status.PASS),
        ("<", (0.3, 0.5), Status.INCONCLUSIVE),
        ("<", (0.3, 0.49), Status.PASS),
        ("<=", (0.5, 0.7), Status.INCONCLUSIVE),
        ("<", (0.5, 0.7), Status.FAIL),
        ("<=", (0.51, 0.7), Status.FAIL),
    ],
)
def test_a_limit_of_a_half(op: Op, seen: tuple[float, float], status: Status) -> None:
    """All of the interval keeps the limit, none does, or it lies across; equal counts for >= and <= alone."""
    assert decide(op, 0.5, seen) is status


@pytest.mark.parametrize(
    ("good", "bad", "status", "needed"),
    [
        (189, 0, Status.PASS, None),
        (188, 0, Status.INCONCLUSIVE, 189),
        (188, 1, Status.INCONCLUSIVE, 280),
        (279, 1, Status.PASS, None),
        (150, 30, Status.FAIL, None),
    ],
)
def test_a_success_rate_of_98_percent(good: int, bad: int, status: Status, needed: int | None) -> None:
    """A limit is kept, broken, or not testable; then the message has how many requests would suffice."""
    row = row_of("success_rate in fault >= 98%", _mixed(good, bad))
    assert (row.status, row.needed, row.samples) == (status, needed, good + bad)


def test_the_words_of_a_failure() -> None:
    """What was seen, how sure it is, of how many, and the limit."""
    row = row_of("success_rate in fault >= 98%", _mixed(150, 30))
    assert row.message == "83.3 % (77.2 % – 88.1 %, 180 samples); limit >= 98 %"


def test_a_certainty_cannot_be_shown() -> None:
    """No number of successes proves that there will be no failure."""
    row = row_of("success_rate in fault >= 100%", _mixed(300, 0))
    assert (row.status, row.needed) == (Status.INCONCLUSIVE, None)
    assert "no number of samples" in row.message


def _waits(count: int, wait_s: float, *, slow: int = 0) -> Book:
    book = Book()
    for place in range(count):
        after_s = 20.0 if place < slow else wait_s
        book.request(11 + 0.02 * place, fails(503), Try(at="azure", after_s=after_s))
    return book


@pytest.mark.parametrize(
    ("count", "slow", "wait_s", "status", "needed"),
    [
        (72, 0, 1.0, Status.PASS, None),
        (71, 0, 1.0, Status.INCONCLUSIVE, 72),
        (71, 0, 9.5, Status.FAIL, None),
        (100, 5, 1.0, Status.INCONCLUSIVE, None),
        (100, 12, 1.0, Status.FAIL, None),
    ],
)
def test_a_limit_on_a_quantile(count: int, slow: int, wait_s: float, status: Status, needed: int | None) -> None:
    """An infinite bound means too few; a finite one across the limit means too close."""
    row = row_of("p95 fallback_overhead in fault < 9s", _waits(count, wait_s, slow=slow))
    assert (row.status, row.needed) == (status, needed)


@pytest.mark.parametrize(
    ("count", "limit", "status"),
    [
        (5, "1", Status.INCONCLUSIVE),
        (200, "1", Status.INCONCLUSIVE),
        (199, "1.119", Status.PASS),
        (5, "1.119", Status.INCONCLUSIVE),
        (4, "9", Status.INCONCLUSIVE),
        (199, "0.9", Status.FAIL),
    ],
)
def test_few_requests_do_not_show_that_no_request_makes_more_attempts(count: int, limit: str, status: Status) -> None:
    """One attempt each, where the chain's policy allows nine: five such requests show little, 200 at most 1.12."""
    book = Book()
    for place in range(count):
        book.request(11 + 0.02 * place, Try(at="azure"))
    assert row_of(f"amplification in fault <= {limit}", book).status is status


@pytest.mark.parametrize(("target", "status"), [("0.2", Status.PASS), ("0.19", Status.FAIL)])
def test_a_plain_number_is_judged_on_its_value(target: str, status: Status) -> None:
    """The busiest second has no interval."""
    book = Book()
    book.request(12, fails(503), Try(at="azure"))
    row = row_of(f"peak amplification in fault <= {target}", book)
    assert (row.status, row.ci, row.observed) == (status, None, 0.2)


@pytest.mark.parametrize(("target", "status"), [("5s", Status.PASS), ("4s", Status.FAIL)])
def test_a_single_observation_is_judged_on_its_value(target: str, status: Status) -> None:
    """There is but one recovery in a run."""
    book = Book()
    book.request(44, Try())
    row = row_of(f"time_to_recover < {target}", book)
    assert (row.status, row.ci, row.samples) == (status, None, 1)


def test_never_recovered_is_a_fail() -> None:
    """Not an absence of data."""
    book = Book()
    book.request(44, Try(at="azure"))
    row = row_of("time_to_recover < 10s", book)
    assert row.status is Status.FAIL
    assert row.message.startswith("openai never served again")


@pytest.mark.parametrize(("target", "status"), [("20s", Status.FAIL), ("20001ms", Status.INCONCLUSIVE)])
def test_never_recovered_in_too_short_a_time_to_tell(target: str, status: Status) -> None:
    """The run ends 20 s after the fault: it cannot say what would have been by the 21st."""
    book = Book()
    book.request(44, Try(at="azure"))
    row = row_of(f"time_to_recover < {target}", book)
    assert row.status is status
    assert ("the run ended only 20 s after the fault" in row.message) == (status is Status.INCONCLUSIVE)


def test_a_number_without_samples_is_not_a_pass() -> None:
    """No fallback, no overhead: nothing was tested."""
    row = row_of("p95 fallback_overhead < 9s", Book().steady())
    assert (row.status, row.observed, row.samples) == (Status.INCONCLUSIVE, None, 0)


@pytest.mark.parametrize(
    ("lag_s", "at_s", "status"),
    [(0.3, 15, Status.INCONCLUSIVE), (0.1, 15, Status.FAIL), (0.3, 5, Status.FAIL)],
)
def test_a_machine_out_of_cpu(lag_s: float, at_s: float, status: Status) -> None:
    """9.5 s less twice a lag of 0.3 s would pass: the chain may be that slow, or the machine."""
    book = _waits(100, 9.5)
    book.lag(at_s, lag_s)
    row = row_of("p95 fallback_overhead in fault < 9s", book)
    assert row.status is status
    assert ("out of CPU" in row.message) == (status is Status.INCONCLUSIVE)


def test_a_machine_out_of_cpu_does_not_excuse_a_recovery_that_never_came() -> None:
    """Infinity less anything is infinity; a finite time is less the lag of its request's attempts."""
    book = Book()
    book.request(44, Try())
    book.lag(44, 0.3)
    assert row_of("time_to_recover < 3.8s", book).status is Status.INCONCLUSIVE
    assert row_of("time_to_recover < 3.7s", book).status is Status.FAIL
    never = Book()
    never.request(44, Try(at="azure"))
    never.lag(44, 3.0)
    assert row_of("time_to_recover < 3.8s", never).status is Status.FAIL


def test_lag_never_turns_a_pass() -> None:
    """Lag only lengthens."""
    book = _waits(100, 1.0)
    book.lag(15, 5.0)
    assert row_of("p95 fallback_overhead in fault < 9s", book).status is Status.PASS


def test_what_cannot_be_seen_cannot_be_expected() -> None:
    """Refused connections of a gateway leave expectations on attempts open."""
    refused = Fault(on="openai", during="fault", inject=Inject(connection="refused"))
    plan = plan_of("amplification in fault <= 4", "no retry_storm", faults=[refused], endpoint=True)
    book = Book().steady()
    book.request(12, Try(at="azure"))
    book.request(45, Try())
    rows = judge(book.run(plan, fired=None, unseen=True)).expectations
    assert [row.status for row in rows] == [Status.INCONCLUSIVE] * 2
    assert all("not observable" in row.message for row in rows)
    assert [row.observed for row in rows] == [None] * 2


def test_a_finding_asked_for() -> None:
    """Its row is the finding's: id, no phase, the count."""
    book = Book()
    book.request(12, fails(400), Try())
    row = row_of("no non_retryable_retried", book)
    assert (row.metric, row.phase, row.status, row.observed, row.ci, row.unit) == (
        "non_retryable_retried",
        None,
        Status.FAIL,
        1.0,
        None,
        "count",
    )


def _goodput(expect: str) -> ExpectationResult:
    book = Book()
    for place in range(60):
        book.request(11 + 0.02 * place, Try())
    book.request(13, Try(), end_ns=ns(74))
    return row_of(expect, book)


def test_goodput_counts_only_what_came_in_time() -> None:
    """A complete answer after the deadline is no good."""
    assert _goodput("goodput in fault >= 2/s").observed == 2.0


@pytest.mark.parametrize(
    ("target", "status"),
    [("1.52", Status.PASS), ("1.53", Status.INCONCLUSIVE), ("2.57", Status.INCONCLUSIVE), ("2.58", Status.FAIL)],
)
def test_goodput_is_judged_by_its_interval(target: str, status: Status) -> None:
    """60 answers in 30 s: the Poisson interval of 60 is 45.79 to 77.23."""
    row = _goodput(f"goodput in fault >= {target}/s")
    assert row.status is status
    assert row.ci == pytest.approx((45.79 / 30, 77.23 / 30), abs=0.001)


def test_no_requests_are_no_goodput_of_nothing() -> None:
    """Nobody asked, so nobody can say."""
    assert row_of("goodput in fault >= 1/s", Book().steady()).status is Status.INCONCLUSIVE


def test_the_largest_of_all_is_judged_on_its_value() -> None:
    """One slow request among many fails the run, and is named; a quantile would not have noticed it."""
    book = _waits(200, 1.0, slow=1)
    row = row_of("max latency in fault <= 20s", book)
    assert (row.status, row.ci, row.samples, row.needed) == (Status.FAIL, None, 200, None)
    assert row.message == "20.03 s (req-000001, the largest of 200); limit <= 20 s"
    assert row_of("max latency in fault <= 20.1s", book).status is Status.PASS
    assert row_of("p99 latency in fault < 10s", book).status is not Status.FAIL


@pytest.mark.parametrize(("target", "status"), [("3", Status.PASS), ("2", Status.FAIL)])
def test_the_most_attempts_of_one_request(target: str, status: Status) -> None:
    """However few most of them made."""
    book = Book().steady()
    book.request(12, fails(503), fails(503), Try(at="azure"))
    row = row_of(f"max attempts <= {target}", book)
    assert (row.status, row.observed, row.unit, row.samples) == (status, 3.0, "count", 21)
    assert "(req-000021, the largest of 21)" in row.message


def test_the_slowest_may_have_met_the_longest_lag() -> None:
    """One stall in a thousand beats of the loop is no p99, but all that one request needs to be late."""
    book = _waits(1, 9.0)
    for place in range(200):
        book.lag(11 + 0.1 * place, 0.0)
    book.lag(12, 0.5)
    assert row_of("max latency in fault < 9s", book).status is Status.INCONCLUSIVE
    assert row_of("max latency in fault < 8s", book).status is Status.FAIL


def test_nobody_failed() -> None:
    """What no rate can show is a plain count."""
    book = _mixed(30, 0)
    assert row_of("failed_requests in fault <= 0", book).status is Status.PASS
    book.request(13, fails(503), fails(503, at="azure"), fails(503, at="anthropic"))
    row = row_of("failed_requests in fault <= 0", book)
    assert (row.status, row.observed, row.samples) == (Status.FAIL, 1.0, 31)
    assert row_of("failed_requests in recovery <= 0", book).status is Status.INCONCLUSIVE


def test_of_attempts_that_nobody_saw_there_is_no_most() -> None:
    """Latency is seen by the caller, attempts are not."""
    refused = Fault(on="openai", during="fault", inject=Inject(connection="refused"))
    plan = plan_of("max attempts <= 9", "max latency < 9s", "failed_requests <= 0", faults=[refused], endpoint=True)
    book = Book().steady()
    book.request(12, Try(at="azure"))
    book.request(45, Try())
    rows = judge(book.run(plan, fired=None, unseen=True)).expectations
    assert [row.status for row in rows] == [Status.INCONCLUSIVE, Status.PASS, Status.PASS]


@pytest.mark.parametrize(
    ("limit", "shown"),
    [("10s", "10.004 s; limit <= 10 s"), ("9s", "10 s; limit <= 9 s"), ("10004ms", "10.004 s; limit <= 10.004 s")],
)
def test_what_is_shown_agrees_with_the_answer(limit: str, shown: str) -> None:
    """A recovery after 10.004 s that breaks a limit of 10 s is not shown as 10 s."""
    book = Book()
    book.request(50, Try(took_s=-0.006))
    row = row_of(f"time_to_recover <= {limit}", book)
    assert row.observed == ns(10.004)
    assert row.message.startswith(shown)


def test_a_share_just_below_its_limit_shows_that_it_is() -> None:
    """97.996 % is not shown as 98 %."""
    row = row_of("success_rate in fault >= 98%", _mixed(489, 10))
    assert row.message.startswith("97.996 % (")
