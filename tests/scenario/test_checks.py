"""What can be wrong with a scenario beyond the shape of its fields, and what a fault can be on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from harness.errors import SeveralErrors, UsageError
from harness.experiment.prepare import load
from harness.judge import grammar

CHAIN = Path(__file__).parents[2] / "scenarios" / "chains" / "gpt4-azure-claude.yaml"
SCENARIO = """\
name: s
chain: {chain}
load: {{rate: 10/s}}
phases: {{baseline: 5s, fault: 5s}}
faults: [{{on: {on}, during: fault, inject: {{status: 503}}}}]
"""
LITELLM = """\
model_list:
  - model_name: gpt-4
    litellm_params: {model: azure/gpt-4, api_key: k}
    model_info: {id: azure-eu}
  - model_name: gpt-4
    litellm_params: {model: azure/gpt-4, api_key: k}
    model_info: {id: azure-us}
  - model_name: claude
    litellm_params: {model: anthropic/claude-sonnet-4, api_key: k}
router_settings:
  fallbacks: [{gpt-4: [claude]}]
  model_group_alias: {smart: gpt-4}
"""


def broken(tmp_path: Path, on: str, chain: Path = CHAIN) -> list[str]:
    """Return the providers that a fault breaks."""
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO.format(chain=chain, on=on))
    return [window.provider for window in load(path).plan.timeline.windows]


@pytest.fixture
def grouped(tmp_path: Path) -> Path:
    """Return a LiteLLM configuration with a group of two deployments and a fallback."""
    path = tmp_path / "litellm-config.yaml"
    path.write_text(LITELLM)
    return path


@pytest.mark.parametrize(
    ("on", "providers"),
    [
        ("azure", ["azure"]),
        ("primary", ["openai"]),
        ("[azure, openai]", ["azure", "openai"]),
        ("[primary, fallbacks, openai]", ["openai", "azure", "anthropic"]),
    ],
)
def test_a_fault_is_on_what_it_names(tmp_path: Path, on: str, providers: list[str]) -> None:
    """A provider, a role, or a list of them; each provider once."""
    assert broken(tmp_path, on) == providers


@pytest.mark.parametrize(
    ("on", "providers"),
    [
        ("gpt-4", ["azure-eu", "azure-us"]),
        ("smart", ["azure-eu", "azure-us"]),
        ("[azure-eu, azure-us]", ["azure-eu", "azure-us"]),
        ("[claude, gpt-4]", ["claude", "azure-eu", "azure-us"]),
    ],
)
def test_a_model_group_is_all_its_deployments(tmp_path: Path, grouped: Path, on: str, providers: list[str]) -> None:
    """By its name, or by an alias."""
    assert broken(tmp_path, on, grouped) == providers


@pytest.mark.parametrize(
    ("on", "place", "problem"),
    [
        ("[azure, opnai]", "faults[0].on[1]", "unknown provider 'opnai'"),
        ("[]", "faults[0].on", "expected a name, or a list of names"),
        ("5", "faults[0].on", "expected a name, or a list of names"),
        ("[azure, 5]", "faults[0].on", "expected a name, or a list of names"),
    ],
)
def test_a_wrong_target_is_reported(tmp_path: Path, on: str, place: str, problem: str) -> None:
    """With the names that may be written."""
    with pytest.raises(UsageError, match=problem) as caught:
        broken(tmp_path, on)
    assert (caught.value.where or "").endswith(place)
    assert caught.value.known


def test_roles_without_a_provider_are_not_offered(tmp_path: Path) -> None:
    """What is known is what may be written."""
    chain = tmp_path / "one.yaml"
    chain.write_text("name: c\ndriver: reference\nproviders: {a: {dialect: openai, model: m}}\norder: [a]\n")
    with pytest.raises(UsageError, match="the chain has no fallbacks") as caught:
        broken(tmp_path, "fallbacks", chain)
    assert caught.value.known == "a, primary, all, vendor:openai"


def test_all_mistakes_of_a_scenario_and_its_chain_are_reported(tmp_path: Path) -> None:
    """Whatever kind each is of: a wrong shape does not hide a wrong name."""
    (tmp_path / "chain.yaml").write_text(
        "name: c\ndriver: reference\nproviders: {a: {dialect: openia, model: m}}\norder: [a]\n"
    )
    path = tmp_path / "s.yaml"
    path.write_text(
        "name: latest\nchain: chain.yaml\nvus: 10\nphases: {baseline: 5s, fault: 5}\n"
        "faults: [{on: primary, during: falt, injct: {status: 503}}]\n"
        "expect: [sucess_rate >= 99%, no hangs]\n"
    )
    with pytest.raises(SeveralErrors) as caught:
        load(path)
    told = [str(error).replace(f"{tmp_path}/", "").split("\n", 1)[0] for error in caught.value.errors]
    assert told == [
        "s.yaml:3: vus: unknown key 'vus'",
        "s.yaml:5: faults[0].injct: unknown key 'injct'",
        "s.yaml:4: phases.fault: expected a duration, found 5",
        "s.yaml:1: load: missing",
        "s.yaml:5: faults[0].during: unknown phase 'falt'",
        "s.yaml:6: expect[0]: unknown metric 'sucess_rate'",
        "s.yaml:6: expect[1]: unknown finding 'hangs'",
        "chain.yaml:3: providers.a.dialect: unknown dialect 'openia'",
    ]


@pytest.mark.parametrize(
    ("change", "place", "problem"),
    [
        ("expect: [success_rate in fault > 100%]", "expect[0]", "can never hold: success_rate is from 0% to 100%"),
        ("expect: [success_rate < 0%]", "expect[0]", "can never hold"),
        ("expect: [failed_requests < 0]", "expect[0]", "can never hold: failed_requests is never below 0"),
        ("expect: [p95 latency < 0s]", "expect[0]", "can never hold"),
        (
            "expect:\n  - success_rate in fault >= 50%\n  - no hang\n  - success_rate in fault < 50%",
            "expect[2]",
            "contradicts 'success_rate in fault >= 50%' in line 7: both can never hold",
        ),
        ("expect: [p95 latency > 2s, p95 latency < 2s]", "expect[1]", "contradicts"),
        ("expect: [max latency >= 3s, max latency <= 2s]", "expect[1]", "contradicts"),
    ],
)
def test_what_can_never_hold_is_refused(tmp_path: Path, change: str, place: str, problem: str) -> None:
    """An expectation that no chain can meet, and two that contradict each other."""
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO.format(chain=CHAIN, on="primary") + change + "\n")
    with pytest.raises(UsageError) as caught:
        load(path)
    assert problem in caught.value.problem
    assert (caught.value.where or "").endswith(place)


@pytest.mark.parametrize(
    "expectations",
    [
        "success_rate >= 100%, success_rate <= 100%",
        "success_rate in fault < 50%, success_rate in baseline > 50%",
        "p50 latency < 1s, p95 latency > 1s",
        "p95 latency > 1s, p95 latency < 1.001s",
        "failed_requests > 0, failed_requests <= 1",
        "cost >= 0, amplification > 99",
    ],
)
def test_what_can_hold_is_not_refused(tmp_path: Path, expectations: str) -> None:
    """One value is enough; other phases and other quantiles have values of their own."""
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO.format(chain=CHAIN, on="primary") + f"expect: [{expectations}]\n")
    assert load(path)


@given(st.lists(st.tuples(st.sampled_from([">=", ">", "<=", "<"]), st.integers(0, 4)), min_size=1, max_size=3))
def test_limits_hold_together_if_a_value_is_within_all(limits: list[tuple[str, int]]) -> None:
    """Held against all quarters from 0 to 5."""
    parsed = [grammar.parse(f"failed_requests {op} {target}", ["a"]) for op, target in limits]
    compare = {">=": float.__ge__, ">": float.__gt__, "<=": float.__le__, "<": float.__lt__}
    found = any(all(compare[op](quarter / 4, float(target)) for op, target in limits) for quarter in range(21))
    assert grammar.can_hold(*parsed) == found


def test_a_share_of_nothing_is_refused(tmp_path: Path) -> None:
    """The fault would never fire."""
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO.format(chain=CHAIN, on="primary").replace("during", "share: 0%, during"))
    with pytest.raises(UsageError, match="never fires"):
        load(path)


@given(st.text(max_size=60))
def test_no_expectation_crashes_the_checks(text: str) -> None:
    """Whatever is written, it is an expectation or an error."""
    try:
        parsed = grammar.parse(text, ["fault"])
    except PydanticCustomError:
        return
    if parsed.metric is not None:
        grammar.can_hold(parsed)
