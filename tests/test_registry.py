"""Declarations by name: ours, and those of other packages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import registry
from harness.errors import UsageError
from harness.registry import Plugin, Registry

SHAPE = """\
from dataclasses import dataclass


@dataclass(frozen=True)
class Shape:
    name: str
    loud: bool = False
"""
METADATA = "Metadata-Version: 2.1\nName: foreign-shapes\nVersion: 1.2\n"
POINTS = """\
[llm_fallback_harness.shapes]
star = foreign_shapes:STAR
circle = foreign_shapes:STAR
broken = foreign_shapes_broken:STAR
number = foreign_shapes:NUMBER
misnamed = foreign_shapes:STAR
"""


@pytest.fixture
def shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry[object]]:
    """A package of ours with two declarations in two files, and a foreign package beside it."""
    own = tmp_path / "own_shapes"
    own.mkdir()
    (own / "__init__.py").write_text("")
    (own / "base.py").write_text(SHAPE)
    (own / "square.py").write_text("from own_shapes.base import Shape\nSQUARE = Shape('square')\n")
    (own / "circle.py").write_text("from own_shapes.base import Shape\nCIRCLE = Shape('circle')\n")
    (tmp_path / "foreign_shapes.py").write_text("from own_shapes.base import Shape\nSTAR = Shape('star')\nNUMBER = 7\n")
    (tmp_path / "foreign_shapes_broken.py").write_text("import no_such_package_anywhere\n")
    info = tmp_path / "foreign_shapes-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text(POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    from own_shapes.base import Shape  # type: ignore[import-not-found]  # noqa: PLC0415 - written above

    monkeypatch.setattr(registry, "_LOADED", {})
    yield Registry("shapes", package="own_shapes", shape=Shape, name_of=lambda shape: shape.name)
    for name in set(sys.modules) - before:
        if name.startswith(("own_shapes", "foreign_shapes")):
            del sys.modules[name]


def test_ours_are_found_and_others_loaded_only_when_named(shapes: Registry[object]) -> None:
    """Whoever is installed changes nothing until a name asks for it, and then it is recorded."""
    assert tuple(shapes.own) == ("circle", "square")
    assert "star" in shapes
    assert shapes.names() == ("circle", "square", "star", "broken", "number", "misnamed")
    assert "foreign_shapes" not in sys.modules
    assert not registry.loaded()
    assert shapes["star"] is shapes["star"]
    assert registry.loaded() == (Plugin("shapes", "star", "foreign-shapes", "1.2"),)


def test_another_package_cannot_take_the_place_of_ours(shapes: Registry[object]) -> None:
    """A name of ours means ours, whatever is installed."""
    assert type(shapes["circle"]).__module__ == "own_shapes.base"
    assert shapes["circle"] is shapes.own["circle"]
    assert "foreign_shapes" not in sys.modules


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("broken", "'broken' cannot be loaded: ModuleNotFoundError: No module named 'no_such_package_anywhere'"),
        ("number", "'number' is a int, not a Shape"),
        ("misnamed", "the entry point is called 'misnamed', what it declares 'star'"),
    ],
)
def test_a_broken_plugin_is_named_and_refused(shapes: Registry[object], name: str, problem: str) -> None:
    """And everything else goes on."""
    with pytest.raises(UsageError, match=problem) as refused:
        shapes[name]
    assert "foreign-shapes" in str(refused.value)
    assert shapes["star"]
    assert [plugin.name for plugin in registry.loaded()] == ["star"]


def test_an_unknown_name_is_a_key_error(shapes: Registry[object]) -> None:
    """As with any mapping; the caller suggests another name."""
    assert "triangle" not in shapes
    with pytest.raises(KeyError):
        shapes["triangle"]


def test_two_of_ours_with_one_name_fail_at_once(shapes: Registry[object], tmp_path: Path) -> None:
    """Before anything could mean either."""
    (tmp_path / "own_shapes" / "twin.py").write_text(
        "from own_shapes.base import Shape\nTWIN = Shape('circle', loud=True)\n"
    )
    with pytest.raises(ValueError, match="two shapes are called 'circle'"):
        _ = shapes.own
