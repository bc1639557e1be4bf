"""LiteLLM's proxy in processes of ours."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from functools import partial

from harness.chain.driver import Requirement, later
from harness.chain.litellm_facts import facts, waits
from harness.drivers.kinds.litellm_router import ELSEWHERE, LITELLM_ROUTER, warnings
from harness.extras import PROXY

LITELLM_PROXY = replace(
    LITELLM_ROUTER,
    name="litellm-proxy",
    keys=LITELLM_ROUTER.keys | {"keys", "workers"},
    warnings=partial(warnings, proxy=True),
    facts=partial(facts, proxy=True),
    schedules=partial(later("harness.drivers.litellm_asked:schedules"), proxy=True),
    waits=partial(waits, proxy=True),
    advice=later("harness.drivers.litellm_asked:advice"),
    requirement=Requirement(PROXY.modules, PROXY.purpose, "litellm[proxy]", f"{PROXY.command}, {ELSEWHERE}"),
    part=lambda chain: ("harness.drivers.litellm_proxy", str(chain.workers)),
    forked=False,
    in_process=None,
    preload=lambda: None,
    imports=None,
    shortcuts=nullcontext,
)
