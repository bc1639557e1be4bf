"""A gateway that the harness does not host."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import get_args

from harness.chain import Chain
from harness.chain.driver import DECLARED, Driver, declared
from harness.chain.endpoint import check, remarks
from harness.chain.facts import ChainFacts
from harness.chain.policy import Backoff
from harness.provider.kinds import Kind


def _warnings(chain: Chain, _environ: Mapping[str, str]) -> tuple[str, ...]:
    assert chain.endpoint is not None
    return remarks(chain.endpoint)


def _facts(chain: Chain) -> ChainFacts:
    """Return what the chain file declares: what the gateway does by itself is unknown."""
    most = chain.retry.attempts if chain.retry is not None else None
    return declared(chain, ChainFacts.of_retries(chain.providers, most, sees_attempts=False))


ENDPOINT = Driver(
    name="endpoint",
    keys=frozenset({"endpoint", "answers"}) | DECLARED,
    required=frozenset({"endpoint"}),
    kinds=frozenset(get_args(Kind)),
    own_order=None,
    backoffs=frozenset(get_args(Backoff)),
    check=check,
    warnings=_warnings,
    facts=_facts,
    schedules=lambda _chain: (),
    waits=lambda _chain: {},
    advice=lambda _chain, _schedules: (),
    settings=lambda _chain, _written: (),
    configuration=None,
    requirement=None,
    part=None,
    variables=lambda _origins: frozenset(),
    forked=False,
    in_process=None,
    preload=lambda: None,
    imports=None,
    shortcuts=nullcontext,
)
