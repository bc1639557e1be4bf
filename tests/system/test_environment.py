"""No child of a run is given a secret that it has no need of."""

from __future__ import annotations

import contextlib

import psutil
import pytest

from tests.system.chains import CHAIN, LONG, behind
from tests.system.conftest import PARTS, Start, poll

pytestmark = pytest.mark.system

CANARY = {"CANARY_API_KEY": "sk-canary-0123456789", "OPENAI_API_KEY": "sk-canary-9876543210"}


def environ(process: psutil.Process) -> dict[str, str]:
    """Return a process's environment as the system has it, once it has begun."""
    return poll(process.environ, within_s=30, what="an environment")


def is_gateway(process: psutil.Process) -> bool:
    """Return whether a process is the user's gateway; one that has ended is not."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return "gateway.py" in " ".join(process.cmdline()[:2])
    return False


def test_children_of_ours_have_none_of_the_users_keys(start: Start) -> None:
    """Toxiproxy, load, edge and the chain's host, which is sent the keys that its chain names."""
    run = start(LONG, CHAIN, env=CANARY)
    found = {name: environ(run.part(name)) for name in PARTS}
    assert all("PATH" in variables for variables in found.values())
    assert [name for name, variables in found.items() if variables.keys() & CANARY.keys()] == []


def test_a_gateway_of_the_user_has_the_users_environment(start: Start) -> None:
    """It is their program, and needs their keys."""
    run = start(LONG, behind(""), env=CANARY)

    def gateway() -> psutil.Process | None:
        run.children()
        return next((child for child in run.seen.values() if is_gateway(child)), None)

    found = environ(poll(gateway, what="the gateway started"))
    assert found.items() >= CANARY.items()
