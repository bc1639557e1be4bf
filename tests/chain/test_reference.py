"""The reference of chain files."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from harness.chain import Chain, Endpoint, HostedConfig, Provider, ReplySpec, Retry, load
from harness.chain.policy import BreakerSpec, BudgetSpec, FallbackSpec, FallbackWait, Policy
from harness.chain.spec import DERIVED, EnvironmentSpec
from harness.provider.spec import Price

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference" / "chain-file.md"
CONFIG = ROOT / "scenarios" / "chains" / "litellm-config.yaml"

SHAPES = [
    Chain,
    HostedConfig,
    Provider,
    ReplySpec,
    Price,
    Retry,
    FallbackSpec,
    FallbackWait,
    Endpoint,
    Policy,
    BreakerSpec,
    BudgetSpec,
    EnvironmentSpec,
]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_field_is_in_the_reference(shape: type) -> None:
    """A field that nobody explains is not one that people can use."""
    text = REFERENCE.read_text("utf-8")
    names = {field.name for field in fields(shape)} - (DERIVED if shape is Chain else set())

    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_the_references_examples_are_chains(tmp_path: Path) -> None:
    """What the page shows can be loaded."""
    examples = REFERENCE.read_text("utf-8").split("```yaml\n")[1:]

    for place, example in enumerate(examples):
        (tmp_path / "litellm-config.yaml").write_text(CONFIG.read_text("utf-8"), "utf-8")
        path = tmp_path / f"{place}.yaml"
        path.write_text(example.split("```")[0], "utf-8")
        assert load(path).order[0].startswith("openai")
    assert len(examples) == 8
