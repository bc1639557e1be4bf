"""A Python function, whatever library it is written with."""

from __future__ import annotations

from contextlib import nullcontext
from typing import get_args

from harness.chain import Chain
from harness.chain.driver import DECLARED, Driver, declared, later
from harness.chain.facts import ChainFacts
from harness.chain.policy import Backoff
from harness.chain.python_target import check, warnings


def _facts(chain: Chain) -> ChainFacts:
    """Return what the chain file declares: what the function does by itself is unknown."""
    most = chain.retry.attempts if chain.retry is not None else None
    return declared(chain, ChainFacts.of_retries(chain.providers, most, sees_attempts=True))


PYTHON = Driver(
    name="python",
    keys=frozenset({"answers", "env", "environment", "python", "setup", "target"}) | DECLARED,
    required=frozenset({"target"}),
    kinds=frozenset({"chat", "tools", "conversation", "embeddings"}),
    own_order=None,
    backoffs=frozenset(get_args(Backoff)),
    check=check,
    warnings=warnings,
    facts=_facts,
    schedules=lambda _chain: (),
    waits=lambda _chain: {},
    advice=lambda _chain, _schedules: (),
    settings=lambda _chain, _written: (),
    configuration=None,
    requirement=None,
    part=lambda _chain: ("harness.drivers.part", "python"),
    variables=lambda _origins: frozenset(),
    forked=False,
    in_process=later("harness.drivers.python.host:enter"),
    preload=lambda: None,
    imports=later("harness.drivers.python.libraries:import_libraries"),
    shortcuts=nullcontext,
)
