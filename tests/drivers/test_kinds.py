"""What every driver declares."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import MISSING, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import get_args

import pytest

from harness.chain import Chain, Endpoint
from harness.chain.driver import DRIVERS, Driver, Requirement, later
from harness.chain.policy import FallbackSpec, Policy, Retry
from harness.chain.spec import DERIVED
from harness.drivers.host import host
from harness.drivers.in_process import prepare, quick
from harness.errors import UsageError
from harness.provider.kinds import Kind
from harness.provider.spec import Provider
from tests.plans import chain

OWN = pytest.mark.parametrize("driver", DRIVERS.own.values(), ids=DRIVERS.own)


def on(driver: str) -> Chain:
    """Return a chain on a driver."""
    gateway = Endpoint(base_url="http://127.0.0.1:1/v1", model="m", command=("gateway",))
    return chain("a", driver=driver, endpoint=gateway if driver == "endpoint" else None)


def test_every_fact_must_be_declared() -> None:
    """A driver without one fails when its file is imported, not when somebody asks for it."""
    assert all(field.default is MISSING and field.default_factory is MISSING for field in fields(Driver))


@OWN
def test_the_page_names_the_kinds_that_it_carries(driver: Driver) -> None:
    """In the order in which they are declared."""
    page = Path(__file__).parents[2] / "docs" / "reference" / "chain-file.md"
    (kinds,) = re.findall(
        rf"^\| [^|]*`{driver.name}`[^|]* \| (.+) \|$", _section(page, "Kinds of request"), re.MULTILINE
    )
    assert tuple(re.findall(r"`(\w+)`", kinds)) == tuple(kind for kind in get_args(Kind) if kind in driver.kinds)


def _section(page: Path, title: str) -> str:
    return page.read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]


@OWN
def test_its_program_is_there(driver: Driver) -> None:
    """It can be run, and forked where that is declared."""
    how = host(on(driver.name))
    if how.part is None:
        assert (driver.part, how.forked) == (None, None)
        return
    assert how.part[:2] == (sys.executable, "-m")
    module = how.part[2]
    assert find_spec(module) is not None
    assert how.forked == (module if driver.forked else None)
    assert not driver.forked or len(how.part) == 3


@OWN
def test_what_hosts_it_in_virtual_time_is_there(driver: Driver) -> None:
    """Who cannot be hosted in a process of ours is refused, with the names of those that can."""
    if driver.in_process is not None:
        prepare(on(driver.name))
        with quick(on(driver.name)):
            pass
        return
    with pytest.raises(UsageError, match="only a live run can host it") as caught:
        prepare(on(driver.name))
    hosted = [name for name, known in DRIVERS.own.items() if known.in_process is not None]
    assert caught.value.known == ", ".join(hosted)


def test_declarations_cost_no_imports() -> None:
    """Every command that reads a chain file imports them."""
    slow = ("aiohttp", "httpx", "litellm", "openai", "uvloop", "numpy", "pandas")
    code = (
        "import sys; from harness.chain.driver import DRIVERS; from harness.provider.dialects import DIALECTS;"
        f"len(DRIVERS.own), len(DIALECTS.own); print(*(set({slow!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""


@OWN
def test_its_keys_are_keys_of_a_chain_file(driver: Driver) -> None:
    """With a default that means that they are not written."""
    optional = {field.name for field in fields(Chain) if not field.default is field.default_factory is MISSING}
    sections = {"fallback": FallbackSpec, "policy": Policy, "providers": Provider, "retry": Retry}
    nested = {f"{name}.{field.name}" for name, shape in sections.items() for field in fields(shape)}
    assert driver.keys <= (optional | nested) - DERIVED


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"required": frozenset({"policy"}), "keys": frozenset()}, "requires keys that do not go with it"),
        ({"part": None, "in_process": None}, "needs a part of ours, or an `endpoint`"),
        ({"keys": frozenset({"endpoint"}), "required": frozenset({"endpoint"})}, "needs a part of ours"),
        (
            {"keys": frozenset({"endpoint"}), "required": frozenset({"endpoint"}), "part": None},
            "hosted in this process, but in no live run",
        ),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(changed: dict[str, object], problem: str) -> None:
    """When its file is imported."""
    with pytest.raises(ValueError, match=problem):
        replace(DRIVERS["openai-sdk"], **changed)  # type: ignore[arg-type]


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the way to install it, before anything starts."""
    needy = replace(
        DRIVERS["reference"],
        requirement=Requirement(("sys", "no_such_module"), "Its engine", "engine", "pip install engine"),
    )
    monkeypatch.setitem(DRIVERS.own, "reference", needy)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="Its engine is not installed") as caught:
        host(on("reference"))
    assert caught.value.hint == "pip install engine"


def test_later_imports_when_it_is_called() -> None:
    """And not before."""
    call = later("no.such.module:name")
    with pytest.raises(ModuleNotFoundError):
        call()
    assert later("math:gcd")(12, 18) == 6
