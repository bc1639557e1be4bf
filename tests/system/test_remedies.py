"""Which single setting would have helped a run on LiteLLM: its own code, with one setting of the user's file changed at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import experiment
from harness.engines import Engine, Quiet
from harness.judge.comparison.counterfactual import MeasuredRemedies

pytestmark = [pytest.mark.system, pytest.mark.slow]

CONFIG = """\
model_list:
  - model_name: gpt
    litellm_params: {{model: openai/gpt-4o, api_key: sk-planted}}
  - model_name: claude
    litellm_params: {{model: anthropic/claude-3-5-sonnet-20241022, api_key: sk-planted}}
router_settings:
  num_retries: 0
  timeout: {timeout}  # seconds
  fallbacks: [{{gpt: [claude]}}]
"""
SCENARIO = """\
name: stall
title: The primary accepts calls and says nothing
chain: litellm-config.yaml
load: {rate: 3/s, deadline: 20s}
phases: {baseline: 5s, fault: 30s, recovery: 5s}
faults:
  - {on: primary, during: fault, inject: {connection: silent}}
expect: ["success_rate in fault >= 95%"]
"""


def measured(folder: Path, timeout: float) -> MeasuredRemedies:
    """Simulate a run of the configuration, and return which setting would have helped it."""
    (folder / "litellm-config.yaml").write_text(CONFIG.format(timeout=timeout), "utf-8")
    (folder / "stall.yaml").write_text(SCENARIO, "utf-8")
    run = experiment.run(
        folder / "stall.yaml", reports=folder / "reports", progress=Quiet(), engine=Engine.SIM, page=False
    )
    return experiment.measure_remedies(run.folder.path, folder / "litellm-config.yaml", progress=Quiet())[1]


def test_a_timeout_of_ten_minutes_is_found(tmp_path: Path) -> None:
    """The first setting is the timeout; its line of the file is the change, and no key is in it."""
    found = measured(tmp_path, 600)
    assert found.helpful[0].label == "timeout"
    assert found.helpful[0].unserved.after == 0 < found.helpful[0].unserved.before
    assert found.helpful[0].mends
    assert [line for line in found.helpful[0].diff if line.startswith("-  ")] == ["-  timeout: 600  # seconds"]
    assert "sk-planted" not in str(found)
    assert {each.label for each in found.tried} >= {"timeout", "num_retries", "cooldown_time"}
