"""How a request asks for an order of its own."""

from __future__ import annotations

import pytest

from harness.chain import Chain, load
from harness.chain.driver import driver_of
from harness.chain.own_order import in_litellm, in_reference
from harness.chain.spec import ChainError
from tests.plans import chain

CONFIG = """\
model_list:
  - {model_name: gpt, litellm_params: {model: openai/gpt-4, api_key: sk-1}, model_info: {id: east}}
  - {model_name: gpt, litellm_params: {model: openai/gpt-4, api_key: sk-2}, model_info: {id: west}}
  - {model_name: claude, litellm_params: {model: anthropic/claude-3-5-sonnet-20241022, api_key: sk-3}, model_info: {id: c}}
router_settings: {fallbacks: [{gpt: [claude]}], model_group_alias: {best: claude}}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Chain:
    """A configuration with two deployments in one group."""
    path = tmp_path_factory.mktemp("config") / "litellm-config.yaml"
    path.write_text(CONFIG)
    return load(path)


def test_a_chain_file_has_a_group_for_each_provider() -> None:
    """A role stands for its providers, and none is asked twice."""
    ours = chain("openai", "azure", "anthropic", driver="litellm-router")
    assert in_litellm(ours, ["azure", "primary", "azure"]) == {"model": "azure", "fallbacks": ["openai"]}
    assert in_litellm(ours, ["azure"]) == {"model": "azure", "fallbacks": []}
    assert in_litellm(ours, ["fallbacks"]) == {"model": "azure", "fallbacks": ["anthropic"]}


@pytest.mark.parametrize(
    ("names", "model", "fallbacks"),
    [
        (["claude", "gpt"], "claude", ["gpt"]),
        (["best"], "best", []),
        (["c", "east", "west"], "claude", ["gpt"]),
        (["gpt"], "gpt", []),
    ],
)
def test_a_configuration_is_asked_for_its_groups(
    config: Chain, names: list[str], model: str, fallbacks: list[str]
) -> None:
    """By their own names or aliases, or by all of their deployments."""
    assert in_litellm(config, names) == {"model": model, "fallbacks": fallbacks}


def test_one_of_several_deployments_cannot_be_asked_for(config: Chain) -> None:
    """LiteLLM would choose among all of its group."""
    with pytest.raises(ChainError, match="'east' is in the model group 'gpt', which has west too") as caught:
        in_litellm(config, ["east", "claude"])
    assert caught.value.hint == "write gpt"


def test_the_reference_chain_takes_a_field_of_its_own() -> None:
    """The first provider is the model."""
    ours = chain("openai", "azure", "anthropic")
    assert in_reference(ours, ["anthropic", "primary"]) == {
        "model": "anthropic",
        "chain": {"order": ["anthropic", "openai"]},
    }


@pytest.mark.parametrize(("driver", "known"), [("reference", True), ("litellm-router", True), ("openai-sdk", False)])
def test_a_driver_says_whether_it_knows_one(driver: str, known: bool) -> None:
    """OpenAI's SDK has no field for it."""
    assert (driver_of(chain(driver=driver)).own_order is not None) == known
