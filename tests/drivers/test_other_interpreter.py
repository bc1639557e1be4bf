"""Chains hosted live in an interpreter of their own."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.chain import Retry
from harness.drivers.host import host
from harness.experiment.environment import environment
from tests.drivers.hosted import hosted, text_of
from tests.drivers.providers import WORDS, Mock
from tests.plans import chain

CHAIN = chain("openai", "azure", driver="openai-sdk", retry=Retry(attempts=1))


@pytest.mark.system
@pytest.mark.parametrize(
    "driver", ["litellm-router", "openai-sdk", pytest.param("litellm-proxy", marks=pytest.mark.slow)]
)
def test_a_chain_is_hosted_there_and_falls_back(same_python: str, tmp_path: Path, driver: str) -> None:
    """Plain and streamed; each attempt is recorded, and nothing of ours is installed there."""
    chain = replace(CHAIN, driver=driver, python=same_python)
    mocks = {"openai": Mock(act="503"), "azure": Mock()}
    with hosted(chain, tmp_path, mocks) as child:
        command = Path(f"/proc/{child.process.pid}/cmdline").read_bytes().split(b"\0")[0].decode()
        answers = [text_of(child.ask(f"req-{n:06d}", stream=n == 2), stream=n == 2) for n in (1, 2)]
        tried = child.tried("req-000001", 2)

    assert command == same_python
    assert answers == ["".join(WORDS)] * 2
    assert tried == [("openai", "status"), ("azure", "ok")]


def test_an_interpreter_of_its_own_is_never_forked_for(same_python: str) -> None:
    """What has done its imports has done them in our interpreter."""
    chain = replace(CHAIN, driver="litellm-router")
    here, there = host(chain), host(replace(chain, python=same_python))

    assert (here.forked, there.forked) == ("harness.drivers.litellm_router", None)
    assert there.part is not None
    assert there.part[0] == same_python
    assert there.variables == here.variables


def test_it_does_not_learn_where_our_own_packages_are(same_python: str) -> None:
    """`VIRTUAL_ENV` and `PYTHONHOME` would lead it there."""
    ours = {"VIRTUAL_ENV": "/ours", "PYTHONHOME": "/ours", "PYTHONPATH": "/app", "PATH": "/bin"}

    assert host(CHAIN).environ(ours) == ours
    assert host(replace(CHAIN, python=same_python)).environ(ours) == {"PYTHONPATH": "/app", "PATH": "/bin"}


def test_a_run_says_where_its_chain_ran_and_what_it_found_there(
    monkeypatch: pytest.MonkeyPatch, same_python: str, tmp_path: Path
) -> None:
    """The path begins at the working directory or at the home folder, as far as it is in one of them."""
    own = environment(command="", chain=CHAIN)["chain"]
    there = replace(CHAIN, python=same_python)
    monkeypatch.chdir(Path(same_python).parents[2])
    near = environment(command="", chain=there)["chain"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(Path(same_python).parents[1]))
    home = environment(command="", chain=there)["chain"]

    assert own["interpreter"] is None
    assert near["interpreter"] == os.path.join("venv", "bin", "python")  # noqa: PTH118 - as it is shown
    assert home["interpreter"] == "~/bin/python"
    assert near["python"] == own["python"] == ".".join(map(str, sys.version_info[:3]))
    assert near["versions"] == own["versions"]
    assert near["versions"].keys() == {"litellm", "openai", "httpx", "aiohttp"}
