"""A circuit breaker: a provider that keeps failing is left alone for a while, then probed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from harness.chain.policy import BreakerSpec
from harness.quantities import plural

BreakerState = Literal["closed", "open", "half-open"]
Changed = Callable[[int, BreakerState, str], None]
"""Takes a change: when, in nanoseconds on the host's clock, what the breaker is from then on, and why."""


class Permit(NamedTuple):
    """Lets one attempt pass; given back when it has ended.

    Attributes:
        period: Of the breaker, counted from 0: it changes whenever the breaker opens or closes.
        probe: The breaker was half-open.
    """

    period: int
    probe: bool


class Breaker:
    """One provider's breaker, for all requests. Times are nanoseconds on the host's clock.

    Closed, it lets everything pass and counts failures in a row. At the limit it opens and lets nothing pass. After a
    while it is half-open: so many probes pass at a time, the first success closes it, the first failure opens it again.

    Args:
        spec: Its limits.
        changed: Called with each change; that it is half-open shows when the first probe passes.
    """

    __slots__ = ("_changed", "_failures", "_opened_ns", "_period", "_probed", "_probing", "_spec")

    def __init__(self, spec: BreakerSpec, changed: Changed = lambda *_: None) -> None:
        self._spec = spec
        self._changed = changed
        self._failures = 0
        self._opened_ns: int | None = None
        self._period = 0
        self._probed = False
        self._probing = 0

    def state(self, now_ns: int) -> BreakerState:
        """Return what it is at a time, if nothing happens until then."""
        if self._opened_ns is None:
            return "closed"
        return "half-open" if now_ns >= self._opened_ns + self._spec.open else "open"

    def admit(self, now_ns: int) -> Permit | None:
        """Return the permit under which an attempt passes, to be given back to `ended`; None if it may not."""
        if self._opened_ns is None:
            return Permit(self._period, probe=False)
        if self.state(now_ns) == "open" or self._probing >= self._spec.probes:
            return None
        if not self._probed:
            self._probed = True
            self._changed(now_ns, "half-open", "its time is over")
        self._probing += 1
        return Permit(self._period, probe=True)

    def ended(self, now_ns: int, permit: Permit, *, ok: bool | None) -> None:
        """Take a permit back, with how its attempt ended; None if that is no evidence about the provider.

        An attempt that began before the breaker last opened or closed is ignored.
        """
        if permit.probe:
            self._probing -= 1
        if permit.period != self._period or ok is None:
            return
        if ok:
            self._failures = 0
            if permit.probe:
                self._turn(None)
                self._changed(now_ns, "closed", "a probe succeeded")
            return
        self._failures += 1
        if permit.probe or self._failures >= self._spec.failures:
            failed = "a probe failed" if permit.probe else f"{plural(self._failures, 'failure')} in a row"
            self._turn(now_ns)
            self._changed(now_ns, "open", failed)

    def _turn(self, opened_ns: int | None) -> None:
        self._opened_ns = opened_ns
        self._period += 1
        self._failures = 0
        self._probed = False
