"""Which libraries are imported before a target's own code runs: those whose import nothing of the application can change."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.chain import Chain, Provider
from harness.drivers.python.libraries import import_libraries

LIBRARIES = ("lib_one", "lib_two", "lib_pack", "lib_pack.part")
CHAIN = Chain(
    name="ours",
    driver="python",
    target="our_app.llm:answer",
    env={"LIB_BASE": "{openai.base_url}/v1"},
    providers={"openai": Provider(dialect="openai", model="gpt-4o")},
    order=("openai",),
)
BASE_URLS = {"openai": "http://127.0.0.1:1"}


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a folder of installed packages; none of them is imported."""
    folder = tmp_path / "lib" / "site-packages"
    for name in LIBRARIES:
        path = folder / (name.replace(".", "/") + ("/__init__.py" if name == "lib_pack" else ".py"))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import os\nBASE = os.environ.get('LIB_BASE')\n")
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in LIBRARIES:
        sys.modules.pop(name, None)


def imported(folder: Path, files: dict[str, str]) -> list[str]:
    """Write an application, and return which libraries are imported for it."""
    for name, code in {"our_app/__init__.py": "", **files}.items():
        path = folder / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    import_libraries(replace(CHAIN, folder=str(folder / "app")), BASE_URLS)
    assert not any(name.partition(".")[0] == "our_app" for name in sys.modules)
    return [name for name in LIBRARIES if name in sys.modules]


ALL = list(LIBRARIES)
CODES = {
    "at the top": (
        "'''Ours.'''\nfrom __future__ import annotations\nimport os\nimport lib_one, lib_two",
        ["lib_one", "lib_two"],
    ),
    "parts": ("from lib_pack import part", ["lib_pack", "lib_pack.part"]),
    "names for types": (
        "from typing import TYPE_CHECKING\nimport lib_one\nif TYPE_CHECKING:\n    import x\nimport lib_two",
        ["lib_one", "lib_two"],
    ),
    "constants": ("__version__ = '1'\nimport lib_one", ["lib_one"]),
    "after code": ("import lib_one\nprint('x')\nimport lib_two", ["lib_one"]),
    "after a variable": ("import os\nos.environ['LIB_BASE'] = 'x'\nimport lib_one", []),
    "after a setting": ("import lib_one\nlib_one.BASE = 'x'\nimport lib_two", ["lib_one"]),
    "in a condition": ("try:\n    import lib_one\nexcept ImportError:\n    pass", []),
    "not Python": ("import lib_one\n)", []),
}


@pytest.mark.parametrize(("code", "expected"), CODES.values(), ids=CODES)
def test_only_imports_before_any_other_code_count(
    code: str, expected: list[str], tmp_path: Path, installed: Path
) -> None:
    """Whatever comes after the application's own code may depend on it."""
    assert imported(tmp_path, {"our_app/llm.py": code}) == expected


PARTS = {
    "relative": ({"our_app/llm.py": "from .parts import x", "our_app/parts.py": "import lib_one\nx = 1"}, ["lib_one"]),
    "a module": ({"our_app/llm.py": "from . import parts", "our_app/parts.py": "import lib_one\nx = 1"}, ["lib_one"]),
    "absolute": (
        {"our_app/llm.py": "import our_app.parts\nimport lib_two", "our_app/parts.py": "import lib_one"},
        ["lib_one", "lib_two"],
    ),
    "with code": (
        {"our_app/llm.py": "import our_app.parts\nimport lib_two", "our_app/parts.py": "import lib_one\nprint('x')"},
        ["lib_one"],
    ),
    "a package with code": ({"our_app/__init__.py": "print('x')", "our_app/llm.py": "import lib_one"}, []),
    "each other": (
        {"our_app/llm.py": "import our_app.parts", "our_app/parts.py": "import our_app.llm\nimport lib_one"},
        ["lib_one"],
    ),
    "a neighbour": ({"our_app/llm.py": "import beside", "beside.py": "import lib_two"}, ["lib_two"]),
    "nothing there": ({"our_app/llm.py": "import our_app.gone\nimport lib_one"}, []),
}


@pytest.mark.parametrize(("files", "expected"), PARTS.values(), ids=PARTS)
def test_the_application_s_own_modules_are_read_and_not_imported(
    files: dict[str, str], expected: list[str], tmp_path: Path, installed: Path
) -> None:
    """In the order in which Python would import them."""
    assert imported(tmp_path, files) == expected


def test_the_chain_file_s_variables_are_set_before(tmp_path: Path, installed: Path) -> None:
    """A library may take its address from one when it is imported."""
    imported(tmp_path, {"our_app/llm.py": "import lib_one"})
    assert sys.modules["lib_one"].BASE == "http://127.0.0.1:1/v1"


def test_an_application_that_is_installed_is_not_a_library(tmp_path: Path, installed: Path) -> None:
    """The chain file's target names it."""
    (installed / "our_app").mkdir()
    (installed / "our_app" / "__init__.py").write_text("")
    (installed / "our_app" / "llm.py").write_text("import lib_one\nprint('x')\n")
    import_libraries(replace(CHAIN, folder=str(tmp_path)), BASE_URLS)
    assert "lib_one" in sys.modules
    assert "our_app" not in sys.modules


def test_a_library_that_cannot_be_imported_says_so(tmp_path: Path, installed: Path) -> None:
    """Whoever wanted to import it once leaves it to the runs, which name it."""
    (installed / "lib_one.py").write_text("raise RuntimeError('no licence')")
    with pytest.raises(RuntimeError, match="no licence"):
        imported(tmp_path, {"our_app/llm.py": "import lib_one"})
