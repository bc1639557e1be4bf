"""OpenAI's official SDK with its own retries, and a loop over its clients as the fallback."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial

from harness.chain import Chain
from harness.chain.driver import Driver, Requirement, later
from harness.chain.facts import ChainFacts
from harness.chain.openai_sdk import schedules, sdk_settings
from harness.chain.setting import TIMEOUTS_S, in_seconds, of_file
from harness.chain.waits import OPENAI_SDK as OPENAI_RULE


def _check(chain: Chain) -> None:
    sdk_settings(chain)


def _facts(chain: Chain) -> ChainFacts:
    return ChainFacts.of_retries(chain.providers, sdk_settings(chain).max_retries + 1, sees_attempts=True)


OPENAI_SDK = Driver(
    name="openai-sdk",
    keys=frozenset({"answers", "environment", "python"}),
    required=frozenset(),
    kinds=frozenset({"chat", "tools", "conversation", "embeddings", "responses"}),
    own_order=None,
    backoffs=frozenset({"exponential"}),
    check=_check,
    warnings=lambda _chain, _environ: (),
    facts=_facts,
    schedules=schedules,
    waits=lambda chain: dict.fromkeys(chain.providers, OPENAI_RULE),
    advice=lambda _chain, _schedules: (),
    settings=partial(of_file, offered={("retry", "attempts"): (1, 2, 3, 5), ("timeout",): in_seconds(TIMEOUTS_S)}),
    configuration=None,
    requirement=Requirement(("openai",), "OpenAI's SDK", "openai", "pip install openai"),
    part=lambda _chain: ("harness.drivers.part", "openai-sdk"),
    variables=lambda _origins: frozenset(),
    forked=False,
    in_process=later("harness.drivers.openai_sdk.host:enter"),
    preload=lambda: None,
    imports=None,
    shortcuts=nullcontext,
)
