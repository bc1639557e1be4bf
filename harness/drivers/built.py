"""Environments that are built for chains: kept in the cache, found again by what they hold, the oldest removed by themselves."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from harness.cache import cache_folder, made, remove, used_s
from harness.chain import Chain
from harness.chain.driver import driver_of
from harness.drivers.uv import Say, to_stderr, uv
from harness.provider.dialects import dialect_of

KEPT_BYTES_MAX = 10 * 10**9
IN_USE_S = 3600.0
"""An environment that was used so recently is not removed: a run may still need it."""
_FACTS = "harness.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltEnvironment:
    """An environment in the cache.

    Attributes:
        folder: Where it is.
        holds: What it was built from, as uv was asked for it.
        python: Version of Python.
        size: Of its files, in bytes; those that it shares with uv's own cache count too.
        used_s: When it was last used, in seconds since 1970.
    """

    folder: Path
    holds: tuple[str, ...]
    python: str
    size: int
    used_s: float


def settled(chain: Chain, say: Say = to_stderr) -> Chain:
    """Return a chain whose `python` is that of the environment that it asks for, which is built if it is not kept.

    Args:
        chain: As loaded.
        say: Shown what is done.

    Raises:
        UsageError: There are no such packages, or none that go together.
        HarnessError: The environment could not be built.
    """
    if chain.environment is None:
        return chain
    return replace(chain, python=str(_python(_folder(wanted(chain), say))))


def settled_if_kept(chain: Chain) -> Chain | None:
    """Return the same as `settled`, but None where an environment would have to be built."""
    if chain.environment is None:
        return chain
    folder = _place(wanted(chain))
    return replace(chain, python=str(_python(folder))) if folder.is_dir() else None


def kept() -> list[BuiltEnvironment]:
    """Return what is in the cache, the last used first."""
    return sorted(_kept(), key=lambda each: -each.used_s)


def remove_oldest(most: int = KEPT_BYTES_MAX) -> None:
    """Remove the environments that were not used for longest, until the others are small enough.

    Args:
        most: How large they may be together, in bytes.
    """
    total = 0
    for each in kept():
        total += each.size
        if total > most and time.time() - each.used_s > IN_USE_S:
            remove(each.folder)
            total -= each.size


def wanted(chain: Chain) -> tuple[str, ...]:
    """Return what an environment is to hold, as uv takes it."""
    spec = chain.environment
    assert spec is not None
    needs = driver_of(chain).requirement
    package = needs.package if needs is not None and needs.package.startswith("litellm") else "litellm"
    if spec.litellm is None:
        return tuple(sorted(spec.packages))
    called = (dialect_of(provider).litellm for provider in chain.providers.values())
    needed = {name for names in called if names is not None for name in names.packages}
    stated = {re.split(r"[^\w.-]", name, maxsplit=1)[0].lower() for name in spec.packages}
    return (f"{package}=={spec.litellm}", *sorted({*spec.packages, *(needed - stated)}))


def _place(wanted: tuple[str, ...]) -> Path:
    content = json.dumps([platform.python_implementation(), platform.python_version(), platform.machine(), wanted])
    key = hashlib.sha256(content.encode()).hexdigest()[:12]
    return cache_folder() / "environments" / f"python-{platform.python_version()}-{key}"


def _folder(wanted: tuple[str, ...], say: Say) -> Path:
    """Return the folder of an environment; it is built if there is none."""
    folder = _place(wanted)
    what = f"an environment with {', '.join(wanted) or 'no packages'}"

    def build(target: Path) -> None:
        say(f"building {what}, once; it may take a minute")
        uv(["venv", "--no-project", "--python", sys.executable, str(target)], what=what, say=say)
        if wanted:
            # Compiled now, or the first run would do it, while it is timed.
            install = ["pip", "install", "--compile-bytecode", "--python", str(_python(target))]
            uv([*install, *wanted], what=what, say=say)
        facts = {"holds": wanted, "python": platform.python_version(), "size": _size(target)}
        (target / _FACTS).write_text(json.dumps(facts), encoding="utf-8")

    known = folder.is_dir()
    made(folder, build, waiting=lambda: say(f"another run is building {what}; waiting for it"))
    if not known:
        remove_oldest()
    return folder


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _size(folder: Path) -> int:
    return sum(file.lstat().st_size for file in folder.rglob("*") if not file.is_dir())


def _kept() -> Iterator[BuiltEnvironment]:
    for facts in (cache_folder() / "environments").glob(f"python-*/{_FACTS}"):
        try:
            found = json.loads(facts.read_text(encoding="utf-8"))
            last_s = used_s(facts.parent)
        except (OSError, ValueError):  # it is being removed
            continue
        yield BuiltEnvironment(
            folder=facts.parent,
            holds=tuple(found["holds"]),
            python=found["python"],
            size=found["size"],
            used_s=last_s,
        )
