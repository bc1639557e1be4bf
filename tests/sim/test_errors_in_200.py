"""Errors inside a plain 200: what LiteLLM's Router makes of them, by kind of request, and what its callers get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import sim
from harness.experiment.prepare import load
from harness.provider.kinds import Kind
from tests.errors_in_200 import CODES, IN_200

CHAIN = """\
name: pair
driver: litellm-router
providers:
  one: {{dialect: {dialect}, model: {model}, reply: {{ttft: 20ms, tokens: 5, tokens_per_second: 0}}}}
  two: {{dialect: {dialect}, model: {model}, reply: {{ttft: 20ms, tokens: 5, tokens_per_second: 0}}}}
order: [one, two]
retry: {{attempts: 2}}
timeout: 5s
"""
SCENARIO = """\
name: in-200
chain: chain.yaml
load: {{rate: 4/s, arrivals: constant, deadline: 10s, mix: [{{share: 100%, kind: {kind}}}]}}
phases: {{fault: 2s}}
faults:
  - {{on: primary, during: fault, inject: {{status: 200, body: {body}}}}}
expect: [success_rate >= 99%]
"""


@pytest.mark.parametrize(("kind", "falls_back"), [("chat", True), ("responses", False), ("messages", False)])
def test_litellm_falls_back_for_chats_alone(tmp_path: Path, kind: Kind, *, falls_back: bool) -> None:
    """It hands a failed response, and Anthropic's error, on as if they were answers: no retry, no fallback, no whole answer."""
    dialect, model = ("anthropic", "claude-3-5-sonnet-20241022") if kind == "messages" else ("openai", "gpt-4")
    (tmp_path / "chain.yaml").write_text(CHAIN.format(dialect=dialect, model=model))
    path = tmp_path / "scenario.yaml"
    path.write_text(SCENARIO.format(kind=kind, body=json.dumps(IN_200[kind])))
    it = load(path)
    history = sim.run(it.plan, it.chain).history
    spoilt = history.attempts[history.attempts["fault_id"].notna()]
    assert set(spoilt["outcome"]) == {"malformed"}
    assert set(spoilt["error_code"]) == {CODES[kind]}
    requests = history.requests[history.requests["phase"] == "fault"]
    assert len(requests) == 8
    if falls_back:
        assert "two" in set(requests["served_by"])  # the last retries at the first come after the fault
        assert requests["complete"].all()
    else:
        assert set(history.attempts["provider"]) == {"one"}
        assert set(requests["outcome"]) == {"error"}
        assert requests["error"].str.endswith(CODES[kind]).all()
