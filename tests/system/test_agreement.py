"""The same short plans on real parts and in virtual time: two engines, one history."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from harness.chain.driver import DRIVERS
from harness.provider.kinds import Kind
from harness.store import RunFolder
from scripts.agreement.comparison import Agreement, simulate
from tests.system.conftest import ROOT

pytestmark = pytest.mark.system

PROVIDERS = {
    "openai": "{dialect: openai, model: gpt-4, reply: {ttft: 50ms, tokens: 6, tokens_per_second: 100}}",
    "azure": "{dialect: azure, model: gpt-4, reply: {ttft: 30ms, tokens: 6, tokens_per_second: 100}}",
    "anthropic": "{dialect: anthropic, model: claude-3-5-sonnet-20241022, reply: {ttft: 30ms, tokens: 6}}",
}
CHAINS = {
    "litellm-router": ("openai, azure, anthropic", ""),
    "openai-sdk": ("openai, azure", ""),
    "reference": ("openai, azure, anthropic", "policy: {base: 500ms, breaker: null, budget: null}"),
}
CHAIN = """\
name: {driver}
driver: {driver}
providers:
{providers}
order: [{order}]
retry: {{attempts: 2, backoff: exponential}}
timeout: {timeout}
{more}
"""
SCENARIO = """\
name: {name}-{driver}
chain: ../{name}-{driver}.yaml
load: {{rate: 5/s, arrivals: constant, streaming: {streaming}, deadline: {deadline}, mix: [{mix}]}}
phases: {{before: 900ms, fault: {lasts}, after: 2s}}
faults:
{faults}
"""
PLANS = {  # streams, the chain's timeout, how long the faults last, the callers' deadline, which faults
    "refusals": (
        "0%",
        "4s",
        "5s",
        "6s",
        "{on: primary, during: fault, inject: {status: 429, retry_after: 1s}, share: 30%, first: 1}",
        "{on: primary, during: fault, inject: {status: 503}, first: 1}",
        "{on: fallback-1, during: fault, inject: {error: overloaded, status: 503}, share: 30%}",
    ),
    "breaks": (
        "50%",
        "4s",
        "5s",
        "6s",
        "{on: primary, during: fault, inject: {connection: reset}, share: 30%}",
        "{on: primary, during: fault, inject: {stream: end, after_tokens: 2}, share: 40%}",
        "{on: primary, during: fault, inject: {stream: error_event, after_tokens: 0}}",
    ),
    "kinds": (
        "50%",
        "4s",
        "7s",
        "6s",
        "{on: primary, during: fault, inject: {status: 503}, share: 30%}",
        "{on: primary, during: fault, inject: {stream: cut, after_tokens: 2}, share: 40%}",
    ),
    "unreachable": ("50%", "700ms", "12s", "12s", "{on: primary, during: fault, inject: {connection: unreachable}}"),
}


def mixed(driver: str, order: str) -> str:
    """Return all kinds of request that a driver carries, in equal shares; not every provider has embeddings."""
    kinds = [kind for kind in get_args(Kind) if kind in DRIVERS.own[driver].kinds]
    share = 100 // len(kinds)
    rest = {"embeddings": ", inputs: 2" + (", chain: [openai, azure]" if "anthropic" in order else "")}
    shares = [100 - share * (len(kinds) - 1)] + [share] * (len(kinds) - 1)
    return ", ".join(
        f"{{share: {of}%, kind: {kind}{rest.get(kind, '')}}}" for of, kind in zip(shares, kinds, strict=True)
    )


def write(folder: Path) -> None:
    """Write every plan for every chain."""
    for driver, (order, more) in CHAINS.items():
        providers = "\n".join(f"  {name}: {PROVIDERS[name]}" for name in order.split(", "))
        for name, (streaming, timeout, lasts, deadline, *faults) in PLANS.items():
            text = CHAIN.format(driver=driver, providers=providers, order=order, timeout=timeout, more=more)
            (folder / f"{name}-{driver}.yaml").write_text(text)
            told = "\n".join(f"  - {fault}" for fault in faults)
            mix = mixed(driver, order) if name == "kinds" else ""
            scenario = SCENARIO.format(
                name=name, driver=driver, streaming=streaming, lasts=lasts, deadline=deadline, faults=told, mix=mix
            )
            (folder / "scenarios" / f"{name}-{driver}.yaml").write_text(scenario)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Agreement]:
    """All runs of one live suite, side by side, each held against virtual time; by scenario."""
    folder = tmp_path_factory.mktemp("agreement")
    (folder / "scenarios").mkdir()
    write(folder)
    command = [sys.executable, "-m", "harness", "suite", "scenarios", "--json", "--reports", str(folder / "reports")]
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.stdout, done.stderr
    runs = [run for cell in json.loads(done.stdout)["cells"] for run in cell["runs"]]
    agreements = [simulate(RunFolder.open(Path(run["run"]))) for run in runs]
    return {each.scenario: each for each in agreements if each is not None}


@pytest.mark.parametrize("driver", CHAINS)
@pytest.mark.parametrize("name", PLANS)
def test_both_engines_tell_the_same(found: dict[str, Agreement], name: str, driver: str) -> None:
    """Every request that crosses no edge ends the same way, by the same attempts; waits are within the page's bounds."""
    agreement = found[f"{name}-{driver}"]
    assert agreement.differing == ()
    assert agreement.requests >= 20
    assert agreement.alike + agreement.remembered == agreement.requests
    assert agreement.remembered <= (2 if driver == "litellm-router" else 0)
    assert agreement.gaps.agree, (agreement.gaps.at(0.5), agreement.gaps.at(0.95))
    if name == "kinds":
        assert set(agreement.kinds) == set(DRIVERS.own[driver].kinds)
        assert sum(requests for requests, _alike, _remembered in agreement.kinds.values()) == agreement.requests
    elif name != "breaks":
        assert len(agreement.gaps.live) >= 15
