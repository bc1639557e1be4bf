"""Facts about a chain that its driver and its configuration determine: derived once, and kept with the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

FailureClass = Literal[
    "rate_limit", "server_error", "timeout", "connection", "denied", "invalid", "content_policy", "context_window"
]
"""`denied`: 401, 403 and 404; `invalid`: 400, 413, 422 and the like; `content_policy`, `context_window`: those whose code
says that a content policy refused the request, or that it is too long for the model."""
Cause = Literal[FailureClass, "quota"]
"""Why an attempt failed: a class, or a quota or spend limit that is used up."""

REFUSED = (400, 413, 422)
"""Statuses that blame the request itself: no other provider could answer it either."""
_CLASSES: Mapping[int, FailureClass] = {
    429: "rate_limit",
    **dict.fromkeys((408, 504), "timeout"),
    **dict.fromkeys((401, 403, 404), "denied"),
    **dict.fromkeys(REFUSED, "invalid"),
}
_WORDS: Mapping[FailureClass, tuple[str, ...]] = {
    "content_policy": ("content_filter", "content_policy", "safety"),
    "context_window": ("context_length", "context_window"),
}

TRIES_UNDECLARED = 3
"""Tries at one provider, where neither chain nor driver states them."""


def class_of(status: int, code: str | None) -> FailureClass | None:
    """Return the class of an answer that is no success; None for a status that belongs to no one class (3xx, 402, 409, …).

    Args:
        status: 300 and above.
        code: The body's own code, else its type; None where it has none.
    """
    found = _CLASSES.get(status, "server_error" if status >= 500 else None)
    return class_named(code, found) if found == "invalid" else found


def class_named(code: str | None, otherwise: FailureClass) -> FailureClass:
    """Return the class of a refused request that an error's code names, else the other one."""
    word = (code or "").lower()
    return next((name for name, parts in _WORDS.items() if any(part in word for part in parts)), otherwise)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tries:
    """How often one request may try one provider, the first try included; a client library's double send is one try.

    Attributes:
        most: Whatever the failures are; None if it is unknown.
        after: By class of failure, where the chain declares it so, in place of `most`.
    """

    most: int | None = None
    after: dict[FailureClass, int] = field(default_factory=dict)

    def limit(self, failure: FailureClass | None = None) -> int | None:
        """Return the most tries that end in a class of failure, or of any class if None; None if it is unknown."""
        if failure is not None:
            return self.after.get(failure, self.most)
        return None if self.most is None else max(self.most, *self.after.values(), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainFacts:
    """What the judge needs to know about a chain. It is kept with the run, as the driver may not be installed later.

    Attributes:
        sees_attempts: Attempts are recorded on the chain's side too. If not, refused connections cannot be observed.
        double_sends: The chain's client library repeats a connection try that failed, by itself and at once.
        tries: By provider, those that the chain declares or that its library makes by default.
        cooldown_ns: By provider, the longest time for which the chain leaves it alone by its own policy, in nanoseconds.
        limited: Providers that a limit of the chain's own may skip: requests or tokens per minute, parallel requests, a
            budget, a check before the call.
        never_called: Providers whose answers the chain makes up itself.
        falls_back_on: Failures after which the chain declares to fall back; None if it declares none.
        attempts_at_most: Tries of one request at all providers together, where the chain declares a limit.
        lanes: Providers that are tried in place of the next ones after a request was refused for its content or its length.
    """

    sees_attempts: bool
    double_sends: bool
    tries: dict[str, Tries]
    cooldown_ns: dict[str, int]
    limited: tuple[str, ...]
    never_called: tuple[str, ...]
    falls_back_on: tuple[Cause, ...] | None = None
    attempts_at_most: int | None = None
    lanes: tuple[str, ...] = ()

    @classmethod
    def of_retries(cls, providers: Iterable[str], most: int | None, *, sees_attempts: bool) -> ChainFacts:
        """Return the facts of a chain that retries, and that leaves no provider alone.

        Args:
            providers: Names of all.
            most: Tries at each of them; None if it is unknown.
            sees_attempts: As the attribute.
        """
        names = tuple(providers)
        return cls(
            sees_attempts=sees_attempts,
            double_sends=False,
            tries=dict.fromkeys(names, Tries(most=most)),
            cooldown_ns=dict.fromkeys(names, 0),
            limited=(),
            never_called=(),
        )

    def attempts_max(self, providers: Iterable[str]) -> int:
        """Return how many tries one request may make at these providers together, where undeclared ones count three each."""
        found = sum(self.tries.get(name, Tries()).limit() or TRIES_UNDECLARED for name in providers)
        return found if self.attempts_at_most is None else min(found, self.attempts_at_most)
