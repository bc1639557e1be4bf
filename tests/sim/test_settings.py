"""Every setting of LiteLLM's that a tuning changes has an effect in LiteLLM, where the tuning writes it: two choices make two histories."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.chain.setting import Setting
from harness.experiment.prepare import load
from harness.experiment.tuning.candidates import Candidate, tunable
from harness.sim import run

CONFIG = """
model_list:
  - {{model_name: main, litellm_params: {{model: openai/gpt-4o, api_key: sk-a{own}}}}}
  - {{model_name: spare, litellm_params: {{model: openai/gpt-4o-mini, api_key: sk-b}}}}
  - {{model_name: third, litellm_params: {{model: deepseek/deepseek-chat, api_key: sk-c}}}}
litellm_settings: {{{module}}}
router_settings: {{{router}fallbacks: [{{main: [spare]}}]}}
"""
SCENARIO = """
name: settings
load: {{rate: 1/s, arrivals: constant, deadline: 90s, streaming: {streaming}}}
phases: {{baseline: 2s, fault: 20s, recovery: 2s}}
faults: [{{on: primary, during: fault, inject: {{{inject}}}}}]
expect: [no hang]
"""
REFUSES, SILENT = "status: 500, error: server_error", "connection: silent"
SHORT = "timeout: 3, stream_timeout: 3, num_retries: 0, "
CASES = {
    "num_retries": ("", REFUSES),
    "timeout": ("num_retries: 0, ", SILENT),
    "stream_timeout": ("num_retries: 0, ", SILENT),
    "allowed_fails": ("num_retries: 0, ", REFUSES),
    "cooldown_time": ("num_retries: 0, allowed_fails: 0, ", REFUSES),
    "retry_after": ("num_retries: 1, disable_cooldowns: true, ", REFUSES),
    "disable_cooldowns": ("disable_cooldowns: true, num_retries: 0, allowed_fails: 0, ", REFUSES),
    "retry_policy.RateLimitErrorRetries": ("num_retries: 1, ", "status: 429, error: rate_limit"),
    "retry_policy.TimeoutErrorRetries": (SHORT, SILENT),
    "retry_policy.InternalServerErrorRetries": ("num_retries: 1, ", REFUSES),
    "retry_policy.ServiceUnavailableErrorRetries": ("num_retries: 1, ", "status: 503"),
    "model_group_retry_policy.main.InternalServerErrorRetries": (
        "model_group_retry_policy: {main: {InternalServerErrorRetries: 2}}, retry_policy: {InternalServerErrorRetries: 4}, ",
        REFUSES,
    ),
    "fallbacks of main": ("", REFUSES),
}
"""By label: what else the Router's settings say, and the fault in which it shows."""
OWN = {
    "timeout": (", timeout: 500", SILENT),
    "request_timeout": (", request_timeout: 500", SILENT),
    "stream_timeout": (", stream_timeout: 500", SILENT),
    "cooldown_time": (", cooldown_time: 5", REFUSES),
    "num_retries": (", num_retries: 1", REFUSES),
}
"""By label: what the deployment states, which counts in place of what the Router's settings state."""
MODULE = {
    "request_timeout": ("request_timeout: 500", SILENT),
    "num_retries": ("num_retries: 1", REFUSES),
    "allowed_fails": ("allowed_fails: 3", REFUSES),
    "cooldown_time": ("cooldown_time: 5", REFUSES),
}
"""By label: what `litellm_settings` states. LiteLLM takes the last two from `router_settings` alone, where they are offered."""


def played(folder: Path, candidate: Candidate, inject: str, *, streaming: str) -> list[tuple[object, ...]]:
    """Return what happens: each attempt's provider, start in seconds, and outcome."""
    (folder / "changed.yaml").write_bytes(candidate.raw)
    (folder / "scenario.yaml").write_text(SCENARIO.format(inject=inject, streaming=streaming))
    loaded = load(folder / "scenario.yaml", chain=folder / "changed.yaml")
    attempts = run(loaded.plan, loaded.chain).history.attempts
    starts_s = (attempts["start_ns"] / 1e9).round(1)
    return sorted(zip(attempts["provider"], starts_s, attempts["outcome"], strict=True))


def ends(setting: Setting) -> list[object]:
    """Return the two choices that differ most."""
    return (
        [setting.value, setting.choices[0]] if len(setting.choices) == 1 else [setting.choices[0], setting.choices[-1]]
    )


def has_effect(folder: Path, config: str, label: str, inject: str, *, streaming: str = "0%") -> bool:
    """Return whether two choices of a setting make two histories."""
    path = folder / "litellm.yaml"
    path.write_text(config)
    of = tunable(path)
    setting = next(each for each in of.settings if each.label == label)
    one, other = (played(folder, of.changed({label: each}), inject, streaming=streaming) for each in ends(setting))
    return one != other


@pytest.mark.parametrize("label", CASES)
def test_a_setting_of_the_router_has_an_effect(tmp_path: Path, label: str) -> None:
    """What it is to be tried for."""
    router, inject = CASES[label]
    config = CONFIG.format(own="", module="", router=router)
    assert has_effect(tmp_path, config, label, inject, streaming="100%" if label == "stream_timeout" else "0%")


@pytest.mark.parametrize("label", OWN)
def test_a_setting_of_a_deployment_has_an_effect(tmp_path: Path, label: str) -> None:
    """Though the Router's settings state the same."""
    own, inject = OWN[label]
    fails = 1000 if label == "num_retries" else 0
    router = f"timeout: 400, stream_timeout: 400, num_retries: 2, cooldown_time: 9, allowed_fails: {fails}, "
    config = CONFIG.format(own=own, module="", router=router)
    streaming = "100%" if label == "stream_timeout" else "0%"
    assert has_effect(tmp_path, config, f"main: {label}", inject, streaming=streaming)


@pytest.mark.parametrize("label", MODULE)
def test_a_setting_of_the_other_section_has_an_effect(tmp_path: Path, label: str) -> None:
    """Where the Router's settings do not state the same."""
    module, inject = MODULE[label]
    router = "allowed_fails: 0, " if label == "cooldown_time" else ""
    assert has_effect(tmp_path, CONFIG.format(own="", module=module, router=router), label, inject)


def test_what_is_not_needed_has_no_effect(tmp_path: Path) -> None:
    """Two histories differ by the setting alone: retries of what does not fail."""
    assert not has_effect(tmp_path, CONFIG.format(own="", module="", router=""), "num_retries", "delay: 1s")


def test_each_setting_that_is_offered_is_tried_here() -> None:
    """None is forgotten."""
    from harness.chain.litellm_tunable import _OFFERED  # noqa: PLC0415 - only this test looks inside

    labels = {".".join(map(str, place)) for place in _OFFERED}
    assert labels <= CASES.keys()
