"""Write chain files: a starter, and a chain file as LiteLLM's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from harness.chain import Chain, load
from harness.chain.driver import driver_of
from harness.chain.litellm_export import LiteLLMExport, export
from harness.document.editing import edited
from harness.document.reading import Document, parse, raw_bytes
from harness.document.writing import Style, block
from harness.errors import UsageError
from harness.experiment.chain_files.audit import unwritable
from harness.experiment.chain_files.placing import prepare, put, real_path


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
        prepared = prepare(target, done.after)
        if done.before is not None:
            prepared.chmod(target.stat().st_mode)
        put(prepared, target)
    except OSError as error:
        raise unwritable(error, target) from None
    return done


def of_litellm(path: Path) -> Chain:
    """Return the chain in a chain file of one of LiteLLM's drivers.

    Raises:
        UsageError: It is none.
    """
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
    existing = parse(before, to, older=True)
    if existing.data is not None and not isinstance(existing.data, dict):
        raise existing.error("expected LiteLLM's configuration, a mapping")
    return Exported(before, edited(before, to, found.within(existing)), (*found.warnings, *_left(found, existing)))


def _left(found: LiteLLMExport, existing: Document) -> tuple[str, ...]:
    left = found.left(existing.data or {})
    return (f"left as it is, and it steers fallbacks too: {', '.join(left)}",) if left else ()
