"""What usually ends a failure of a chain. What several declarations have in common is here, so that it is written once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.chain import Chain
from harness.chain.litellm_check import section


@dataclass(frozen=True, slots=True)
class Remedy:
    """What usually ends what a finding or a failed expectation shows, in sentences.

    Attributes:
        usual: Whatever hosts the chain.
        on: In place of it, by driver.
        alone: In place of both, for a chain that has nobody to fall back to; empty where that makes no difference.
    """

    usual: str
    on: Mapping[str, str] = field(default_factory=dict)
    alone: str = ""

    def at(self, chain: Chain) -> str:
        """Return what usually ends it on a chain, with settings by the names that they have in its file."""
        if self.alone and len(chain.levels) == 1:
            return self.alone
        if chain.driver not in self.on:
            return self.usual
        text = self.on[chain.driver]
        allowed_fails = _allowed_fails(chain)
        if allowed_fails is not None and allowed_fails != _DEFAULT_FAILS:
            text = text.replace(_SKIP_ON_LITELLM, _SKIPS_ON_LITELLM.format(allowed_fails=allowed_fails))
        return text if chain.litellm is not None else _in_chain_file(text)


def _allowed_fails(chain: Chain) -> Any:
    """Return what a chain on LiteLLM says about how many failures it takes to skip a deployment; None if nothing."""
    if chain.litellm is None:
        return None if chain.policy is None else chain.policy.allowed_fails
    sections = (section(chain.litellm, name) for name in ("router_settings", "litellm_settings"))
    return next((found for each in sections if (found := each.get("allowed_fails")) is not None), None)


def _in_chain_file(text: str) -> str:
    """Return a remedy for LiteLLM with the names that a chain file has for its settings."""
    for theirs, ours in _IN_CHAIN_FILE.items():
        text = text.replace(theirs, ours)
    return text


def on_litellm(remedy: str) -> dict[str, str]:
    """Return a remedy for LiteLLM's Router and proxy."""
    return {"litellm-router": remedy, "litellm-proxy": remedy}


_IN_CHAIN_FILE = {
    " in `router_settings`": " in the chain file",
    "`router_settings` has": "the chain file has",
    "`num_retries`": "`retry.attempts`",
    "`allowed_fails": "`policy.allowed_fails",
    "`cooldown_time`": "`policy.cooldown`",
}
_DEFAULT_FAILS = 3
"""LiteLLM takes this for not set."""
_SKIPS_ON_LITELLM = "LiteLLM skips a deployment after more than `allowed_fails: {allowed_fails}` failures in a minute: fewer skip it sooner."
_SKIP_ON_LITELLM = (
    "LiteLLM skips a failing deployment that is alone in its model group only if `router_settings` has `allowed_fails` (2, say;"
    " 3 counts as not set) and a `cooldown_time`."
)

SERVE_MORE = Remedy(
    "Let the chain fall back after the failures that these callers met, and let all its tries and pauses fit into the"
    " callers' deadline.",
    on_litellm(
        "Choose `num_retries` and `timeout` so that all tries, also those at the fallbacks, fit into the callers' deadline."
    ),
    alone="Nobody else can serve while this provider fails: add one of another vendor to fall back to.",
)
WAIT_LESS = Remedy(
    "Leave a failing provider sooner: fewer tries, shorter pauses, a shorter timeout for each attempt, or a circuit breaker"
    " that skips it.",
    on_litellm(f"Lower `num_retries` and `timeout` in `router_settings`. {_SKIP_ON_LITELLM}"),
)
TRY_LESS = Remedy(
    "Try each provider fewer times, in one layer only, and let a circuit breaker skip one that keeps failing.",
    on_litellm(f"Lower `num_retries` in `router_settings`. {_SKIP_ON_LITELLM}"),
)
SKIP_SOONER = Remedy(
    "A circuit breaker decides this: after how many failures it skips a provider, and for how long.",
    on_litellm(_SKIP_ON_LITELLM),
)
ROUTE_AS_MEANT = Remedy(
    "The order of the providers, the failures that make the chain fall back, the retries before that and its circuit breaker"
    " decide this: compare them with what was expected.",
    on_litellm(
        "`fallbacks`, the `order` of deployments, `num_retries`, `retry_policy`, `allowed_fails` and `cooldown_time` decide"
        " this: compare them with what was expected."
    ),
)
FALL_BACK_AT_ONCE = Remedy(
    "Do not wait after the last try at a provider, and fall back at once where its Retry-After is long: the next provider is"
    " not the one that failed.",
    on_litellm(
        "LiteLLM also waits after its last retry. Fewer retries (`num_retries`) shorten the wait before a fallback."
    ),
)
HONOUR_RETRY_AFTER = Remedy(
    "Wait for the time in Retry-After before the next try, or fall back at once where that is too long.",
    on_litellm(
        "LiteLLM honours a Retry-After of up to 60 s, and only where a model group has one deployment. Put the others in"
        " groups of their own, joined by `fallbacks`."
    ),
)
RETURN_TO_FIRST = Remedy(
    "Let a circuit breaker probe the provider again after a while.",
    on_litellm("Shorten `cooldown_time` in `router_settings`."),
)
CANCEL_WITH_CALLER = Remedy(
    "Cancel a request's retries and fallbacks when its caller disconnects.",
    {"litellm-proxy": "Set `cancel_on_disconnect: true` in `general_settings`."},
)
USE_WHAT_IS_PAID = Remedy(
    "Cancel an attempt once nobody waits for it (its caller left, or another attempt won), and break off a stalled stream"
    " sooner: its tokens are billed although no caller gets them."
)
HOLLOW_ON_LITELLM = on_litellm(
    "No known setting of LiteLLM's refuses an empty or broken answer. Another version may: `harness compare CHAIN --litellm OLD..NEW`."
    " Until then callers have to check each answer for its text and its finish reason, and ask again."
)
"""Where a provider's answer was empty or broken, and the caller got it as a success."""

IDLE_MACHINE = "Run it on a machine that is not busy, at a lower rate, or in virtual time (`--engine sim`)."
"""Where the machine, and not the chain, may explain what was measured."""
RUN_AGAIN = "Run it again, to its end."
"""Where records are missing."""
