"""Which files a command is given: by path, by folder, or by the name of a shipped one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import Enum, auto
from pathlib import Path
from typing import Any

from harness.chain.driver import DRIVERS
from harness.chain.loading import chain_document
from harness.document import Document, did_you_mean
from harness.errors import HarnessError, UsageError
from harness.scenario.shipped import existing

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


def known_kind(document: Document) -> FileKind:
    """Return what a file is.

    Raises:
        UsageError: It is neither a scenario nor a chain; with what was perhaps meant.
    """
    data = document.data
    kind = kind_of(data)
    if kind is not None:
        return kind
    if isinstance(data, dict) and "chain" in data:  # a scenario that lacks all else
        return FileKind.SCENARIO
    begin = "a chain file begins with `name`, `driver` and `providers`, a LiteLLM configuration with `model_list`"
    if data is None:
        raise document.error("the file is empty", hint=f"{begin}, a scenario with `name`, `chain` and `load`")
    if not isinstance(data, dict):
        raise document.error(
            f"expected keys at the top, found a {'list' if isinstance(data, list) else 'text'}", hint=begin
        )
    known = sorted({*_SCENARIO_KEYS, *_chain_keys()})
    meant = [(key, hint) for key in data if (hint := did_you_mean(key, known))]
    if meant:
        raise document.error(
            f"unknown key {meant[0][0][:80]!r}", (meant[0][0],), known=", ".join(known), hint=meant[0][1]
        )
    problem = "this is no scenario, no chain file and no LiteLLM configuration"
    raise document.error(problem, known=", ".join(known), hint=begin)


def is_chain(path: Path) -> bool:
    """Return whether a path leads to a chain's file."""
    return path.suffix in (".yaml", ".yml") and path.is_file() and kind_of(chain_document(path).data) is FileKind.CHAIN


def files_in(folder: Path, kinds: Collection[FileKind]) -> tuple[list[Path], dict[Path, UsageError]]:
    """Return the files of some kinds in a folder and its folders, by name, and what is wrong with those that are no YAML."""
    found: list[Path] = []
    wrong: dict[Path, UsageError] = {}
    for path in sorted(folder.rglob("*.y*ml")):
        try:
            if kind_of(chain_document(path).data) in kinds:
                found.append(path)
        except UsageError as error:
            wrong[path] = error
    return found, wrong


def scenario_files(paths: Sequence[Path], errors: dict[str, HarnessError]) -> list[Path]:
    """Return the scenario files at some paths, each once, in the order given, those of a folder by name.

    Args:
        paths: Files and folders, or names of shipped ones.
        errors: By their text; what is wrong is added.
    """
    files: dict[Path, Path] = {}
    for path in paths:
        try:
            inside = _scenarios_at(existing(path), errors)
        except HarnessError as error:
            errors[str(error)] = error
            continue
        for file in inside:
            files.setdefault(file.resolve(), file)
    return list(files.values())


def _scenarios_at(path: Path, errors: dict[str, HarnessError]) -> list[Path]:
    if not path.is_dir():
        return [path]
    found, wrong = files_in(path, {FileKind.SCENARIO})
    errors.update((str(error), error) for error in wrong.values())
    if not found:
        raise UsageError("no scenario in this folder", where=str(path))
    return found


def _chain_keys() -> set[str]:
    """Return top-level keys, one of which every chain file has."""
    own = (driver.configuration.keys for driver in DRIVERS.own.values() if driver.configuration is not None)
    return {"providers", "config"}.union(*own)
