"""Requests of every kind in virtual time: on each chain that carries them, the same twice, and with nothing real."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from harness import sim
from harness.chain.driver import DRIVERS
from harness.experiment.prepare import Loaded, load
from harness.provider.kinds import Kind
from tests.sim.worlds import digest

CHAIN = """\
name: kinds
driver: {driver}
providers:
  openai: {{dialect: openai, model: gpt-4, reply: {{ttft: 20ms, tokens: 12, tokens_per_second: 50}}}}
  azure: {{dialect: azure, model: gpt-4, reply: {{ttft: 10ms, tokens: 12, tokens_per_second: 50}}}}
order: [openai, azure]
retry: {{attempts: 2, backoff: exponential}}
timeout: 4s
"""
SCENARIO = """\
name: kinds
chain: {driver}.yaml
load:
  rate: {rate}/s
  deadline: 12s
  streaming: 50%
  mix: [{mix}]
phases: {{baseline: 1s, fault: 3s}}
faults:
  - {{on: primary, during: fault, inject: {{status: 503}}, share: 20%}}
  - {{on: primary, during: fault, inject: {{status: 429, retry_after: 1s}}, share: 20%}}
  - {{on: primary, during: fault, inject: {{connection: reset}}, share: 20%}}
  - {{on: primary, during: fault, inject: {{stream: cut, after_tokens: 2}}, share: 30%}}
expect: []
"""
SIMULATED = [name for name, driver in DRIVERS.own.items() if driver.in_process is not None and name != "python"]


OTHERS = """\
name: others
driver: litellm-router
providers:
  anthropic: {dialect: anthropic, model: claude-3-5-sonnet-20241022, reply: {ttft: 10ms, tokens: 12}}
  gemini: {dialect: gemini, model: gemini-2.5-flash, reply: {ttft: 10ms, tokens: 12}}
order: [anthropic, gemini]
retry: {attempts: 2, backoff: exponential}
timeout: 4s
"""


def mixed(folder: Path, driver: str, *kinds: str) -> Loaded:
    """Return a run of these kinds in equal shares; each has some sixteen requests."""
    (folder / f"{driver}.yaml").write_text(CHAIN.format(driver=driver))
    inputs = {"embeddings": ", inputs: 3, streaming: 0%"}
    each = 100 // len(kinds)
    shares = [each] * (len(kinds) - 1) + [100 - each * (len(kinds) - 1)]
    mix = ", ".join(
        f"{{share: {share}%, kind: {kind}{inputs.get(kind, '')}}}" for share, kind in zip(shares, kinds, strict=True)
    )
    path = folder / f"kinds-{driver}.yaml"
    path.write_text(SCENARIO.format(driver=driver, rate=4 * len(kinds), mix=mix))
    return load(path, seed=1)


def kinds_of(driver: str) -> tuple[str, ...]:
    """Return the kinds that a driver carries, in order."""
    return tuple(kind for kind in get_args(Kind) if kind in DRIVERS.own[driver].kinds)


@pytest.mark.parametrize("driver", SIMULATED)
def test_every_kind_runs_the_same_twice(tmp_path: Path, driver: str) -> None:
    """To the last nanosecond. Each kind is answered whole in the baseline, by the provider whose attempt its answer names."""
    loaded = mixed(tmp_path, driver, *kinds_of(driver))
    first, second = (sim.run(loaded.plan, loaded.chain).history for _ in range(2))
    assert digest(first) == digest(second)

    requests = first.requests
    assert set(requests["kind"]) == set(kinds_of(driver))
    calm = requests[requests["phase"] == "baseline"]
    assert calm["complete"].all()
    for row in requests[requests["complete"].astype(bool)].itertuples():
        assert len(row.sources) >= 1
        assert row.served_by in ("openai", "azure")
    assert "azure" in set(requests["served_by"])


NEUTRAL = [(kind, CHAIN.format(driver="litellm-router")) for kind in kinds_of("litellm-router")]
NEUTRAL += [(kind, OTHERS) for kind in kinds_of("litellm-router") if kind != "embeddings"]


@pytest.mark.parametrize(("kind", "chain"), NEUTRAL)
def test_what_is_left_out_of_litellms_work_shows_in_no_kind(tmp_path: Path, kind: str, chain: str) -> None:
    """Nothing but the time that a run takes, on OpenAI and Azure as on Anthropic and Gemini."""
    path = mixed(tmp_path, "litellm-router", kind).path
    (tmp_path / "litellm-router.yaml").write_text(chain)
    loaded = load(path, seed=1)
    quick, whole = (sim.run(loaded.plan, loaded.chain, optimised=optimised).history for optimised in (True, False))
    assert digest(quick) == digest(whole)


GREEDY = """\
async def answer(messages, *, model, tools):
    if len(tools) != 2 or messages[0].get("role") != "user":
        raise ValueError("this is not what the caller sent")
    tools.clear()
    messages[0].clear()
    return "well"
"""
PYTHON = """\
name: greedy
driver: python
target: greedy:answer
answers: [canned]
providers: {openai: {dialect: openai, model: gpt-4}}
order: [openai]
"""


def test_a_chain_that_changes_what_it_is_given_changes_no_other_request(tmp_path: Path) -> None:
    """Live, each request is read from its own bytes."""
    loaded = mixed(tmp_path, "reference", "tools")
    (tmp_path / "greedy.py").write_text(GREEDY)
    (tmp_path / "chain.yaml").write_text(PYTHON)
    loaded = load(loaded.path, chain=tmp_path / "chain.yaml", seed=1)
    requests = sim.run(loaded.plan, loaded.chain).history.requests
    assert set(requests["status"]) == {200}, requests["error"].tolist()
