"""LiteLLM's Router in a process of ours."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any, get_args

from harness.chain import Chain
from harness.chain.driver import Configuration, Driver, Requirement, later
from harness.chain.litellm_config import chain as read_config
from harness.chain.litellm_facts import facts, waits
from harness.chain.litellm_router import router_settings
from harness.chain.litellm_settings import SECTIONS
from harness.chain.litellm_tunable import settings as of_configuration
from harness.chain.own_order import in_litellm
from harness.chain.setting import TIMEOUTS_S, Setting, in_seconds, of_file
from harness.document.places import Place
from harness.provider.kinds import Kind

ELSEWHERE = "or test the LiteLLM of an application (`python:` in the chain file, --python PATH) or a version (--litellm VERSION)"
"""What else to do where LiteLLM is not installed; ends a hint."""


SETTINGS = frozenset(
    {
        "chains",
        "fallback.content_policy",
        "fallback.context_window",
        "policy.allowed_fails",
        "policy.cooldown",
        "policy.retries_after",
        "providers.api_version",
        "providers.headers",
    }
)
"""Keys of a chain file that become settings of LiteLLM."""


def _check(chain: Chain) -> None:
    router_settings(chain, {}, {}, proxy=False)


def warnings(chain: Chain, environ: Mapping[str, str], *, proxy: bool) -> tuple[str, ...]:
    """Return what is not carried over to LiteLLM's Router, or to its proxy."""
    return router_settings(chain, {}, environ, proxy=proxy).warnings


_OFFERED: Mapping[Place, tuple[Any, ...]] = {
    ("retry", "attempts"): (1, 2, 3, 4, 6),
    ("timeout",): in_seconds(TIMEOUTS_S),
    ("policy", "allowed_fails"): (0, 1, 2, 5, 20, 1000),
    ("policy", "cooldown"): ("2s", "15s", "30s", "60s"),
}
"""By place in a chain file, what is worth trying."""


def _settings(chain: Chain, written: Mapping[str, Any]) -> tuple[Setting, ...]:
    return of_file(chain, written, _OFFERED) if chain.litellm is None else of_configuration(chain, written)


def _preload() -> None:
    later("harness.drivers.litellm_router.__main__:preload")()
    later("harness.drivers.litellm_router.fast:warm")()


LITELLM_ROUTER = Driver(
    name="litellm-router",
    keys=frozenset({"answers", "environment", "python"}) | SETTINGS,
    required=frozenset(),
    kinds=frozenset(get_args(Kind)),
    own_order=in_litellm,
    backoffs=frozenset({"exponential"}),
    check=_check,
    warnings=partial(warnings, proxy=False),
    facts=partial(facts, proxy=False),
    schedules=partial(later("harness.drivers.litellm_asked:schedules"), proxy=False),
    waits=partial(waits, proxy=False),
    advice=later("harness.drivers.litellm_asked:advice"),
    settings=_settings,
    configuration=Configuration(
        SECTIONS - {"environment_variables"} | {"general_settings"},
        "a LiteLLM configuration",
        lambda document, model: read_config(document, os.environ, model=model),
    ),
    requirement=Requirement(("litellm",), "LiteLLM", "litellm", f"pip install litellm, {ELSEWHERE}"),
    part=lambda _chain: ("harness.drivers.litellm_router",),
    variables=later("harness.drivers.litellm_variables:variables"),
    forked=True,
    in_process=later("harness.drivers.litellm_router.host:enter"),
    preload=_preload,
    imports=None,
    shortcuts=later("harness.drivers.litellm_router.fast:fast"),
)
