"""The caller has used up its quota, and gets the time until there is enough of it again."""

from __future__ import annotations

from harness.provider.answer import Answer, Delay, Refusal
from harness.provider.fault_kind import ActsInstead, FaultKind, Words, anything, never
from harness.provider.fault_words import label
from harness.provider.faults.context import FaultContext
from harness.provider.inject import Inject, Limit


def answer(context: FaultContext) -> Answer:
    """Return a 429 with the true wait."""
    delay = Delay(context.wait_ns, context.inject.retry_after_as, context.wall_ns)
    return context.dialect.fail(Refusal(context.call, context.attempt_id, problem="rate_limit", delay=delay))


def words(inject: Inject) -> Words:
    """Return a limit in words; see `Words`."""
    assert inject.limit is not None
    quotas = " and ".join(filter(None, (_quota(inject.limit, "requests"), _quota(inject.limit, "tokens"))))
    return Words(label(f"limit {quotas}", inject), "limited its callers", "exceeded limit", "exceeded limits")


def _quota(limit: Limit, what: str) -> str | None:
    quota = getattr(limit, what)
    return None if quota is None else f"{quota.amount} {what}/{str(quota).partition('/')[2]}"


LIMIT = FaultKind(
    kind="limit",
    written=("limit",),
    keys=frozenset({"retry_after_as"}),
    needs={},
    check=anything,
    act=ActsInstead(answer=answer),
    ends_by=None,
    kills=never,
    fails=True,
    merely_slows=False,
    words=words,
    meets="a real quota; see below",
    meets_plain="",
    examples=(),
)
