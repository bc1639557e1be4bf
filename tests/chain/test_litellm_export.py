"""A chain file as LiteLLM's configuration, alone and within the configurations that people have."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.chain import Chain, Provider, Retry, load
from harness.chain.driver import driver_of
from harness.chain.litellm_export import export
from harness.document.editing import edited
from harness.document.reading import parse
from harness.document.writing import Style, block
from harness.errors import UsageError

CONFIGS = sorted((Path(__file__).parent / "configs").glob("*.yaml"))
HERE = Path("litellm-config.yaml")
OURS = Chain(
    name="ours",
    driver="litellm-router",
    providers={
        "gpt-4o": Provider(dialect="openai", model="gpt-4o"),
        "azure": Provider(dialect="azure", model="gpt-4o", upstream="https://us.openai.azure.com", api_key="env/OURS"),
        "groq": Provider(dialect="openai-compatible", vendor="groq", model="llama-3.3-70b"),
    },
    order=("gpt-4o", "azure", "groq"),
    retry=Retry(attempts=2),
    timeout=12 * 10**9,
)
NAMES = {"gpt-4o", "azure", "groq"}
NAMED = {
    ("router_settings", "fallbacks"),
    ("router_settings", "num_retries"),
    ("router_settings", "timeout"),
    ("litellm_settings", "fallbacks"),
    ("litellm_settings", "num_retries"),
    ("litellm_settings", "request_timeout"),
}


def within(text: str, chain: Chain = OURS) -> str:
    """Return a configuration with a chain in it."""
    raw = text.encode()
    return edited(raw, HERE, export(chain).within(parse(raw, HERE, older=True))).decode()


def without_ours(config: Any) -> dict[str, Any]:
    """Return a configuration, as PyYAML reads it, without what a chain names."""
    listed = [raw for raw in config.get("model_list") or [] if raw["model_name"] not in NAMES]
    kept: dict[str, Any] = {"model_list": listed} if listed else {}
    for name, section in config.items():
        if name in ("router_settings", "litellm_settings"):
            kept[name] = {key: value for key, value in (section or {}).items() if (name, key) not in NAMED}
        elif name != "model_list":
            kept[name] = section
    return {name: section for name, section in kept.items() if section != {}}


def comments(text: str) -> list[str]:
    """Return the comments of a file that has a comment on lines of its own and after values."""
    return re.findall(r"#.*", text)


def commented(text: str) -> str:
    """Return a configuration with a comment before and after each line, and blank lines; its data is the same."""
    lines = [f"# before {number}\n{line}  # after {number}" for number, line in enumerate(text.splitlines())]
    return "\n\n".join(lines) + "\n"


def tables(config: Any, name: str) -> list[Any]:
    """Return the entries of a section's fallbacks."""
    return list((config.get(name) or {}).get("fallbacks") or [])


@pytest.mark.parametrize("form", ["as it is", "with comments", "with CRLF"])
@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_real_configurations_differ_in_what_is_named_alone(path: Path, form: str) -> None:
    """As PyYAML reads it: each deployment of ours, the settings of ours, and nothing else. Every other line stays."""
    text = path.read_text()
    before = {"as it is": text, "with comments": commented(text), "with CRLF": text.replace("\n", "\r\n")}[form]
    doubled = [raw["model_name"] for raw in yaml.safe_load(text).get("model_list", [])].count("gpt-4o") > 1
    if doubled:
        with pytest.raises(UsageError, match="a second deployment is called 'gpt-4o'"):
            within(before)
        return
    after = within(before)

    old, new = yaml.safe_load(before), yaml.safe_load(after)
    assert yaml.safe_load(text) == old
    assert without_ours(new) == without_ours(old)
    ours = {raw["model_name"]: raw["litellm_params"] for raw in new["model_list"] if raw["model_name"] in NAMES}
    assert {name: params["model"] for name, params in ours.items()} == {
        "gpt-4o": "openai/gpt-4o",
        "azure": "azure/gpt-4o",
        "groq": "groq/llama-3.3-70b",
    }
    assert ours["azure"]["api_base"] == "https://us.openai.azure.com"
    assert ours["azure"]["api_key"] == "os.environ/OURS"
    table = {"gpt-4o": ["azure", "groq"]}
    for section in ("router_settings", "litellm_settings"):
        others = [entry for entry in tables(old, section) if "gpt-4o" not in entry]
        assert [entry for entry in tables(new, section) if entry != table] == others
    assert table in [*tables(new, "router_settings"), *tables(new, "litellm_settings")]
    assert comments(after) == comments(before)
    assert after.count("\r\n") == (after.count("\n") if form == "with CRLF" else 0)
    kept = set(after.splitlines())
    lost = [line for line in before.splitlines() if line not in kept]
    assert all(re.search(r"num_retries|request_timeout|timeout|fallbacks|model:|api_key|gpt-4o", line) for line in lost)
    assert within(after) == after


