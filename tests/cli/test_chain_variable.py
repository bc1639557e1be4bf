"""`HARNESS_CHAIN` names the chain where no `--chain` does, as in a container that has one gateway beside it."""

from __future__ import annotations

import pytest

from tests.cli.command import harness


@pytest.mark.parametrize("command", ["run", "suite"])
def test_the_variable_names_the_chain(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It overrides the scenario's own."""
    monkeypatch.setenv("HARNESS_CHAIN", "no-such-chain.yaml")
    done = harness(command, "smoke/refused.yaml", "--engine", "sim")
    assert done.code == 2
    assert "no-such-chain.yaml" in done.err


@pytest.mark.parametrize("command", ["run", "suite"])
def test_the_option_takes_precedence(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written in the command counts."""
    monkeypatch.setenv("HARNESS_CHAIN", "no-such-chain.yaml")
    done = harness(command, "smoke/refused.yaml", "--engine", "sim", "--chain", "neither-is-this.yaml")
    assert done.code == 2
    assert "neither-is-this.yaml" in done.err
    assert "no-such-chain.yaml" not in done.err
