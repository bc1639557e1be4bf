"""The JSON Schemas that editors use."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from harness.scenario.json_schema import reference, schemas

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sorted(schemas()))
def test_the_committed_schema_is_the_generated_one(name: str) -> None:
    """`make schema` writes them; a changed field without it is caught here."""
    assert json.loads((ROOT / "docs" / "reference" / name).read_text()) == schemas()[name]


def test_the_committed_reference_is_the_generated_one() -> None:
    """Every field that the loader accepts is documented, and nothing else is."""
    assert (ROOT / "docs" / "reference" / "scenario.md").read_text() == reference()


@pytest.mark.parametrize("path", sorted((ROOT / "scenarios").glob("*.yaml")), ids=lambda path: path.stem)
def test_our_scenarios_fit_the_schema(path: Path) -> None:
    """What the loader takes, the editor does not underline."""
    jsonschema.validate(YAML(typ="safe", pure=True).load(path.read_text()), schemas()["scenario.schema.json"])


def test_the_schema_underlines_a_mistake() -> None:
    """An unknown key and a bare number are wrong in the editor too."""
    good = YAML(typ="safe", pure=True).load((ROOT / "scenarios" / "primary-429.yaml").read_text())
    for wrong in ({**good, "sed": 1}, {**good, "phases": {"fault": 40}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schemas()["scenario.schema.json"])