@pytest.mark.parametrize("name", ["gpt4-azure-claude", "litellm-config"])
def test_what_is_exported_is_the_same_chain(name: str, tmp_path: Path) -> None:
    """LiteLLM's configuration, loaded as such, has the order, the models, the retries and the timeout of the chain file."""
    chain = load(Path("scenarios/chains") / f"{name}.yaml")
    if chain.litellm is not None:
        with pytest.raises(UsageError, match="a configuration of LiteLLM's already"):
            export(chain)
        return
    path = tmp_path / "config.yaml"
    path.write_text("\n".join(block(export(chain).configuration(), Style())))
    found = load(path)
    assert (found.order, found.timeout) == (chain.order, chain.timeout)
    assert (found.retry or Retry()).attempts == (chain.retry or Retry()).attempts
    assert [found.providers[each].model for each in found.order] == [
        chain.providers[each].model for each in chain.order
    ]
    facts = driver_of(chain).facts(chain)
    assert driver_of(found).facts(found) == replace(facts, tries=driver_of(found).facts(found).tries)


RICH = """\
name: rich
driver: litellm-proxy
providers:
  gpt-4o: {dialect: openai, model: gpt-4o, headers: {x-team: red}}
  azure: {dialect: azure, model: gpt-4o, api_version: 2025-01-01-preview}
  off: {dialect: anthropic, model: claude, enabled: false}
  long: {dialect: gemini, model: gemini-2.5-pro}
order: [gpt-4o, azure, off]
chains: {azure: [long]}
fallback: {context_window: [long], content_policy: [azure]}
retry: {attempts: 3}
policy: {retries_after: {rate_limit: 1}, cooldown: 5s, allowed_fails: 2}
timeout: 8s
"""


def test_all_that_a_chain_file_says_to_litellm_is_exported(tmp_path: Path) -> None:
    """What is hosted is what is exported: lanes, chains by model, retries by class, cooldown, headers; nothing disabled."""
    path = tmp_path / "rich.yaml"
    path.write_text(RICH)
    found = export(load(path)).configuration()
    assert [raw["model_name"] for raw in found["model_list"]] == ["gpt-4o", "azure", "long"]
    first, second, _third = (raw["litellm_params"] for raw in found["model_list"])
    assert (first["extra_headers"], second["api_version"]) == ({"x-team": "red"}, "2025-01-01-preview")
    settings = found["router_settings"]
    assert settings["fallbacks"] == [{"gpt-4o": ["azure"]}, {"azure": ["long"]}]
    assert settings["context_window_fallbacks"] == [{"gpt-4o": ["long"]}]
    assert settings["content_policy_fallbacks"] == [{"gpt-4o": ["azure"]}]
    assert settings["retry_policy"]["RateLimitErrorRetries"] == 1
    assert (settings["num_retries"], settings["timeout"]) == (2, 8)
    assert (settings["cooldown_time"], settings["allowed_fails"]) == (5, 2)


def test_keys_and_addresses_are_references() -> None:
    """No dummy key and no address of a mock is exported; what a provider has by itself is left out."""
    chain = Chain(
        name="all",
        driver="litellm-proxy",
        providers={
            "openai": Provider(dialect="openai", model="m", upstream="https://api.openai.com/v1", api_key="env/MINE"),
            "azure": Provider(dialect="azure", model="m"),
            "gemini": Provider(dialect="gemini", model="m", upstream="https://gemini.example"),
            "bedrock": Provider(dialect="bedrock", model="m"),
            "vertex": Provider(dialect="vertex_ai", model="m"),
            "ollama": Provider(dialect="ollama", model="m"),
            "ours": Provider(dialect="openai-compatible", model="m"),
        },
        order=("openai", "azure", "gemini", "bedrock", "vertex", "ollama", "ours"),
    )
    listed = export(chain).configuration()["model_list"]
    assert {raw["model_name"]: raw["litellm_params"] for raw in listed} == {
        "openai": {"model": "openai/m", "api_base": "https://api.openai.com/v1", "api_key": "os.environ/MINE"},
        "azure": {
            "model": "azure/m",
            "api_base": "os.environ/AZURE_API_BASE",
            "api_key": "os.environ/AZURE_API_KEY",
        },
        "gemini": {
            "model": "gemini/m",
            "api_base": "https://gemini.example/v1beta",
            "api_key": "os.environ/GEMINI_API_KEY",
        },
        "bedrock": {"model": "bedrock/m"},
        "vertex": {"model": "vertex_ai/m"},
        "ollama": {"model": "ollama/m"},
        "ours": {
            "model": "hosted_vllm/m",
            "api_base": "os.environ/HOSTED_VLLM_API_BASE",
            "api_key": "os.environ/HOSTED_VLLM_API_KEY",
        },
    }


