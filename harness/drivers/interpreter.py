"""The chain's own interpreter: what it has, and how a program of ours is started in it.

Nothing is installed there. The program is brought along on the path, see harness/drivers/bootstrap.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.cache import cache_folder, made, remove_unused
from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.drivers.uv import Say, to_stderr, uv
from harness.errors import UsageError

OLDEST = (3, 11)
NAMED = ("litellm", "openai", "httpx", "aiohttp")
"""The libraries whose versions a run's report names."""
_BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
_CARRIED = ("aiohttp>=3.10", "msgspec>=0.18.5", "time-machine>=2.14")
"""What our programs need there; what the environment has of them itself is used in their place."""
_KEY = hashlib.sha256(" ".join(_CARRIED).encode()).hexdigest()[:8]
CARRIED_KEPT_S = 30 * 24 * 3600.0
"""How long packages are kept for a kind of interpreter that no run has used; it may be gone from this machine."""
_PROBE_S = 60.0
_MARK = "harness-probe:"
_PROBE = f"""\
import sys
found = {{"version": list(sys.version_info[:3])}}
if sys.version_info >= {OLDEST}:
    import importlib.util, sysconfig
    from importlib.metadata import PackageNotFoundError, version
    sys.path = [entry for entry in sys.path if entry]
    found["tag"] = sysconfig.get_config_var("EXT_SUFFIX").split(".")[1]
    found["versions"] = {{}}
    for name in {NAMED}:
        try:
            found["versions"][name] = version(name)
        except PackageNotFoundError:
            pass
    specs = {{name: importlib.util.find_spec(name) for name in sys.argv[1:]}}
    found["origins"] = {{name: spec.origin for name, spec in specs.items() if spec is not None and spec.origin}}
import json
print("\\n{_MARK}" + json.dumps(found))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """A Python interpreter that is not the one that runs the harness.

    Attributes:
        path: The program.
        version: Its version: `3.12.4`.
        tag: What compiled packages are built for: `cpython-312-x86_64-linux-gnu`.
        versions: Of the libraries in `NAMED` that are installed there.
        origins: The files of the modules that the chain's driver needs, by module.
        carried: The folder of packages that are brought along.
    """

    path: str
    version: str
    tag: str
    versions: Mapping[str, str]
    origins: Mapping[str, str]
    carried: Path

    def command(self, module: str, *arguments: str) -> tuple[str, ...]:
        """Return the command that runs a program of ours there, as `python -m` does here."""
        return (self.path, "-P", str(_BOOTSTRAP), str(self.carried), module, *arguments)


def interpreter_of(chain: Chain, say: Say = to_stderr) -> Interpreter | None:
    """Return the interpreter in which a chain runs; None if it is our own.

    The first time that a version of Python is met, packages for it are downloaded into the cache.

    Args:
        chain: With `environment` built, if it has one.
        say: Shown what is downloaded.

    Raises:
        UsageError: It is no interpreter, cannot be started, is too old, or lacks what the chain's driver needs.
        HarnessError: What it lacks could not be brought along.
    """
    found = examined(chain)
    path = chain.python
    if found is None or path is None:
        return None
    return Interpreter(
        path=path,
        version=_version(found),
        tag=found["tag"],
        versions=found["versions"],
        origins=found["origins"],
        carried=_carried(path, found["tag"], say),
    )


def examined(chain: Chain) -> dict[str, Any] | None:
    """Return what the interpreter in which a chain runs says of itself, if it can be used; None if it is our own.

    Raises:
        UsageError: It is no interpreter, cannot be started, is too old, or lacks what the chain's driver needs.
    """
    path = chain.python
    if path is None or is_own(path):
        return None
    needs = driver_of(chain).requirement
    found = _probed(path, () if needs is None else needs.modules)
    if tuple(found["version"]) < OLDEST:
        problem = f"is Python {_version(found)}; the oldest that a chain can run in is {OLDEST[0]}.{OLDEST[1]}"
        raise UsageError(problem, where=path)
    if needs is not None and not found["origins"].keys() >= {*needs.modules}:
        raise UsageError(
            f"{needs.what} is not installed there", where=path, hint=f"{path} -m pip install '{needs.package}'"
        )
    return found


def prepared() -> list[str]:
    """Return for which kinds of interpreters packages to bring along are in the cache."""
    return sorted(path.parent.name.rpartition("-")[0] for path in (cache_folder() / "carried").glob(f"*-{_KEY}/used"))


def own_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of those packages that our own interpreter has."""
    found = {}
    for name in names:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def is_own(path: str) -> bool:
    """Return whether a path leads to the interpreter that runs this process, in the same environment."""
    own = Path(sys.executable)
    return path == str(own) or (Path(path).parent == own.parent and Path(path).resolve() == own.resolve())


def environ_there(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what leads an interpreter to the packages of ours."""
    return {name: text for name, text in environ.items() if name not in ("PYTHONHOME", "VIRTUAL_ENV")}


def _version(found: dict[str, Any]) -> str:
    return ".".join(map(str, found["version"]))


@cache
def _probed(path: str, modules: tuple[str, ...]) -> dict[str, Any]:
    """Return what an interpreter says of itself.

    Raises:
        UsageError: It says nothing of the kind.
    """
    hint = "`python:` names a Python interpreter, such as ../app/.venv/bin/python"
    if Path(path).is_dir():
        inside = Path(path) / "bin" / "python"
        hint = f"did you mean {inside}?" if inside.exists() else hint
        raise UsageError("is a folder, not an interpreter", where=path, hint=hint)
    try:
        ran = subprocess.run(
            [path, "-c", _PROBE, *modules],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env=environ_there(os.environ),
            timeout=_PROBE_S,
            check=False,
        )
    except FileNotFoundError:
        raise UsageError("there is no such interpreter", where=path, hint=hint) from None
    except OSError as error:
        raise UsageError(f"cannot be started: {error.strerror}", where=path, hint=hint) from None
    except subprocess.TimeoutExpired:
        raise UsageError(f"did not answer within {_PROBE_S:g} s", where=path, hint=hint) from None
    for line in ran.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith(_MARK):  # whatever else a site's own start-up prints
            answer: dict[str, Any] = json.loads(line.removeprefix(_MARK))
            return answer
    last = ran.stderr.decode("utf-8", "replace").strip().splitlines()[-3:]
    known = "its last output:\n    " + "\n    ".join(last) if last else None
    raise UsageError(f"is no interpreter that works (exit code {ran.returncode})", where=path, known=known, hint=hint)


@cache
def _carried(path: str, tag: str, say: Say) -> Path:
    """Return the folder with what is brought along for one kind of interpreter; it is made once."""
    folder = cache_folder() / "carried" / f"{tag}-{_KEY}"

    def get(target: Path) -> None:
        say(f"getting what the harness needs in the chain's interpreter ({tag}), once")
        wanted = ["pip", "install", "--python", path, "--target", str(target), "--only-binary", ":all:", *_CARRIED]
        uv(wanted, what=f"what is brought along for {tag} ({', '.join(_CARRIED)})", say=say)

    made(folder, get, waiting=lambda: say("another run is preparing the chain's interpreter; waiting for it"))
    remove_unused(folder.parent, since_s=CARRIED_KEPT_S)
    return folder
