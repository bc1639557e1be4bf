"""What the file of a chain may set, and the file with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.chain.setting import Setting, at
from harness.document.reading import parse
from harness.errors import UsageError
from harness.experiment.tuning.candidates import Tunable, tunable

CHAINS = Path(__file__).parents[2] / "scenarios" / "chains"
SHIPPED = (
    "litellm-config.yaml",
    "gpt4-azure-claude.yaml",
    "reference.yaml",
    "openai-sdk.yaml",
    "litellm-proxy.yaml",
    "model-tiers.yaml",
)
KNOWN: dict[str, Tunable] = {}

CONFIG = """\
# ours
model_list:
  - model_name: gpt-4   # the usual one
    litellm_params: {model: openai/gpt-4, api_key: sk-none, timeout: 600}
  - model_name: backup
    litellm_params: {model: azure/gpt-4, api_base: "https://x.openai.azure.com", api_version: "2024-10-21", api_key: sk-none}
  - model_name: vectors
    litellm_params: {model: openai/text-embedding-3-small, api_key: sk-none}
"""


def shipped(name: str) -> Tunable:
    """Return a chain that comes with the package."""
    if name not in KNOWN:
        KNOWN[name] = tunable(CHAINS / name)
    return KNOWN[name]


def ours(tmp_path: Path, more: str = "") -> Tunable:
    """Return a configuration with further sections."""
    path = tmp_path / "ours.yaml"
    path.write_text(CONFIG + more, encoding="utf-8")
    return tunable(path)


def setting(of: Tunable, label: str) -> Setting:
    """Return one of a chain's settings."""
    return next(each for each in of.settings if each.label == label)


@given(data=st.data(), name=st.sampled_from(SHIPPED))
def test_a_changed_file_says_what_was_chosen_and_nothing_else(data: st.DataObject, name: str) -> None:
    """Whatever is chosen: the data differ there alone, and every line that is not concerned stays."""
    of = shipped(name)
    chosen: dict[str, Any] = {
        each.label: data.draw(st.sampled_from(each.choices))
        for each in data.draw(
            st.lists(st.sampled_from(of.settings), min_size=1, max_size=4, unique_by=lambda s: s.label)
        )
    }
    changed = of.changed(chosen)
    before, after = (parse(raw, of.path, older=True).data for raw in (of.raw, changed.raw))
    for each in of.settings:
        assert at(after, each.place) == chosen.get(each.label, at(before, each.place))
    assert changed.chain.names
    assert sorted(changed.chain.providers) == sorted(of.chain.providers)
    comments = [line for line in of.raw.decode().splitlines() if line.startswith("#")]
    assert [line for line in changed.raw.decode().splitlines() if line.startswith("#")] == comments


@pytest.mark.parametrize("name", SHIPPED)
def test_each_choice_makes_another_chain(name: str) -> None:
    """What is offered is taken over by the host."""
    of = shipped(name)
    for each in of.settings:
        for choice in each.choices:
            assert choice != each.value
            assert of.changed({each.label: choice}).raw != of.raw


def test_a_setting_is_changed_where_it_is_in_force(tmp_path: Path) -> None:
    """What `litellm_settings` says is changed there, by the name that it has there; a deployment's own timeout stays its own."""
    of = ours(
        tmp_path, "litellm_settings: {request_timeout: 40, num_retries: 1}\nrouter_settings: {allowed_fails: 3}\n"
    )
    places = {each.label: each.place for each in of.settings}
    assert places["request_timeout"] == ("litellm_settings", "request_timeout")
    assert places["num_retries"] == ("litellm_settings", "num_retries")
    assert places["allowed_fails"] == ("router_settings", "allowed_fails")
    assert places["gpt-4: timeout"] == ("model_list", 0, "litellm_params", "timeout")


NO_COOLDOWNS = "router_settings: {disable_cooldowns: true}\n"
BOTH = "litellm_settings: {request_timeout: 40, num_retries: 1}\nrouter_settings: {timeout: 50, num_retries: 4}\n"
OF_GROUP = "router_settings: {model_group_retry_policy: {gpt-4: {RateLimitErrorRetries: 5}}}\n"
"""Stands in place of the policy of all groups, also for errors of which it says nothing."""