def test_a_deployment_of_the_same_name_keeps_what_the_chain_leaves_open() -> None:
    """Its own key and limits stay, unless it becomes another vendor's."""
    text = """\
model_list:
  - model_name: gpt-4o  # the best
    litellm_params:
      model: openai/gpt-4
      api_key: os.environ/TEAM_KEY
      rpm: 5
  - model_name: azure
    litellm_params: {model: openai/gpt-4, api_key: os.environ/TEAM_KEY}
"""
    first, second, _third = yaml.safe_load(within(text))["model_list"]
    assert first["litellm_params"] == {"model": "openai/gpt-4o", "api_key": "os.environ/TEAM_KEY", "rpm": 5}
    assert second["litellm_params"] == {
        "model": "azure/gpt-4o",
        "api_base": "https://us.openai.azure.com",
        "api_key": "os.environ/OURS",
    }
    assert "# the best" in within(text)


def test_a_setting_is_changed_wherever_it_is_written() -> None:
    """Two places that contradict each other would leave it open which one counts."""
    text = """\
model_list: []
router_settings: {timeout: 5, num_retries: 7, fallbacks: [{a: [b]}, {gpt-4o: [a]}]}
litellm_settings: {request_timeout: 6, num_retries: 8}
"""
    config = yaml.safe_load(within(text))
    assert config["router_settings"] == {
        "timeout": 12,
        "num_retries": 1,
        "fallbacks": [{"a": ["b"]}, {"gpt-4o": ["azure", "groq"]}],
    }
    assert config["litellm_settings"] == {"request_timeout": 12, "num_retries": 1}


def test_other_settings_that_steer_fallbacks_are_named() -> None:
    """They stay, and they change what the chain does."""
    config = {"router_settings": {"cooldown_time": 5, "redis_host": "h"}, "litellm_settings": {"allowed_fails": 1}}
    assert export(OURS).left(config) == ("router_settings.cooldown_time", "litellm_settings.allowed_fails")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("include: [more.yaml]\nmodel_list: []\n", r"litellm-config\.yaml:1: include: includes other files"),
        ("model_list: []\nrouter_settings: fast\n", r":2: router_settings: expected a mapping"),
        ("model_list: {a: b}\n", r":1: model_list: expected a list"),
        ("model_list: [{model_name: [a], litellm_params: {model: b}}]\n", r"model_list\[0\]: expected a mapping with"),
        ("model_list: [{model_name: a}]\n", r"model_list\[0\]: expected a mapping with model_name, litellm_params"),
        ("model_list: [{model_name: a, litellm_params: {}}]\n", r"model_list\[0\]: expected a mapping with model_name"),
        ("router_settings: {model_group_alias: {azure: b}}\n", r"model_group_alias\.azure: 'azure' is an alias here"),
        (
            "x: &x {model: openai/gpt-4}\nmodel_list: [{model_name: gpt-4o, litellm_params: *x}]\n",
            "an anchor or alias is in what must change",
        ),
        (
            "x: &x {num_retries: 4}\nrouter_settings:\n  <<: *x\n  timeout: 3\n",
            "a merge key is in what must change",
        ),
    ],
)
def test_what_cannot_be_merged_is_refused(text: str, reason: str) -> None:
    """With the place and the reason."""
    with pytest.raises(UsageError, match=reason):
        within(text)


def test_anchors_elsewhere_are_no_matter() -> None:
    """A file of which another part has them can be changed."""
    text = "x: &x {rpm: 5}\nmodel_list:\n- model_name: a\n  litellm_params: {<<: *x, model: openai/a}\n"
    assert within(text).startswith(text)
