"""Environments that are built for chains: each once, for all runs; the oldest are removed; a failure has its reason."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from harness.chain import Chain, Provider
from harness.chain.spec import EnvironmentSpec
from harness.drivers import built
from harness.drivers.uv import unreachable, uv
from harness.errors import HarnessError, UsageError
from tests.plans import chain

_SMALL = "idna>=3,<4"


def _chain(*packages: str, litellm: str | None = None, driver: str = "openai-sdk") -> Chain:
    return chain("openai", driver=driver, name="mine", environment=EnvironmentSpec(litellm=litellm, packages=packages))


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give a cache of our own that is empty; uv keeps its."""
    if "UV_CACHE_DIR" not in os.environ:
        own = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        monkeypatch.setenv("UV_CACHE_DIR", str(Path(own) / "uv"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "llm-fallback-harness" / "environments"


def test_two_who_ask_at_once_get_one_environment(cache: Path) -> None:
    """Later ones find it, without a word; another one is another folder."""
    said: list[str] = []
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: built.settled(_chain(_SMALL), said.append), range(2))
    again = built.settled(_chain(_SMALL), pytest.fail)

    assert first == second == again
    assert first.python is not None
    assert Path(first.python).is_relative_to(cache)
    assert subprocess.run([first.python, "-c", "import idna"], check=False).returncode == 0
    assert [text for text in said if text.startswith("building")] == [
        f"building an environment with {_SMALL}, once; it may take a minute"
    ]
    assert [(each.holds, each.size > 1000) for each in built.kept()] == [((_SMALL,), True)]
    assert not list(cache.glob("get-*"))


def test_a_chain_without_one_is_left_alone(cache: Path) -> None:
    """And nothing is made."""
    elsewhere = chain("openai", python="/a")

    assert built.settled(elsewhere, pytest.fail) is elsewhere
    assert not cache.exists()


def test_what_is_asked_for_is_litellm_as_the_driver_needs_it() -> None:
    """The order of further packages does not matter."""
    assert built.wanted(_chain("b", "a", litellm="1.90.0")) == ("litellm==1.90.0", "a", "b")
    assert built.wanted(_chain(litellm="1.90.0", driver="litellm-router")) == ("litellm==1.90.0",)
    assert built.wanted(_chain(litellm="1.90.0", driver="litellm-proxy")) == ("litellm[proxy]==1.90.0",)


@pytest.mark.parametrize(("packages", "held"), [((), ("boto3",)), (("boto3==1.40.0", "a"), ("a", "boto3==1.40.0"))])
def test_what_litellm_needs_for_a_provider_is_there(packages: tuple[str, ...], held: tuple[str, ...]) -> None:
    """LiteLLM calls Bedrock through a package that not every version requires; one that is stated stays."""
    aws = _chain(*packages, litellm="1.90.0", driver="litellm-router")
    aws = replace(aws, providers={"aws": Provider(dialect="bedrock", model="m")}, order=("aws",))
    assert built.wanted(aws) == ("litellm==1.90.0", *held)


def test_packages_that_do_not_exist_are_the_user_s_mistake(cache: Path) -> None:
    """Nothing is left of the attempt."""
    with pytest.raises(UsageError, match=r"an environment with .* cannot be installed") as caught:
        built.settled(_chain("idna==0.0.0.1"), lambda _text: None)
    assert "idna==0.0.0.1" in str(caught.value.known)
    assert built.kept() == []
    assert not list(cache.glob("get-*"))


@pytest.mark.parametrize("broken", ["offline", "unreachable"])
def test_without_a_network_the_error_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, broken: str
) -> None:
    """The error does not claim that there is no such package."""
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "empty"))
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    name, value = {"offline": ("UV_OFFLINE", "1"), "unreachable": ("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")}[
        broken
    ]
    monkeypatch.setenv(name, value)
    assert re.search("network was disabled|Connection refused", str(unreachable()))
    with pytest.raises(HarnessError, match="what is needed could not be installed") as caught:
        uv(["pip", "install", "--target", str(tmp_path / "target"), _SMALL], what="what is needed", say=print)
    assert not isinstance(caught.value, UsageError)
    assert "idna" in str(caught.value.known)
    assert "connect this machine" in str(caught.value.hint)


def test_the_oldest_are_removed_once_all_are_too_large(cache: Path) -> None:
    """Not one that a run may still use."""
    now = time.time()
    for name, size, age_s in (("new", 6, 10.0), ("recent", 6, 100.0), ("old", 6, 10**5), ("oldest", 3, 10**6)):
        folder = cache / f"python-{name}"
        folder.mkdir(parents=True)
        (folder / "harness.json").write_text(json.dumps({"holds": [name], "python": "3.11.7", "size": size}), "utf-8")
        (folder / "used").touch()
        os.utime(folder / "used", (now - age_s, now - age_s))

    built.remove_oldest(15)
    assert [each.holds for each in built.kept()] == [("new",), ("recent",), ("oldest",)]
    built.remove_oldest(1)
    assert [each.holds for each in built.kept()] == [("new",), ("recent",)]
    assert sorted(each.name for each in cache.iterdir()) == ["python-new", "python-recent"]
