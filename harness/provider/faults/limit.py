"""The caller has used up its quota, and is told how long until there is enough of it again."""

from __future__ import annotations

from harness.provider.answer import Answer, Delay
from harness.provider.faults.case import Case


def answer(case: Case) -> Answer:
    """Return a 429 that tells the true wait."""
    delay = Delay(case.wait_ns, case.inject.retry_after_as, case.wall_ns)
    return case.dialect.fail(case.call, case.attempt_id, problem="rate_limit", delay=delay)
