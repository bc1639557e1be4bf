"""What the findings about the timing of retries share."""

from __future__ import annotations

from harness.judge.run_data import RunData
from harness.judge.stalls import HEALTH_EVERY_NS, STALL_NS
from harness.judge.tables.pairs import Pairs
from harness.quantities import duration


def judged_retries(run: RunData) -> Pairs:
    """Return the retries without a client library's own double sends, and without what cannot be observed completely."""
    blind = run.columns.requests.blind[run.columns.attempts.request[run.retries.before]]
    return run.retries.where(~run.second_sends[run.retries.after] & ~blind)


def stalled(run: RunData, retries: Pairs) -> str:
    """Return which process stalled from the first to the last of some retries; empty if none did.

    The requests' phase is not enough: in the drain after the last one the machine may stall as well.
    """
    attempts, health = run.columns.attempts, run.columns.history.health
    first_ns, last_ns = attempts.end_ns[retries.before].min(), attempts.start_ns[retries.after].max()
    # A record is about the time before it: the lag itself, and the interval after which it was due.
    since_ns = health["at_ns"] - health["loop_lag_ns"] - HEALTH_EVERY_NS
    slow = health[(health["loop_lag_ns"] > STALL_NS) & (health["at_ns"] >= first_ns) & (since_ns <= last_ns)]
    if not len(slow):
        return ""
    worst = slow.loc[slow["loop_lag_ns"].idxmax()]
    return f"the {worst['process']} process stalled for {duration(worst['loop_lag_ns'])} while retries went on"
