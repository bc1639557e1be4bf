"""Our scenarios by name, and what hides them."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.document import read
from harness.pytest_plugin.scenarios import file_of
from harness.scenario.load import read_chain, read_scenario
from harness.scenario.shipped import FOLDER, located, named

OURS = Path("smoke/refused.yaml")


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_ours_are_known_by_name_anywhere() -> None:
    """A file and a folder, and back to the name."""
    assert located(OURS) == FOLDER / OURS
    assert located(Path("smoke")) == FOLDER / "smoke"
    assert named(FOLDER / OURS) == str(OURS)


def test_a_shipped_chain_replaces_a_scenarios_own() -> None:
    """By its name, as a scenario is."""
    found = read_chain(read_scenario(read(FOLDER / OURS)), Path("chains/reference.yaml"))
    assert found.chain is not None
    assert found.chain.name == "reference"


def test_a_folder_of_the_users_hides_all_of_ours(tmp_path: Path) -> None:
    """Also the files that it lacks: a name that is gone must not run another file than the one that was meant."""
    (tmp_path / "smoke").mkdir()
    assert located(OURS) == OURS
    assert not located(OURS).exists()
    assert named(FOLDER / OURS) == str(FOLDER / OURS)


@pytest.mark.parametrize("path", ["../pyproject.toml", ".", "", "nothing.yaml", "/smoke/refused.yaml"])
def test_nothing_else_is_taken_for_ours(path: str) -> None:
    """Neither what lies beside our scenarios nor a path of the user's that is not there."""
    assert located(Path(path)) == Path(path)


def test_a_marked_test_means_the_same_file_wherever_pytest_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its paths are relative to the root directory: what lies in the current one is none of its business."""
    here = tmp_path / "tests"
    (here / "smoke").mkdir(parents=True)
    (here / OURS).touch()
    monkeypatch.chdir(here)
    assert file_of(str(OURS), tmp_path) == FOLDER / OURS
    assert file_of("chaos/mine.yaml", tmp_path) == tmp_path / "chaos" / "mine.yaml"
