"""What a configuration is to become: read and checked before anybody is asked, and nothing is written yet."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.chain import Chain, load
from harness.chain.driver import driver_of
from harness.chain.home import AT_HOME, ChainHome
from harness.chain.loading import chain_document
from harness.chain.masking import changes, masked_lines
from harness.document.reading import parse, raw_bytes
from harness.drivers.litellm_asked import as_read
from harness.errors import UsageError
from harness.experiment.chain_files.audit import WrittenChange, digest, in_place, locked, log_of
from harness.experiment.chain_files.export import existing_configuration, exported_chain, of_litellm
from harness.experiment.chain_files.placing import MODE, content, real_path
from harness.experiment.chain_files.trial import TRIED_ON
from harness.experiment.validation import Warned, chain_warnings
from harness.scenario.schema import DEADLINE_NS

_CONTEXT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What a file is to become. Holds secrets.

    Attributes:
        path: The file, links followed.
        before: What it holds; None if there is none.
        after: What it is to hold.
        source: Where that comes from.
        did: What the log calls it.
        mode: What the file's mode is to be.
        chain: The chain that the new file describes; None for one that was in place before.
        warnings: What is probably not meant.
        untried: What its trial leaves out, in sentences.
    """

    path: Path
    before: bytes | None = field(repr=False)
    after: bytes = field(repr=False)
    source: Path
    did: WrittenChange = "apply"
    mode: int = MODE
    chain: Chain | None = field(default=None, repr=False)
    warnings: tuple[Warned, ...] = ()
    untried: tuple[str, ...] = ()

    @property
    def new(self) -> bool:
        """Whether there is anything to change."""
        return self.before != self.after

    def changed(self) -> list[dict[str, Any]]:
        """Return what differs in data; see `harness.chain.masking.changes`."""
        return list(changes(_data(self.before, self.path), _data(self.after, self.path)))

    def diff(self) -> list[str]:
        """Return a unified diff with keys masked, as lines."""
        return list(_diff(self.before or b"", self.after, self.path))


def propose(source: Path, to: Path, home: ChainHome = AT_HOME, *, raw: bytes | None = None) -> Proposal:
    """Return what a configuration becomes if a file is applied to it.

    Args:
        source: Another configuration of LiteLLM's, or a chain file, which leaves all in place that it does not name.
        to: The configuration of the gateway.
        home: Where the proxy is to be tried.
        raw: What the source is to hold; what it holds if None.

    Raises:
        UsageError: One of the files cannot be read, or the result is wrong.
    """
    raw = raw_bytes(source) if raw is None else raw
    document = chain_document(source, raw)
    path = real_path(to)
    before = content(path)
    if before is not None:
        existing_configuration(before, path)
    named = document.data if isinstance(document.data, dict) else {}
    if "config" in named:
        hint = f"apply {named['config']}"
        raise document.error("names a configuration, and is none itself", ("config",), hint=hint)
    notes: tuple[str, ...] = ()
    written: Chain | None = None
    after = raw
    if "model_list" not in named:
        written = of_litellm(source)
        _before, after, notes = exported_chain(written, source, path)
    chain = load(path, model=home.model or (written.order[0] if written else None), raw=after)
    if chain.litellm is None:
        raise UsageError("is not a configuration of LiteLLM's", where=str(source))
    if written is not None:
        chain = replace(chain, python=written.python, environment=written.environment)
    chain = as_read(path, replace(home.of(chain), driver=TRIED_ON))
    schedules = driver_of(chain).schedules(chain)
    found = chain_warnings(chain, chain_document(path, after), schedules, DEADLINE_NS)
    return Proposal(
        path=path,
        before=before,
        after=after,
        source=source,
        chain=chain,
        warnings=(*(Warned(str(source), note) for note in notes), *(each for each in found if each.advice)),
        untried=tuple(each.text for each in found if each.advice is None),
    )


def previous(to: Path) -> Proposal:
    """Return what a configuration becomes if the last change that was applied to it is taken back.

    Raises:
        UsageError: None is in place, or its backup is gone.
    """
    path = real_path(to)
    before = content(path)
    if not log_of(path).exists():
        raise UsageError("nothing was applied to it", where=str(path))
    with locked(path) as log:
        line = in_place(log.lines(), digest(before))
    if line is None:
        hint = f"the backups {path.name}.*.bak are beside it; {log_of(path).name} lists them"
        raise UsageError("what it holds was not put there by `harness chain apply`", where=str(path), hint=hint)
    if line.get("backup") is None:
        raise UsageError("it was made by the last apply: nothing came before it", where=str(path), hint="remove it")
    backup = path.with_name(Path(line["backup"]).name)
    raw = content(backup)
    if raw is None or digest(raw) != line["before"]:
        raise UsageError("is gone, or was changed: there is nothing to take back to", where=str(backup))
    mode = int(line.get("mode", f"{MODE:o}"), 8)
    return Proposal(path=path, before=before, after=raw, source=backup, did="undo", mode=mode)


def _data(raw: bytes | None, path: Path) -> Any:
    """Return what a configuration holds; nothing if it cannot be read."""
    try:
        return {} if raw is None else parse(raw, path, older=True).data or {}
    except UsageError:
        return {}


def _diff(before: bytes, after: bytes, path: Path) -> Iterator[str]:
    """Yield a unified diff: what differs is found in the files themselves, and shown with keys masked."""
    old, new = _split(before), _split(after)
    shown_old, shown_new = masked_lines(before, path), masked_lines(after, path)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for number, group in enumerate(matcher.get_grouped_opcodes(_CONTEXT)):
        if number == 0:
            yield from (f"--- {path}", f"+++ {path} (new)")
        first, last = group[0], group[-1]
        yield f"@@ -{_range(first[1], last[2])} +{_range(first[3], last[4])} @@"
        for kind, a, b, c, d in group:
            if kind == "equal":
                yield from (f" {line}" for line in shown_new[c:d])
            else:
                yield from (f"-{line}" for line in shown_old[a:b])
                yield from (f"+{line}" for line in shown_new[c:d])


def _range(start: int, stop: int) -> str:
    return f"{start + 1 if stop > start else start},{stop - start}"


def _split(raw: bytes) -> list[bytes]:
    """Return the lines of a file; the last one differs from another that has a line end."""
    *lines, last = raw.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return [*lines, last + b"\n"] if last else lines
