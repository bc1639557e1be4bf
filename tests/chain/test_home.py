"""Where a chain is to run, by the command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.chain.home import AT_HOME, ChainHome
from harness.chain.spec import EnvironmentSpec
from harness.errors import UsageError
from tests.plans import chain

CHAIN = chain("openai", driver="litellm-router", name="mine", python="/app/python")
BUILT = replace(CHAIN, python=None, environment=EnvironmentSpec(litellm="1.75.0", packages=("boto3",)))


def test_a_chain_is_left_where_its_file_says() -> None:
    """Unless the command line names another place."""
    assert AT_HOME.of(CHAIN) is CHAIN
    assert AT_HOME.words == []


def test_an_interpreter_takes_the_place_of_the_file_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is relative to the working directory, and an environment is not built then."""
    monkeypatch.chdir(tmp_path)
    home = ChainHome(python="venv/bin/../bin/python")

    assert home.of(BUILT) == replace(BUILT, python=str(tmp_path / "venv/bin/python"), environment=None)
    assert home.words == ["--python", "venv/bin/../bin/python"]


def test_a_version_of_litellm_takes_the_place_of_the_file_s() -> None:
    """Further packages stay."""
    home = ChainHome(litellm="1.90.0")

    assert home.of(BUILT).environment == EnvironmentSpec(litellm="1.90.0", packages=("boto3",))
    assert home.of(CHAIN) == replace(CHAIN, python=None, environment=EnvironmentSpec(litellm="1.90.0"))
    assert home.words == ["--litellm", "1.90.0"]


@pytest.mark.parametrize(
    ("home", "driver", "problem"),
    [
        (ChainHome(python="a", litellm="1.90.0"), "litellm-router", "do not go together"),
        (ChainHome(litellm="newest"), "litellm-router", "not a version: 'newest'"),
        (ChainHome(litellm="1.90.0"), "reference", "--litellm: does not go with `driver: reference` of mine"),
        (ChainHome(python="a"), "reference", "--python: does not go with `driver: reference` of mine"),
    ],
)
def test_what_makes_no_sense_is_an_error(home: ChainHome, driver: str, problem: str) -> None:
    """It names the option."""
    with pytest.raises(UsageError) as caught:
        home.of(replace(CHAIN, driver=driver))
    assert problem in str(caught.value)
