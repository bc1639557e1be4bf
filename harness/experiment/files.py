"""Which files a command is given: by path, by folder, or by the name of a shipped one."""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum, auto
from pathlib import Path
from typing import Any

from harness.chain.driver import DRIVERS
from harness.document import read
from harness.errors import UsageError

_SCENARIO_KEYS = frozenset({"phases", "load", "faults", "expect"})
"""A file is a scenario if it has one of them: a chain has none."""


class FileKind(Enum):
    """What a file is."""

    SCENARIO = auto()
    CHAIN = auto()


def kind_of(data: Any) -> FileKind | None:
    """Return what a YAML file is, by its top-level keys; None if it is neither."""
    keys = data.keys() if isinstance(data, dict) else ()
    if not _SCENARIO_KEYS.isdisjoint(keys):
        return FileKind.SCENARIO
    return None if _chain_keys().isdisjoint(keys) else FileKind.CHAIN


def is_chain(path: Path) -> bool:
    """Return whether a path leads to a chain's file."""
    return path.suffix in (".yaml", ".yml") and path.is_file() and kind_of(read(path).data) is FileKind.CHAIN


def files_in(folder: Path, kinds: Collection[FileKind]) -> tuple[list[Path], dict[Path, UsageError]]:
    """Return the files of some kinds in a folder and its folders, by name, and what is wrong with those that are no YAML."""
    found: list[Path] = []
    wrong: dict[Path, UsageError] = {}
    for path in sorted(folder.rglob("*.y*ml")):
        try:
            if kind_of(read(path).data) in kinds:
                found.append(path)
        except UsageError as error:
            wrong[path] = error
    return found, wrong


def _chain_keys() -> set[str]:
    """Return top-level keys, one of which every chain file has."""
    own = {driver.configuration.key for driver in DRIVERS.own.values() if driver.configuration is not None}
    return {"providers", "config"} | own