@pytest.mark.parametrize(
    ("more", "there", "not_there"),
    [
        (NO_COOLDOWNS, {"disable_cooldowns"}, {"allowed_fails", "cooldown_time"}),
        ("", {"allowed_fails", "cooldown_time"}, {"disable_cooldowns"}),
        (BOTH, {"timeout", "request_timeout", "num_retries"}, set()),
        (
            OF_GROUP,
            {
                "model_group_retry_policy.gpt-4.RateLimitErrorRetries",
                "model_group_retry_policy.gpt-4.TimeoutErrorRetries",
            },
            {"retry_policy.RateLimitErrorRetries"},
        ),
    ],
    ids=["no cooldowns", "nothing", "two sections", "policy of a group"],
)
def test_what_would_change_nothing_is_not_offered(
    tmp_path: Path, more: str, there: set[str], not_there: set[str]
) -> None:
    """Because another setting counts in its place."""
    labels = {each.label for each in ours(tmp_path, more).settings}
    assert there <= labels
    assert not labels & not_there


def test_what_every_deployment_states_itself_is_offered_there_alone(tmp_path: Path) -> None:
    """Under the name that it has there."""
    path = tmp_path / "ours.yaml"
    text = CONFIG.replace("timeout: 600}", "timeout: 600, cooldown_time: 7}").replace(
        "api_key: sk-none}\n  - model_name: vectors", "api_key: sk-none, request_timeout: 500}\n  - model_name: vectors"
    )
    path.write_text(text + "router_settings: {fallbacks: [{gpt-4: [backup]}]}\n", encoding="utf-8")
    labels = {each.label for each in tunable(path).settings}
    assert {"gpt-4: timeout", "backup: request_timeout", "gpt-4: cooldown_time", "cooldown_time"} <= labels
    assert "timeout" not in labels


def test_a_group_that_nobody_falls_back_to_may_be_added(tmp_path: Path) -> None:
    """One that answers what callers ask for; the sections above it are written where they are not there."""
    of = ours(tmp_path)
    assert setting(of, "fallbacks of gpt-4").choices == ([{"gpt-4": ["backup"]}],)
    changed = of.changed({"fallbacks of gpt-4": [{"gpt-4": ["backup"]}]})
    assert changed.chain.order == ("gpt-4", "backup")
    assert changed.raw.decode().startswith(CONFIG)


def test_a_group_is_added_beside_the_fallbacks_of_others(tmp_path: Path) -> None:
    """The table gets an item more."""
    of = ours(tmp_path, "router_settings:\n  fallbacks:\n    - backup: [gpt-4]\n")
    changed = of.changed({"fallbacks of gpt-4": ["backup"]})
    assert changed.chain.order == ("gpt-4", "backup")
    assert "- backup: [gpt-4]" in changed.raw.decode()


def test_nothing_is_offered_below_what_is_no_section(tmp_path: Path) -> None:
    """A retry policy that is text has no fields."""
    labels = [each.label for each in ours(tmp_path, "router_settings: {retry_policy: none}\n").settings]
    assert "num_retries" in labels
    assert not any("retry_policy" in label for label in labels)


def test_what_an_included_file_says_is_not_offered(tmp_path: Path) -> None:
    """It would have the last word."""
    (tmp_path / "more.yaml").write_text("router_settings: {num_retries: 4}\n", "utf-8")
    labels = [each.label for each in ours(tmp_path, "include: [more.yaml]\n").settings]
    assert "num_retries" not in labels
    assert "allowed_fails" in labels


def test_a_policy_without_a_breaker_gets_none() -> None:
    """`breaker: null` is a decision; its fields are not offered."""
    of = shipped("reference.yaml")
    path = of.path
    written = parse(of.raw, path).data
    written["policy"]["breaker"] = None
    from harness.chain.driver import driver_of  # noqa: PLC0415 - only this test asks a driver itself

    labels = [each.label for each in driver_of(of.chain).settings(of.chain, written)]
    assert "policy.breaker.failures" not in labels
    assert "policy.base" in labels


def test_a_chain_of_own_code_has_nothing_to_set(tmp_path: Path) -> None:
    """Its code decides."""
    path = tmp_path / "chain.yaml"
    path.write_text(
        "name: ours\ndriver: endpoint\nendpoint: {base_url: 'http://127.0.0.1:1/v1', model: m}\n"
        "providers: {a: {dialect: openai, model: m, listen: '127.0.0.1:18081'}}\norder: [a]\n",
        "utf-8",
    )
    with pytest.raises(UsageError, match="your own code or gateway decides"):
        tunable(path)
