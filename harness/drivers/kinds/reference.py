"""The reference chain: a policy of our own."""

from __future__ import annotations

from contextlib import nullcontext
from typing import get_args

from harness.chain import Chain
from harness.chain.driver import Driver, later
from harness.chain.facts import ChainFacts, Tries
from harness.chain.reference.retries import rule
from harness.chain.reference.schedule import schedules
from harness.chain.spec import Backoff, ChainError, Policy, RetryOn
from harness.document.spelling import did_you_mean


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
    rest_ns = policy.breaker.open if policy.breaker is not None else 0
    return ChainFacts(
        sees_attempts=True,
        double_sends=False,
        tries={name: _tries(chain, policy, name) for name in chain.providers},
        cooldown_ns=dict.fromkeys(chain.providers, rest_ns),
        limited=tuple(chain.providers) if policy.max_cost is not None else (),
        never_called=(),
    )


def _tries(chain: Chain, policy: Policy, name: str) -> Tries:
    own = rule(chain, policy, name)
    again = {
        kind: policy.retries_after.get(kind, own.attempts - 1) if kind in own.on else 0 for kind in get_args(RetryOn)
    }
    return Tries(most=own.attempts, after={kind: min(more + 1, own.attempts) for kind, more in again.items()})


REFERENCE = Driver(
    name="reference",
    keys=frozenset({"policy"}),
    required=frozenset(),
    backoffs=frozenset(get_args(Backoff)),
    check=_check,
    warnings=lambda _chain, _environ: (),
    facts=_facts,
    schedules=schedules,
    advice=lambda _chain, _schedules: (),
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
