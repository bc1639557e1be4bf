"""Write chain files: a starter, and a chain file as LiteLLM's configuration."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import NamedTuple

from harness.chain import Chain, load
from harness.chain.driver import driver_of
from harness.chain.litellm_export import LiteLLMExport, export
from harness.chain.litellm_settings import SECTIONS
from harness.chain.loading import chain_document
from harness.document.editing import edited
from harness.document.reading import Document, parse, raw_bytes
from harness.document.writing import Style, block
from harness.errors import UsageError
from harness.experiment.chain_files.audit import unwritable
from harness.experiment.chain_files.placing import MODE, prepare, put, real_path
from harness.experiment.files import FileKind, kind_of

_KEYS = SECTIONS | {"general_settings", "include"}


class Exported(NamedTuple):
    """A chain file as LiteLLM's configuration.

    Attributes:
        before: The existing file; None if there is none.
        after: The new one.
        warnings: What LiteLLM does differently, and what else in the file steers its fallbacks.
    """

    before: bytes | None
    after: bytes
    warnings: tuple[str, ...]


def export_chain(path: Path, to: Path | None) -> Exported:
    """Return a chain file as LiteLLM's configuration, and write it.

    Args:
        path: The chain file.
        to: The configuration that is to hold it; one that exists keeps all that the chain does not name, and its mode. Nothing
            is written if None.

    Raises:
        UsageError: The chain cannot be said in LiteLLM's words, or the existing file cannot be changed.
        HarnessError: The disk is full, and the like.
    """
    chain = of_litellm(path)
    if to is None:
        return exported_chain(chain, path, None)
    target = real_path(to)
    done = exported_chain(chain, path, target)
    if done.before == done.after:
        return done
    try:
        mode = MODE if done.before is None else stat.S_IMODE(target.stat().st_mode)
        put(prepare(target, done.after, mode), target)
    except OSError as error:
        raise unwritable(error, target) from None
    return done


def of_litellm(path: Path) -> Chain:
    """Return the chain in a chain file of one of LiteLLM's drivers.

    Raises:
        UsageError: It is none.
    """
    if kind_of(chain_document(path).data) is FileKind.SCENARIO:
        raise UsageError("is a scenario, and no chain", where=str(path))
    chain = load(path)
    if chain.litellm is None and driver_of(chain).configuration is None:
        hint = "in a copy with `driver: litellm-router`, `harness check` names what LiteLLM cannot do"
        raise UsageError(f"`driver: {chain.driver}` is not LiteLLM", where=f"{path}: driver", hint=hint)
    return chain


def exported_chain(chain: Chain, path: Path, to: Path | None) -> Exported:
    """Return the chain in a chain file as LiteLLM's configuration; see `export_chain`. Nothing is written."""
    try:
        found = export(chain)
    except UsageError as error:
        raise UsageError(error.problem, where=error.where or str(path), known=error.known, hint=error.hint) from None
    if to is None or not to.exists():
        lines = block(found.configuration(), Style())
        return Exported(None, "".join(f"{line}\n" for line in lines).encode(), found.warnings)
    before = raw_bytes(to)
    existing = existing_configuration(before, to)
    return Exported(before, edited(before, to, found.within(existing)), (*found.warnings, *_left(found, existing)))


def existing_configuration(raw: bytes, path: Path) -> Document:
    """Return a file that is to be changed: a configuration of LiteLLM's, or nothing yet.

    Raises:
        UsageError: It is something else, which nobody wants to be replaced.
    """
    hint = "if it is to be replaced, move it away"
    try:
        document = parse(raw, path, older=True)
    except UsageError as error:
        raise UsageError(error.problem, where=error.where, hint=hint) from None
    if document.data is not None and (not isinstance(document.data, dict) or _KEYS.isdisjoint(document.data)):
        raise document.error("is not a configuration of LiteLLM's", known=", ".join(sorted(_KEYS)), hint=hint)
    return document


def _left(found: LiteLLMExport, existing: Document) -> tuple[str, ...]:
    left = found.left(existing.data or {})
    return (f"left as it is, and it steers fallbacks too: {', '.join(left)}",) if left else ()
