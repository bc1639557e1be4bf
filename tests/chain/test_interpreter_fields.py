"""`python` and `environment` of a chain file."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.chain import load
from harness.chain.redact import redact
from harness.errors import UsageError

_CHAIN = """\
name: mine
driver: {driver}
providers:
  openai: {{dialect: openai, model: gpt-4}}
order: [openai]
{more}
"""
_CONFIG = """\
model_list:
  - model_name: gpt-4
    litellm_params: {model: openai/gpt-4}
"""


def _file(folder: Path, more: str, *, driver: str = "litellm-router") -> Path:
    path = folder / "chain.yaml"
    path.write_text(_CHAIN.format(driver=driver, more=more), "utf-8")
    return path


def test_a_path_is_relative_to_the_chain_file(tmp_path: Path) -> None:
    """The runner's working directory does not matter, and a link is not followed: it may lead out of a venv."""
    (tmp_path / "chains").mkdir()
    (tmp_path / "python").symlink_to("/usr/bin/env")

    assert load(_file(tmp_path / "chains", "python: ../python")).python == str(tmp_path / "python")
    assert load(_file(tmp_path, f"python: {tmp_path}/python")).python == str(tmp_path / "python")
    assert load(_file(tmp_path, "")).python is None


def test_a_chain_file_around_a_configuration_has_both_keys(tmp_path: Path) -> None:
    """A LiteLLM configuration itself has no place for them."""
    (tmp_path / "litellm-config.yaml").write_text(_CONFIG, "utf-8")
    path = tmp_path / "hosted.yaml"
    path.write_text("name: mine\ndriver: litellm-router\nconfig: litellm-config.yaml\npython: venv/python\n", "utf-8")
    built = tmp_path / "built.yaml"
    built.write_text(path.read_text("utf-8").replace("python: venv/python", "environment: {litellm: 1.90.0}"), "utf-8")

    found = load(built).environment

    assert load(path).python == str(tmp_path / "venv" / "python")
    assert found is not None
    assert found.litellm == "1.90.0"


def test_what_is_written_down_does_not_say_where_the_chain_runs(tmp_path: Path) -> None:
    """A plan is the same on every machine."""
    chain = load(_file(tmp_path, "python: ../python"))

    assert redact(chain) == redact(load(_file(tmp_path, "")))


@pytest.mark.parametrize(
    ("more", "driver", "problem"),
    [
        ("python: a\nenvironment: {litellm: 1.90.0}", "litellm-router", "do not go together"),
        ("python: a", "reference", "goes with `driver:"),
        ("environment: {litellm: newest}", "litellm-router", "expected text like"),
        ("environment: {packages: ['--index-url=http://x']}", "litellm-router", "expected text like"),
        (
            "environment: {packages: ['boto3 @ https://user:password@host/boto3.whl']}",
            "openai-sdk",
            "expected text like",
        ),
        ("environment: {version: 1.90.0}", "litellm-router", "unknown key 'version'"),
    ],
)
def test_what_makes_no_sense_is_an_error_with_its_line(tmp_path: Path, more: str, driver: str, problem: str) -> None:
    """Options of pip and addresses with passwords are no names of packages."""
    with pytest.raises(UsageError, match=problem) as caught:
        load(_file(tmp_path, more, driver=driver))
    assert "chain.yaml:" in str(caught.value)


@pytest.mark.parametrize(
    "name", ["boto3", "openai==2.8.0", "httpx>=0.27,<1", "litellm[proxy]", "a-b.c_d ~= 1.0", "x!=2.*"]
)
def test_packages_are_named_as_pip_takes_them(tmp_path: Path, name: str) -> None:
    """With extras and versions."""
    found = load(_file(tmp_path, f"environment: {{packages: ['{name}']}}")).environment

    assert found is not None
    assert found.packages == (name,)
