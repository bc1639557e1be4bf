"""Put a checked configuration in place: tried first, then written, and taken back if the gateway does not come up with it.

The new file is tried before it is put in place, not after: until it has proved itself nothing is changed, so there is nothing
to put back, and a gateway that restarts meanwhile reads the old file. Only what `--reload` finds out needs the old file again.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from harness.chain.scrub import scrub
from harness.drivers.host import Host
from harness.errors import ExitCode, HarnessError, UsageError
from harness.experiment.chain_files.audit import AuditLog, WrittenChange, digest, locked, unwritable
from harness.experiment.chain_files.placing import MODE, back_up, content, prepare, put, remove, remove_unfinished
from harness.experiment.chain_files.proposal import Proposal
from harness.experiment.chain_files.reload import Reload, reload
from harness.experiment.chain_files.trial import hosted, trial


class NotApplied(HarnessError):  # noqa: N818 - the configuration is at fault, and no bug
    """The gateway does not come up with the new file; the old one is in place."""

    exit_code = ExitCode.FAIL


def trial_host(proposal: Proposal) -> Host | None:
    """Return how a file is tried before it is put in place; None for one that was in place before.

    Raises:
        UsageError: It cannot be: LiteLLM's proxy is not installed.
    """
    return None if proposal.chain is None else hosted(proposal.chain)


def apply(proposal: Proposal, tried: Host | None, reloading: Reload | None, say: Callable[[str], None]) -> Path | None:
    """Put a file in place, and return the backup of what was there before; None if nothing was.

    Args:
        proposal: What the file is to become.
        tried: How the new file is tried; None for one that was in place before.
        reloading: How the running gateway takes it over; None leaves that to the user.
        say: Told about each step.

    Raises:
        UsageError: Somebody else is changing the file, or has changed it; it cannot be written.
        NotApplied: The proxy does not come up with it, or the running gateway does not.
        HarnessError: The disk is full, and the like.
    """
    with locked(proposal.path) as log:
        remove_unfinished(proposal.path)
        _check_unchanged(proposal)
        if tried is not None:
            _try(proposal, tried, log, say)
            _check_unchanged(proposal)
        mode = MODE if proposal.before is None else stat.S_IMODE(proposal.path.stat().st_mode)
        backup = _write(proposal, mode, log)
        say(f"{proposal.path} is in place" + ("" if backup is None else f"; what it held is in {backup.name}"))
        if mode & ~proposal.mode:
            say(f"its mode is now {proposal.mode:o}: a gateway that runs as another user can no longer read it")
        if reloading is not None:
            _reload(proposal, reloading, mode, log, say)
    return backup


def _try(proposal: Proposal, tried: Host, log: AuditLog, say: Callable[[str], None]) -> None:
    say("trying it on LiteLLM's proxy …")
    try:
        asyncio.run(trial(tried, proposal.after))
    except HarnessError as error:
        _note(log, proposal, error)
        raise NotApplied(f"{error.headline}; nothing was changed", where=str(proposal.path), hint=error.hint) from None
    say("it came up, and is healthy")


def _reload(proposal: Proposal, reloading: Reload, mode: int, log: AuditLog, say: Callable[[str], None]) -> None:
    say("reloading the gateway …")
    try:
        asyncio.run(reload(reloading))
    except KeyboardInterrupt:
        say(f"{proposal.path} holds the new configuration; whether the gateway runs with it is not known")
        raise
    except HarnessError as error:
        _put_back(proposal, mode, log)
        say("the old file is back; reloading the gateway with it …")
        then = "and the gateway is well again with it"
        try:
            asyncio.run(reload(reloading))
        except HarnessError as again:
            then = f"but the gateway is not well with it either: {again.headline}"
        problem = f"{error.headline}; the old file is back, {then}"
        raise NotApplied(problem, where=str(proposal.path), hint=error.hint) from None
    say("the gateway is well with it")


def _check_unchanged(proposal: Proposal) -> None:
    if content(proposal.path) != proposal.before:
        problem = "was changed by somebody else since the difference was shown: nothing was changed"
        raise UsageError(problem, where=str(proposal.path), hint="look at the difference again")


def _write(proposal: Proposal, mode: int, log: AuditLog) -> Path | None:
    """Write the file, its backup and its line in the log, so that whoever dies in between leaves the old or the new file."""
    path, backup, prepared = proposal.path, None, None
    try:
        prepared = prepare(path, proposal.after, proposal.mode)
        backup = None if proposal.before is None else back_up(path, proposal.before)
        line = _line(proposal.before, proposal.after, backup)
        log.append(proposal.did, **line, mode=f"{mode:o}", **_what(proposal))
        put(prepared, path)
    except OSError as error:
        for left in (prepared, backup):
            if left is not None:
                left.unlink(missing_ok=True)
        _note(log, proposal, error)
        if error.errno == errno.EBUSY:
            hint = "it is mounted by itself, as into a container: change the file that was mounted"
            raise UsageError("cannot be replaced; nothing was changed", where=str(path), hint=hint) from None
        raise unwritable(error, Path(os.fsdecode(error.filename or path))) from None
    return backup


def _put_back(proposal: Proposal, mode: int, log: AuditLog) -> None:
    """Put back what was there before, with its mode."""
    if content(proposal.path) != proposal.after:
        problem = "was changed by somebody else while the gateway was reloaded: it was not put back"
        raise HarnessError(problem, where=str(proposal.path), hint="what was there before is in its backup")
    did: WrittenChange = "put back"
    try:
        line = _line(proposal.after, proposal.before, None)
        if proposal.before is None:
            log.append(did, **line)
            remove(proposal.path)
        else:
            prepared = prepare(proposal.path, proposal.before, mode)
            log.append(did, **line)
            put(prepared, proposal.path)
    except OSError as error:
        problem = f"the old file could not be put back: {error.strerror}"
        raise HarnessError(problem, where=str(proposal.path), hint="its backup is beside it") from None


def _line(before: bytes | None, after: bytes | None, backup: Path | None) -> dict[str, str | None]:
    return {"before": digest(before), "after": digest(after), "backup": None if backup is None else backup.name}


def _what(proposal: Proposal) -> dict[str, object]:
    return {"from": str(proposal.source), "changed": proposal.changed()}


def _note(log: AuditLog, proposal: Proposal, error: Exception) -> None:
    """Note that nothing was changed; a full disk takes no note."""
    why = error.headline if isinstance(error, HarnessError) else str(error)
    with suppress(OSError):
        line = _line(proposal.before, proposal.after, None)
        log.append("not applied", **line, **{"from": str(proposal.source)}, why=scrub(why))
