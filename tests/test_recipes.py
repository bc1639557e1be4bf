"""The recipes of docs/contributing work as they are written: their files in a copy of the project, their tests in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

ROOT = Path(__file__).parents[1]
RECIPES = ROOT / "docs" / "contributing"
_FILE = re.compile(r"[Cc]reate [^`]*`([\w/.-]+)`.*?\n+( *)```(?:python|toml|yaml)\n(.*?)\n\2```", flags=re.DOTALL)
KINDS = ("fault", "dialect", "finding", "metric", "driver", "picture")
DATA = ("incident",)
"""Recipes for a file of facts, which tests that are there already check."""


def files(kind: str) -> dict[str, str]:
    """Return what a recipe has its reader write, by the file's path."""
    text = (RECIPES / f"{kind}.md").read_text(encoding="utf-8")
    return {path: dedent(code) + "\n" for path, _indent, code in _FILE.findall(text)}


def asked(kind: str) -> list[str]:
    """Return the tests that a recipe has its reader run."""
    text = (RECIPES / f"{kind}.md").read_text(encoding="utf-8")
    return re.findall(r"python -m pytest (\S+)", text)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which all recipes have been followed."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in ("harness", "tests", "scenarios", "notebooks", "incidents"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for kind in (*KINDS, *DATA):
        for path, text in files(kind).items():
            assert not (copy / path).exists(), f"{kind}: {path} is there already"
            (copy / path).write_text(text, encoding="utf-8")
    return copy


@pytest.mark.parametrize("kind", KINDS)
def test_a_recipe_takes_one_file_and_its_test(kind: str) -> None:
    """A driver takes one more: what it hosts is a program of its own."""
    written = files(kind)
    assert [path for path in written if path.startswith("tests/")] == asked(kind)
    assert len(written) == (3 if kind == "driver" else 2), list(written)


@pytest.mark.parametrize("kind", DATA)
def test_a_recipe_for_facts_takes_one_file(kind: str) -> None:
    """And no test of its own: that of all such files reads it."""
    assert len(files(kind)) == len(asked(kind)) == 1
    assert (ROOT / asked(kind)[0]).is_file()


def test_the_recipes_work(checkout: Path) -> None:
    """Each test passes, all in one checkout, and with warnings as errors."""
    tests = [test for kind in (*KINDS, *DATA) for test in asked(kind)]
    done = _run(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_the_recipes_keep_the_house_rules(checkout: Path) -> None:
    """What a reader copies passes the linter, and the formatter."""
    paths = [path for kind in KINDS for path in files(kind)]
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *paths], cwd=checkout, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False
    )
