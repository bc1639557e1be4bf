"""Runs as small as they get, for the engine as a whole."""

from __future__ import annotations

import hashlib
from pathlib import Path

from harness.experiment.prepare import Loaded, load
from harness.history import History

PROVIDERS = """\
  openai: {dialect: openai, model: gpt-4, reply: {ttft: 20ms, tokens: 6, tokens_per_second: 50}}
  azure: {dialect: azure, model: gpt-4, reply: {ttft: 10ms, tokens: 6, tokens_per_second: 50}}
"""
ANTHROPIC = """\
  anthropic: {dialect: anthropic, model: claude-3-5-sonnet-20241022, reply: {ttft: 10ms, tokens: 6}}
"""
CHAIN = """\
name: small
driver: {driver}
providers:
{providers}order: [{order}]
retry: {{attempts: 3, backoff: exponential}}
timeout: 4s
"""
SCENARIO = """\
name: small
title: A small run
chain: {driver}.yaml
load: {{rate: {rate}/s, arrivals: poisson, streaming: 30%, deadline: 12s}}
phases: {{baseline: 1s, fault: {fault_s}s, recovery: 1s}}
faults:
{faults}
expect: [success_rate >= 50%]
"""
MIXED = (
    "{status: 503}, share: 40%",
    "{connection: reset}, share: 30%",
    "{stream: cut, after_tokens: 2}, share: 30%",
    "{status: 429, retry_after: 1s}, share: 20%",
)

LITELLM = """\
model_list:
  - {{model_name: gpt, litellm_params: {{model: openai/gpt-4, api_key: sk-1}}, model_info: {{id: openai}}}}
  - {{model_name: gpt, litellm_params: {{model: azure/gpt-4, api_key: sk-2, api_base: "https://x.example"}}, model_info: {{id: azure}}}}
  - {{model_name: claude, litellm_params: {{model: anthropic/claude-3-5-sonnet-20241022, api_key: sk-3}}}}
router_settings: {{fallbacks: [{{gpt: [claude]}}], num_retries: {retries}, disable_cooldowns: {storming}}}
"""
TINY = """\
name: tiny
title: Four requests
chain: {chain}
load: {{rate: 4/s, arrivals: constant, streaming: 50%, max_tokens: 4, deadline: {deadline_s}s}}
phases: {{fault: 1s}}
faults:
{faults}
expect: []
"""


def small(folder: Path, driver: str, *injects: str, rate: float = 4, fault_s: float = 4, seed: int = 1) -> Loaded:
    """Return a scenario on two providers (LiteLLM and the reference chain have a third), with these faults on all."""
    three = driver != "openai-sdk"
    text = CHAIN.format(
        driver=driver,
        providers=PROVIDERS + (ANTHROPIC if three else ""),
        order="openai, azure, anthropic" if three else "openai, azure",
    )
    (folder / f"{driver}.yaml").write_text(text)
    faults = "\n".join(f"  - {{on: all, during: fault, inject: {inject}}}" for inject in injects or MIXED)
    path = folder / f"small-{driver}.yaml"
    path.write_text(SCENARIO.format(driver=driver, rate=rate, fault_s=fault_s, faults=faults))
    return load(path, seed=seed)


def gateway(folder: Path, *, retries: int = 1, storming: bool = False) -> Path:
    """Return a configuration of LiteLLM with two deployments side by side, which cool down or are tried on and on."""
    path = folder / "litellm-config.yaml"
    path.write_text(LITELLM.format(retries=retries, storming=str(storming).lower()))
    return path


def tiny(folder: Path, driver: str, *injects: str, deadline_s: int = 12, chain: Path | None = None) -> Loaded:
    """Return four requests, half of them streams, with these faults on all providers."""
    small(folder, driver)
    faults = "\n".join(f"  - {{on: all, during: fault, inject: {inject}}}" for inject in injects)
    path = folder / f"tiny-{driver}.yaml"
    path.write_text(TINY.format(chain=chain or f"{driver}.yaml", deadline_s=deadline_s, faults=faults))
    return load(path, seed=1)


HEDGED = """\
policy: {hedge: 60ms, breaker: {failures: 3, open: 1500ms}, budget: {share: 20%, floor: 5}, streams: restart}
"""


def worlds(folder: Path) -> list[Loaded]:
    """Return a run of each kind of chain that runs in virtual time; the first hedges, and has a breaker and a budget."""
    hedged = small(folder, "reference", rate=8)
    chain = folder / "hedged.yaml"
    chain.write_text((folder / "reference.yaml").read_text() + HEDGED)
    return [
        load(hedged.path, chain=chain, seed=1),
        small(folder, "openai-sdk"),
        small(folder, "litellm-router"),
        tiny(folder, "litellm-router", *MIXED, chain=gateway(folder)),
    ]


def digest(history: History) -> str:
    """Return a hash of all that happened."""
    found = hashlib.sha256()
    requests = history.requests.drop(
        columns="text"
    )  # kept where somebody wants to read it; its hash is among the others
    for table in (requests, history.attempts, history.faults):
        found.update(table.to_csv().encode())
    return found.hexdigest()
