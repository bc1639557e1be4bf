"""How long a chain waits before it tries a provider again, as its own settings say."""

from __future__ import annotations

from dataclasses import dataclass

from harness.chain.schedule import Band
from harness.quantities import S, duration


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRule:
    """The waits before the retries at one provider; each is drawn evenly from a band.

    Attributes:
        name: Whose rule it is, in a few words.
        base_ns: The first wait at its longest, without what is added.
        factor: By how much each further one is longer.
        cap_ns: The longest.
        certain: The part of such a wait that is not drawn: 1 for none that is, 0 for all of it.
        added_ns: Up to so much is drawn on top of it.
        follows: Each wait is drawn between the first one and three times the one before it.
        told_from_ns: The shortest Retry-After that is waited for in its place.
        told_to_ns: The longest.
        told_added_ns: Up to so much is drawn on top of a Retry-After.
    """

    name: str
    base_ns: int
    factor: float
    cap_ns: int
    certain: float = 1.0
    added_ns: int = 0
    follows: bool = False
    told_from_ns: int = 0
    told_to_ns: int
    told_added_ns: int = 0

    def band(self, nth: int, told_ns: float | None) -> Band:
        """Return the shortest and the longest wait before a retry.

        Args:
            nth: Which retry of its request at the provider, from 1.
            told_ns: The Retry-After of the attempt before it, in nanoseconds; None if it had none.
        """
        if told_ns is not None and self.told_from_ns <= told_ns <= self.told_to_ns:
            whole = round(told_ns)
            return Band(whole, whole + self.told_added_ns)
        if self.follows:
            return Band(min(self.base_ns, self.cap_ns), min(self.cap_ns, self.base_ns * 3 ** min(nth - 1, 40)))
        grown = min(self.cap_ns, int(self.base_ns * self.factor ** min(nth - 1, 60)))
        return Band(int(grown * self.certain), grown + self.added_ns)

    @property
    def text(self) -> str:
        """In words: `LiteLLM's formula: 0.5–1.25 s before the first retry, 1–1.75 s before the second, at most 8.75 s`."""
        first, second = (self.band(nth, None).text for nth in (1, 2))
        most = duration(self.cap_ns + self.added_ns)
        return f"{self.name}: {first} before the first retry, {second} before the second, at most {most}"


LITELLM = WaitRule(
    name="LiteLLM's formula",
    base_ns=S // 2,
    factor=2.0,
    cap_ns=8 * S,
    added_ns=3 * S // 4,
    told_from_ns=S,
    told_to_ns=60 * S,
    told_added_ns=3 * S // 4,
)
"""`litellm.utils.calculate_retry_after`, for a model group of one deployment."""
OPENAI_SDK = WaitRule(
    name="the formula of OpenAI's SDK",
    base_ns=S // 2,
    factor=2.0,
    cap_ns=8 * S,
    certain=0.75,
    told_from_ns=1,
    told_to_ns=120 * S,
)
"""`openai._base_client.BaseClient._calculate_retry_timeout`."""
