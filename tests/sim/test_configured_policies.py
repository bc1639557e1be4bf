"""What a LiteLLM configuration declares is in order, and what it costs callers is found: on LiteLLM, in virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.experiment.prepare import load
from harness.judge import Finding, RunData, Status, judge
from harness.sim import run

TWO = """
model_list:
  - {{model_name: main, litellm_params: {{model: {main}, api_key: sk-a{limits}}}}}
  - {{model_name: spare, litellm_params: {{model: openai/gpt-4o-mini, api_key: sk-b}}}}
router_settings: {{{settings}fallbacks: [{{main: [spare]}}]}}
"""
SCENARIO = """
name: configured
load: {{rate: 1/s, arrivals: constant, deadline: {deadline}}}
phases: {{{phases}}}
faults: {faults}
expect: [no hang]
"""


def two(settings: str = "", *, main: str = "openai/gpt-4o", limits: str = "") -> str:
    """Return the configuration of a chain of two providers."""
    return TWO.format(settings=settings, main=main, limits=limits)


def found(folder: Path, config: str, *, phases: str, faults: str = "[]", deadline: str = "60s") -> dict[str, Finding]:
    """Return the findings that are made of a configuration in a scenario, by id."""
    (folder / "litellm.yaml").write_text(config)
    (folder / "scenario.yaml").write_text(SCENARIO.format(phases=phases, faults=faults, deadline=deadline))
    loaded = load(folder / "scenario.yaml", chain=folder / "litellm.yaml")
    verdict = judge(RunData.of(loaded.plan, run(loaded.plan, loaded.chain).history))
    return {finding.id: finding for finding in verdict.findings if finding.status is Status.FAIL}


def on_main(inject: str) -> str:
    """Return a fault at the first provider."""
    return f"[{{on: primary, during: fault, inject: {{{inject}}}}}]"


def test_a_provider_rests_as_long_as_it_asked(tmp_path: Path) -> None:
    """The Router leaves the primary alone for its Retry-After of two minutes: nothing is out of order, nobody is stuck."""
    config = two("num_retries: 0, allowed_fails: 0, cooldown_time: 120, ")
    faults = on_main("status: 429, retry_after: 120s")
    assert not found(tmp_path, config, phases="baseline: 8s, fault: 10s, recovery: 110s", faults=faults)


def test_a_declared_cooldown_is_in_order(tmp_path: Path) -> None:
    """Five minutes of it: only the one wait before the first fallback was longer than it had to be."""
    config = two("num_retries: 1, allowed_fails: 2, cooldown_time: 300, ")
    made = found(tmp_path, config, phases="baseline: 12s, fault: 20s, recovery: 120s", faults=on_main("status: 503"))
    assert {name: finding.count for name, finding in made.items()} == {"late_fallback": 1}


def test_a_limit_of_requests_per_minute_is_in_order_but_not_the_wait(tmp_path: Path) -> None:
    """The Router skips the primary at its declared limit, after two minutes of waiting for it: that is found."""
    settings = "routing_strategy: usage-based-routing-v2, enable_pre_call_checks: true, num_retries: 1, "
    made = found(tmp_path, two(settings, limits=", rpm: 20"), phases="baseline: 60s", deadline="200s")
    assert set(made) == {"late_fallback"}
    assert made["late_fallback"].count > 20
    assert "2 min" in made["late_fallback"].message


CLAUDE = "bedrock/converse/eu.anthropic.claude-sonnet-4-5-20250929-v1:0"


@pytest.mark.parametrize(
    "model", ["gemini/gemini-2.5-flash", "openrouter/x/y", "deepseek/deepseek-chat", CLAUDE, "ollama/our-own:70b"]
)
@pytest.mark.parametrize("settings", ["", "num_retries: 2, "])
def test_a_double_send_is_one_try(tmp_path: Path, model: str, settings: str) -> None:
    """Of every provider, and whether the library's own default of two retries is written out or not."""
    made = found(
        tmp_path,
        two(settings, main=model),
        phases="baseline: 2s, fault: 12s, recovery: 4s",
        faults=on_main("connection: refused"),
    )
    assert set(made) <= {"late_fallback"}


def test_declared_retries_count_by_class(tmp_path: Path) -> None:
    """Five retries of server errors are declared, where `num_retries` alone would allow one."""
    config = two("num_retries: 1, retry_policy: {RateLimitErrorRetries: 0, InternalServerErrorRetries: 5}, ")
    phases = "baseline: 12s, fault: 10s, recovery: 4s"
    faults = on_main("status: 500, error: server_error")
    assert set(found(tmp_path, config, phases=phases, faults=faults, deadline="120s")) <= {"late_fallback"}


ALL_IN_ONE = """
model_list:
  - {model_name: chat, litellm_params: {model: openai/gpt-4o, api_key: sk-a}}
  - {model_name: chat, litellm_params: {model: deepseek/deepseek-chat, api_key: sk-c}}
router_settings: {num_retries: 2, cooldown_time: 60}
"""


def test_callers_who_fail_while_everything_rests_are_found(tmp_path: Path) -> None:
    """All deployments are in cooldown, and all are healthy again; LiteLLM's own words are in the finding."""
    made = found(
        tmp_path,
        ALL_IN_ONE,
        phases="baseline: 12s, fault: 6s, recovery: 40s",
        faults="[{on: all, during: fault, inject: {status: 429, error: rate_limit}}]",
        deadline="30s",
    )
    assert "failed_unasked" in made
    assert made["failed_unasked"].count > 20
    assert "No deployments available" in made["failed_unasked"].message


def test_a_long_wait_for_a_retry_is_found(tmp_path: Path) -> None:
    """The Router waits out a Retry-After of 50 s while an idle fallback is healthy; two retries, and so 100 s and more."""
    made = found(
        tmp_path,
        two(),
        phases="baseline: 12s, fault: 5s, recovery: 20s",
        faults=on_main("status: 429, retry_after: 50s"),
        deadline="200s",
    )
    assert set(made) == {"late_fallback"}
    assert made["late_fallback"].count == 5
