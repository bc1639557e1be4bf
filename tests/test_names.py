"""A class or type name exists once in the package, so that a reader who meets it knows which one it is."""

from __future__ import annotations

import ast
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1] / "harness"


def types_of(text: str) -> set[str]:
    """Return the classes and type aliases that a module defines at its top level, without leading underscores."""
    names: set[str] = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.ClassDef):
            names.add(node.name.lstrip("_"))
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript | ast.BinOp | ast.Name):
            names |= {
                target.id.lstrip("_") for target in node.targets if isinstance(target, ast.Name) and _is_type(target.id)
            }
    return names


def _is_type(name: str) -> bool:
    bare = name.lstrip("_")
    return len(bare) > 1 and bare[0].isupper() and not bare.isupper()


def homonyms() -> dict[str, list[str]]:
    """Return the names that more than one module defines, each with those modules."""
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(ROOT.rglob("*.py")):
        for name in types_of(path.read_text(encoding="utf-8")):
            places[name].append(path.relative_to(ROOT).as_posix())
    return {name: where for name, where in sorted(places.items()) if len(where) > 1}


def test_a_name_exists_once() -> None:
    """Two things that are alike get two names; one thing is defined once."""
    assert homonyms() == {}


def test_classes_and_aliases_are_found() -> None:
    """With or without an underscore; constants and functions are none."""
    text = "class _Story: ...\nPair = tuple[int, int]\nS = 10**9\nLIMIT = OTHER\ndef Make(): ...\n"
    assert types_of(text) == {"Story", "Pair"}
