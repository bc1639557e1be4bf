"""Plans of this version and of older ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.chain.driver import driver_of
from harness.errors import UsageError
from harness.store import RunFolder

SAMPLE = Path(__file__).parents[2] / "reports" / "samples" / "primary-429" / "plan.json"


def test_a_plan_without_facts_gets_those_of_its_driver(tmp_path: Path) -> None:
    """It was written before plans kept them."""
    written = json.loads(SAMPLE.read_bytes())
    written.pop("facts", None)
    (tmp_path / "plan.json").write_text(json.dumps(written))

    plan = RunFolder(tmp_path).plan()

    assert plan.facts == driver_of(plan.chain).facts(plan.chain)


def test_a_plans_own_facts_are_kept(tmp_path: Path) -> None:
    """They are those of the run, whatever the driver declares today."""
    written = json.loads(SAMPLE.read_bytes())
    written["facts"] = {
        "sees_attempts": False,
        "double_sends": False,
        "tries": {},
        "cooldown_ns": {},
        "limited": [],
        "never_called": ["openai"],
    }
    (tmp_path / "plan.json").write_text(json.dumps(written))

    assert RunFolder(tmp_path).plan().facts.never_called == ("openai",)


@pytest.mark.parametrize("raw", ["{}", '{"facts": {}}', '{"chain": 7}', '{"chain": {"driver": "reference"}}'])
def test_what_is_no_plan_is_refused(tmp_path: Path, raw: str) -> None:
    """And its file is named."""
    (tmp_path / "plan.json").write_text(raw)
    with pytest.raises(UsageError, match="damaged"):
        RunFolder(tmp_path).plan()
