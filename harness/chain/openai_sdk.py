"""The arguments of OpenAI's official SDK, for a chain of plain Python around it.

Pure: nothing here imports the SDK. If it cannot do what the chain file asks for, that is an error.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.chain.policy import TEMPORARY
from harness.chain.schedule import FAILURES, Band, PlannedAttempt, Schedule, merged
from harness.chain.spec import Chain, ChainError
from harness.provider.dialects import DIALECTS, dialect_of

RETRIES_DEFAULT = 2  # the SDK's own max_retries
TIMEOUT_S_DEFAULT = 600.0  # the SDK's own
_WAIT_S = (0.5, 8.0)  # the first, and the longest; each is drawn from three quarters of it upwards
_RETRIED = frozenset({"500", "503", "429", "timeout"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SdkSettings:
    """Arguments of every client.

    Attributes:
        max_retries: Tries at one provider after the first.
        timeout_s: Of one try, in seconds; None is the SDK's own.
    """

    max_retries: int
    timeout_s: float | None


def sdk_settings(chain: Chain) -> SdkSettings:
    """Return the arguments of the clients.

    Raises:
        ChainError: The chain asks for something that would not be tested.
    """
    for name, provider in chain.providers.items():
        if dialect_of(provider).openai_client is None:
            spoken = sorted(known for known, dialect in DIALECTS.own.items() if dialect.openai_client is not None)
            raise ChainError(
                f"OpenAI's SDK does not speak {provider.dialect}",
                ("providers", name, "dialect"),
                known=", ".join(spoken),
                hint="driver: litellm-router speaks it",
            )
    retry = chain.retry
    attempts = retry.attempts if retry else None
    kinds = retry.on if retry else None
    if attempts != 1 and kinds is not None and set(kinds) != set(TEMPORARY):
        raise ChainError(
            "OpenAI's SDK tries all kinds of failure again",
            ("retry", "on"),
            known=", ".join(TEMPORARY),
            hint="leave it out, or write attempts: 1",
        )
    return SdkSettings(
        max_retries=RETRIES_DEFAULT if attempts is None else attempts - 1,
        timeout_s=None if chain.timeout is None else chain.timeout / 10**9,
    )


def schedules(chain: Chain) -> tuple[Schedule, ...]:
    """Return what a request does that meets the same failure at every provider."""
    settings = sdk_settings(chain)
    timeout_ns = round((settings.timeout_s or TIMEOUT_S_DEFAULT) * 10**9)
    first, most = _WAIT_S
    waits = [round(min(first * 2.0**place, most) * 10**9) for place in range(settings.max_retries)]
    again = tuple(Band(wait * 3 // 4, wait) for wait in waits)

    def steps(failure: str) -> tuple[PlannedAttempt, ...]:
        bands = (Band(0, 0), *(again if failure in _RETRIED else ()))
        return tuple(PlannedAttempt((name,), band, timeout_ns) for name in chain.order for band in bands)

    return merged({failure: (steps(failure), Band(0, 0)) for failure in FAILURES})
