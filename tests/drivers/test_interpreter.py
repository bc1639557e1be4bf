"""The chain's own interpreter: what is found of it, and what is wrong with one that cannot be used."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.chain import Chain
from harness.drivers.interpreter import interpreter_of
from harness.errors import UsageError
from tests.interpreters import script
from tests.plans import chain

_NEVER = (
    "pydantic",
    "numpy",
    "pandas",
    "pyarrow",
    "ruamel",
    "hypothesis",
    "litellm",
    "openai",
    "locust",
    "rich",
    "typer",
)


def _chain(python: str | None, *, driver: str = "litellm-router") -> Chain:
    return chain("openai", driver=driver, name="mine", python=python)


def test_our_own_interpreter_is_no_other_one() -> None:
    """By whatever name it is called."""
    beside = Path(sys.executable).with_name("python3")

    assert interpreter_of(_chain(None)) is None
    assert interpreter_of(_chain(sys.executable)) is None
    assert not beside.exists() or interpreter_of(_chain(str(beside))) is None


def test_an_interpreter_says_what_it_has(same_python: str) -> None:
    """The versions that a run's report names."""
    found = interpreter_of(_chain(same_python))

    assert found is not None
    assert found.version == ".".join(map(str, sys.version_info[:3]))
    assert found.versions.keys() >= {"litellm", "openai", "httpx", "aiohttp"}


def test_a_program_of_ours_starts_where_nothing_is_installed(bare_python: str) -> None:
    """It finds our package and what is carried, and no other package of ours."""
    found = interpreter_of(_chain(bare_python, driver="reference"))
    assert found is not None
    names = {each.name for each in found.carried.iterdir()}

    ran = subprocess.run(found.command("harness.draw"), capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stderr
    assert names >= {"msgspec", "time_machine", "aiohttp"}
    assert not names & {*_NEVER}


def test_an_environment_without_the_chain_s_library_is_the_user_s_to_mend(bare_python: str) -> None:
    """With the command that mends it."""
    for driver, library, package in (
        ("litellm-router", "LiteLLM", "litellm"),
        ("openai-sdk", "OpenAI's SDK", "openai"),
    ):
        with pytest.raises(UsageError, match=f"{library} is not installed there") as caught:
            interpreter_of(_chain(bare_python, driver=driver))
        assert caught.value.where == bare_python
        assert caught.value.hint == f"{bare_python} -m pip install '{package}'"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("echo sorry >&2; exit 3", "no interpreter that works .exit code 3."),
        ("kill -9 $$", "no interpreter that works .exit code -9."),
        ("echo '{}'", "no interpreter that works .exit code 0."),
        (f"echo 'harness-probe:{json.dumps({'version': [3, 10, 4]})}'", "is Python 3.10.4; the oldest .* 3.11"),
    ],
)
def test_what_is_no_interpreter_is_reported(tmp_path: Path, text: str, problem: str) -> None:
    """By its path, and before anything else starts."""
    path = script(tmp_path / "python", text)
    with pytest.raises(UsageError, match=problem) as caught:
        interpreter_of(_chain(path))
    assert caught.value.where == path
    assert ("sorry" in str(caught.value)) == ("sorry" in text)


def test_a_path_that_leads_nowhere_has_a_hint(tmp_path: Path, bare_python: str) -> None:
    """A folder may be that of an environment."""
    text = tmp_path / "text"
    text.write_text("no program", "utf-8")
    for path, problem in ((tmp_path / "none", "there is no such interpreter"), (text, "cannot be started")):
        with pytest.raises(UsageError, match=problem):
            interpreter_of(_chain(str(path)))
    folder = Path(bare_python).parents[1]
    with pytest.raises(UsageError, match="is a folder") as caught:
        interpreter_of(_chain(str(folder)))
    assert caught.value.hint == f"did you mean {bare_python}?"


def test_an_interpreter_that_prints_at_its_start_can_be_used(tmp_path: Path, same_python: str) -> None:
    """A site's own start-up may do so."""
    path = script(tmp_path / "python", f'echo welcome\nexec {same_python} "$@"')
    plain = interpreter_of(_chain(same_python))
    found = interpreter_of(_chain(path))

    assert plain is not None
    assert found == replace(plain, path=path)
