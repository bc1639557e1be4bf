"""Names that the folder of reports needs itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.experiment.prepare import load
from harness.scenario import COMPARISONS, EXPLORED, LATEST, SUITES

SCENARIO = """\
name: {name}
chain: {chain}
load: {{rate: 1/s}}
phases: {{only: 5s}}
faults: []
"""
CHAIN = Path(__file__).parents[2] / "scenarios" / "chains" / "gpt4-azure-claude.yaml"


@pytest.mark.parametrize("name", [LATEST, SUITES, EXPLORED, COMPARISONS, "samples"])
def test_a_scenario_cannot_have_the_name_of_something_else(tmp_path: Path, name: str) -> None:
    """Its runs would be in that folder: the link to the latest run could never be made again."""
    path = tmp_path / "s.yaml"
    path.write_text(SCENARIO.format(name=name, chain=CHAIN))

    with pytest.raises(UsageError, match=f"'{name}' cannot name a scenario") as caught:
        load(path)
    assert caught.value.where == f"{path}:1: name"
