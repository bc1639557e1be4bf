"""The reference chain: a policy of our own."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import fields
from functools import partial
from typing import Any, get_args

from harness.chain import Chain
from harness.chain.driver import Driver, declared, later
from harness.chain.facts import ChainFacts, FailureClass, Tries
from harness.chain.own_order import in_reference
from harness.chain.policy import TEMPORARY, Backoff, Policy
from harness.chain.reference.retries import rule, waits
from harness.chain.reference.schedule import schedules
from harness.chain.setting import STREAM_TIMEOUTS_S, TIMEOUTS_S, in_seconds, of_file
from harness.chain.spec import ChainError
from harness.document.places import Place
from harness.document.spelling import did_you_mean

_LITELLM = frozenset({"allowed_fails", "cooldown"})
_KEYS = frozenset(
    {
        "chains",
        "fallback.on",
        "fallback.content_policy",
        "fallback.context_window",
        "providers.context_window",
        "providers.headers",
        "retry.factor",
        *(f"policy.{field.name}" for field in fields(Policy) if field.name not in _LITELLM),
    }
)

_OFFERED: Mapping[Place, tuple[Any, ...]] = {
    ("retry", "attempts"): (1, 2, 3, 5),
    ("retry", "on"): (
        ["rate_limit", "server_error", "connection"],
        ["rate_limit", "server_error", "connection", "timeout"],
        ["server_error", "connection"],
    ),
    ("retry", "backoff"): get_args(Backoff),
    ("timeout",): in_seconds(TIMEOUTS_S),
    ("policy", "base"): ("100ms", "500ms", "2s"),
    ("policy", "cap"): ("2s", "8s", "30s"),
    ("policy", "retry_after_max"): ("0s", "2s", "10s", "30s"),
    ("policy", "deadline"): ("10s", "20s", "30s", "60s"),
    ("policy", "breaker", "failures"): (2, 5, 20, 1000),
    ("policy", "breaker", "open"): ("2s", "10s", "30s", "2m"),
    ("policy", "budget", "share"): ("10%", "20%", "50%", "100%"),
    ("policy", "first_token"): in_seconds(STREAM_TIMEOUTS_S),
    ("policy", "idle"): in_seconds(STREAM_TIMEOUTS_S),
    ("policy", "hedge"): ("1s", "2s", "5s"),
    ("policy", "streams"): ("before-first-token", "restart"),
}
"""By place in a chain file, what is worth trying."""


def _check(chain: Chain) -> None:
    for name in chain.policy.retry_at if chain.policy is not None else ():
        if name not in chain.providers:
            raise ChainError(
                f"unknown provider {name!r}",
                ("policy", "retry_at", name),
                known=", ".join(chain.providers),
                hint=did_you_mean(name, chain.providers),
            )


def _facts(chain: Chain) -> ChainFacts:
    policy = chain.policy or Policy()
    bounded = policy.max_cost is not None or policy.session_budget is not None
    rest_ns = policy.breaker.open if policy.breaker is not None else 0
    facts = ChainFacts(
        sees_attempts=True,
        double_sends=False,
        tries={name: _tries(chain, policy, name) for name in chain.providers},
        cooldown_ns=dict.fromkeys(chain.providers, rest_ns),
        limited=tuple(name for name, each in chain.providers.items() if bounded or each.context_window is not None),
        never_called=(),
    )
    return declared(chain, facts)


def _tries(chain: Chain, policy: Policy, name: str) -> Tries:
    own = rule(chain, policy, name)
    again = {
        kind: policy.retries_after.get(kind, own.attempts - 1) if kind in own.on else 0
        for kind in get_args(FailureClass)
        if kind in TEMPORARY or kind in own.on
    }
    return Tries(most=own.attempts, after={kind: min(more + 1, own.attempts) for kind, more in again.items()})


REFERENCE = Driver(
    name="reference",
    keys=_KEYS,
    required=frozenset(),
    kinds=frozenset({"chat", "tools", "conversation", "embeddings"}),
    own_order=in_reference,
    backoffs=frozenset(get_args(Backoff)),
    check=_check,
    warnings=lambda _chain, _environ: (),
    facts=_facts,
    schedules=schedules,
    waits=waits,
    advice=lambda _chain, _schedules: (),
    settings=partial(of_file, offered=_OFFERED),
    configuration=None,
    requirement=None,
    part=lambda _chain: ("harness.drivers.reference",),
    variables=lambda _origins: frozenset(),
    forked=False,
    in_process=later("harness.drivers.reference.host:enter"),
    preload=lambda: None,
    imports=None,
    shortcuts=nullcontext,
)
