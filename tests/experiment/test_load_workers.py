"""What a run asks for of its load's processes."""

from __future__ import annotations

from typing import Any

import pytest

from harness.engines import Engine
from harness.errors import UsageError
from harness.experiment.load_workers import join, load_setup
from harness.live.workers import ALONE, LoadSetup

NOTHING: dict[str, Any] = {"workers": 0, "expected": 0, "master": None, "web_ui": False}
TOKEN = "0123456789abcdef"


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is long enough."""
    monkeypatch.setenv("HARNESS_TOKEN", TOKEN)


@pytest.mark.parametrize(
    ("asked", "setup"),
    [
        ({}, ALONE),
        ({"workers": 2}, LoadSetup(workers=2)),
        ({"web_ui": True}, LoadSetup(web_ui=True)),
        ({"expected": 2}, LoadSetup(expected=2, token=TOKEN)),
        ({"expected": 1, "master": "localhost:5557"}, LoadSetup(expected=1, port=5557, token=TOKEN)),
    ],
)
def test_what_is_asked_for(asked: dict[str, Any], setup: LoadSetup) -> None:
    """Nothing listens beyond the loopback unless an address says so, and only workers from elsewhere need the token."""
    assert load_setup(Engine.LIVE, **{**NOTHING, **asked}) == setup


@pytest.mark.parametrize(
    ("asked", "where", "problem"),
    [
        ({"workers": 2, "engine": Engine.SIM}, "--workers", "a simulation has no load processes"),
        ({"master": "127.0.0.1:5557"}, "--master", "no worker is to join there"),
        ({"expected": 1, "master": "5557"}, "--master", "'5557' is not an address"),
        ({"expected": 1, "master": "127.0.0.1:70000"}, "--master", "'127.0.0.1:70000' is not an address"),
        ({"expected": 1, "token": "short"}, "HARNESS_TOKEN", "has fewer than 16 characters: it lets workers in"),
        ({"expected": 1, "token": ""}, "HARNESS_TOKEN", "is not set: it lets workers in"),
    ],
)
def test_mistakes_are_named(asked: dict[str, Any], where: str, problem: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is started; the token itself is not shown."""
    asked = dict(asked)
    monkeypatch.setenv("HARNESS_TOKEN", asked.pop("token", TOKEN))
    with pytest.raises(UsageError) as caught:
        load_setup(asked.pop("engine", Engine.LIVE), **{**NOTHING, **asked})
    assert (caught.value.where, caught.value.problem) == (where, problem)
    assert caught.value.hint or caught.value.known


def test_a_worker_names_its_mistakes_too() -> None:
    """A master never listens on port 0."""
    with pytest.raises(UsageError, match="is not an address"):
        join("10.0.0.5:0", joined=lambda _name: None)
