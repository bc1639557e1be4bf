"""The fault `limit`."""

import pytest

from harness.document import Allowance
from harness.provider.dialects import DIALECTS
from harness.provider.inject import Limit
from harness.provider.limit import Level, Quota
from harness.quantities import S
from harness.scenario import Inject
from tests.provider.replies import PLAIN, answered, head, headers

LIMIT = Inject(limit=Limit(requests=Allowance(60, 60 * S)))
QUOTA = Quota(requests=Level(60, 0, 60 * S))


@pytest.mark.parametrize("dialect", DIALECTS.own)
def test_whoever_exceeds_it_is_sent_the_true_wait(dialect: str) -> None:
    """A 429 like any other of the provider's, with what is left of its limits; the record has the delay that was sent."""
    answer = answered(PLAIN, LIMIT, dialect=dialect, wait_ns=3 * S, quota=QUOTA)
    assert head(answer.reply).status == 429
    assert answer.retry_after_ns == 3 * S
    assert (answer.fault_id, answer.other_faults) == ("fault-1", ())
    quota = set(DIALECTS[dialect].quota_headers(QUOTA, 0))
    assert quota <= set(head(answer.reply).headers)


def test_it_tells_the_wait_as_the_scenario_asks() -> None:
    """`retry_after_as` goes for it too."""
    inject = Inject(limit=LIMIT.limit, retry_after_as="ms")
    answer = answered(PLAIN, inject, wait_ns=1_500_000_000, quota=QUOTA)
    assert headers(answer.reply)["retry-after-ms"] == "1500"


def test_whoever_keeps_it_is_sent_what_is_left() -> None:
    """Headers alone are no change of the answer, so no fault is named."""
    answer = answered(PLAIN, quota=Quota(requests=Level(60, 59, S), tokens=Level(1000, 900, 6 * S)))
    assert head(answer.reply).status == 200
    told = headers(answer.reply)
    assert (told["x-ratelimit-limit-requests"], told["x-ratelimit-remaining-requests"]) == ("60", "59")
    assert told["x-ratelimit-remaining-tokens"] == "900"
    assert (answer.fault_id, answer.other_faults) == (None, ())
