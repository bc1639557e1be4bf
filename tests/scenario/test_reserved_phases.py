"""Names that a scenario's phases may not have."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.experiment.prepare import load
from tests.histories import SCENARIO


@pytest.mark.parametrize("name", ["warmup", "run"])
def test_a_phase_of_every_run_cannot_be_named_again(name: str, tmp_path: Path) -> None:
    """Requests of a phase `warmup` would be left out of every number, those of `run` mixed with all others."""
    text = SCENARIO.read_text().replace("baseline: 8s", f"{name}: 8s")
    file = tmp_path / "scenario.yaml"
    file.write_text(text)
    chain = SCENARIO.parent / "chains" / "gpt4-azure-claude.yaml"
    with pytest.raises(UsageError, match=f"'{name}' cannot name a phase") as caught:
        load(file, chain=chain)
    assert f"phases.{name}" in (caught.value.where or "")
