"""How long to wait before a provider is tried again."""

from __future__ import annotations

from harness.chain.policy import Backoff


def wait_ns(
    backoff: Backoff, *, tries: int, base_ns: int, cap_ns: int, factor: float, previous_ns: int, drawn: float
) -> int:
    """Return a wait, in nanoseconds, never more than the cap.

    The jittered kinds are those of Brooker, "Exponential Backoff And Jitter" (2015).

    Args:
        backoff: How waits grow.
        tries: Failed tries at this provider so far, from 1.
        base_ns: The first wait, or the least.
        cap_ns: The longest.
        factor: By how much each wait is longer than the one before it, where they grow exponentially.
        previous_ns: The wait before this one; 0 for the first.
        drawn: A number in [0, 1).
    """
    if backoff == "fixed":
        return min(cap_ns, base_ns)
    if backoff == "decorrelated":
        least, most = base_ns, max(base_ns, 3 * previous_ns)
        return min(cap_ns, least + int((most - least) * drawn))
    grown = min(cap_ns, int(base_ns * factor ** min(tries - 1, 60)))
    if backoff == "full-jitter":
        return int(grown * drawn)
    if backoff == "equal-jitter":
        return grown // 2 + int((grown - grown // 2) * drawn)
    return grown
