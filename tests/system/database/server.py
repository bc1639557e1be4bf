"""Set up what LiteLLM's proxy needs for its database, from Debian's Postgres and packages of npm and PyPI.

All of it is built once into the cache of the harness. Prisma's own engine is a program that is downloaded from Prisma's host: here
`engine.js` takes its place, see there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from harness.cache import cache_folder, made
from tests.polling import until

HERE = Path(__file__).parent
PRISMA = "0.15.0"
USER = "harness"
BUILD_S = 300
START_S = 30
NOBODY = 65534
_STUB = "#!/bin/sh\necho query-engine 393aa359c9ad4a4bb28630fb5613f9c281cde053\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """A running Postgres that LiteLLM's tables are in.

    Attributes:
        port: Where it listens, on the loopback.
        environ: The variables that a run needs on top of its own.
    """

    port: int
    environ: Mapping[str, str]

    def ask(self, query: str) -> list[str]:
        """Return the rows of a query, each as one text."""
        return _psql(self.port, "litellm", "-At", "-c", query).splitlines()


@contextlib.contextmanager
def database(folder: Path) -> Iterator[Database]:
    """Start a Postgres with LiteLLM's tables on a free port; leaving ends it, and nothing of it stays.

    Args:
        folder: Where its data go.
    """
    home = built()
    data = folder / "postgres"
    data.mkdir()
    _give_away(data)
    _run(
        [
            program("initdb"),
            "-D",
            str(data / "data"),
            "-U",
            USER,
            "--auth=trust",
            "--no-sync",
            "-E",
            "UTF8",
            "--locale=C",
        ],
        user=_user(),
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "full_page_writes": "off",
    }
    options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
    with (data / "log").open("wb") as log:
        server = subprocess.Popen(
            [program("postgres"), "-D", str(data / "data"), "-p", str(port), *options],
            stdout=log,
            stderr=log,
            cwd="/",
            user=_user(),
        )
    try:
        until(lambda: _answers(port), within_s=START_S, what="Postgres answers")
        _psql(port, "postgres", "-c", "create database litellm")
        _psql(port, "litellm", "-v", "ON_ERROR_STOP=1", "-f", str(home / "tables.sql"))
        yield Database(port=port, environ=_environ(home, port))
    finally:
        server.terminate()
        try:
            server.wait(START_S)
        finally:
            server.kill()


def built() -> Path:
    """Return the cached folder of what is the same for all tests; it is built if there is none."""
    parts = [*(HERE / name for name in ("engine.js", "package.json")), _schema()]
    key = hashlib.sha256(b"".join(path.read_bytes() for path in parts) + PRISMA.encode()).hexdigest()[:12]
    return made(cache_folder() / "litellm-database" / key, _build, waiting=lambda: None)


def program(name: str) -> str:
    """Return one of Postgres's programs: Debian keeps most of them off the path."""
    places = [shutil.which(name), *sorted(map(str, Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), reverse=True)]
    found = next((place for place in places if place is not None), None)
    assert found is not None, f"no {name}: apt-get install postgresql"
    return found


def _build(folder: Path) -> None:
    folder.mkdir()
    for name in ("engine.js", "package.json"):
        shutil.copy(HERE / name, folder)
    (folder / "engine.js").chmod(0o755)
    stub = folder / "stub"
    stub.write_text(_STUB)
    stub.chmod(0o755)
    _build_run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund"], folder)
    target = folder / "python"
    uv = [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable]
    _build_run([*uv, "--target", str(target), "--no-deps", f"prisma=={PRISMA}", "nodeenv", "tomlkit"], folder)
    # It looks up a program of its own package on the path.
    path = os.pathsep.join([str(target / "bin"), os.environ["PATH"]])
    environ = {"PYTHONPATH": str(target), "PATH": path, **_engines(stub)}
    _build_run([sys.executable, "-m", "prisma", "generate", "--schema", str(_schema())], folder, environ)
    migrations = sorted((_schema().parent / "migrations").glob("*/migration.sql"))
    (folder / "tables.sql").write_text("\n".join(path.read_text() for path in migrations))


def _build_run(argv: list[str], folder: Path, environ: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(
        argv,
        cwd=folder,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    assert done.returncode == 0, (argv, done.stdout[-2000:], done.stderr[-2000:])


def _schema() -> Path:
    spec = find_spec("litellm_proxy_extras")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).with_name("schema.prisma")


def _engines(path: Path) -> dict[str, str]:
    return {
        f"PRISMA_{name}": str(path) for name in ("QUERY_ENGINE_BINARY", "QUERY_ENGINE_LIBRARY", "SCHEMA_ENGINE_BINARY")
    }


def _environ(home: Path, port: int) -> dict[str, str]:
    return {
        **_engines(home / "stub"),
        "PRISMA_QUERY_ENGINE_BINARY": str(home / "engine.js"),
        "PRISMA_DML_PATH": str(_schema()),
        "PYTHONPATH": os.pathsep.join([str(HERE.parents[2]), str(home / "python")]),
        "DATABASE_URL": f"postgresql://{USER}:password-of-the-database@127.0.0.1:{port}/litellm",
        "LITELLM_MASTER_KEY": "sk-master-of-the-test",
        "LITELLM_SALT_KEY": "sk-salt-of-the-test-with-32-bytes",
    }


def _psql(port: int, name: str, *arguments: str) -> str:
    return _run([program("psql"), "-h", "127.0.0.1", "-p", str(port), "-U", USER, "-d", name, "-q", *arguments])


def _answers(port: int) -> bool:
    return (
        subprocess.run([program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(port)], check=False).returncode == 0
    )


def _run(argv: list[str], user: int | None = None) -> str:
    """Run one of Postgres's programs; return its output."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=BUILD_S, cwd="/", user=user, check=False)
    assert done.returncode == 0, (argv, done.stderr[-2000:])
    return done.stdout


def _user() -> int | None:
    """Return whom Postgres runs as: it refuses to run as root."""
    return NOBODY if os.getuid() == 0 else None


def _give_away(folder: Path) -> None:
    """Let Postgres's user reach a folder of ours."""
    if os.getuid() == 0:
        os.chown(folder, NOBODY, NOBODY)
        for parent in folder.parents:
            if not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
