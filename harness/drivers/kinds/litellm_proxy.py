"""LiteLLM's proxy in processes of ours."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from harness.chain.driver import Requirement
from harness.chain.litellm_facts import facts
from harness.drivers.kinds.litellm_router import LITELLM_ROUTER, warnings

LITELLM_PROXY = replace(
    LITELLM_ROUTER,
    name="litellm-proxy",
    keys=frozenset({"answers", "environment", "python", "workers"}),
    warnings=partial(warnings, proxy=True),
    facts=partial(facts, proxy=True),
    requirement=Requirement(
        ("litellm_proxy_extras", "uvicorn"),  # some of what the extra `proxy` brings
        "LiteLLM's proxy",
        "litellm[proxy]",
        "pip install 'llm-fallback-harness[proxy]'",
    ),
    part=lambda chain: ("harness.drivers.litellm_proxy", str(chain.workers)),
    forked=False,
    in_process=None,
    preload=lambda: None,
    shortcuts=nullcontext,
)
