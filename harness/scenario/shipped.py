"""Our own scenarios, which come with the package: known by their place in it, wherever the command line is.

A chain is what its users want to try, not our checkout: `harness suite smoke --chain litellm-config.yaml` works anywhere.
"""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
FOLDER = next(
    (place for place in (_PACKAGE / "scenarios", _PACKAGE.parent / "scenarios") if place.is_dir()),
    _PACKAGE / "scenarios",
)
"""`scenarios/` of the installed package, else of the checkout."""


def located(path: Path, root: Path = Path()) -> Path:
    """Return where a path leads, or the scenarios of ours that it names, as `smoke` or `smoke/refused.yaml`.

    Args:
        path: As the user wrote it.
        root: What it is relative to.
    """
    own = FOLDER / path
    return own if not _of_user(path, root) and own.exists() else root / path


def named(path: Path) -> str:
    """Return what `located` takes for a file: ours by name, where nothing of the user's is in the way."""
    if path.is_relative_to(FOLDER):
        short = path.relative_to(FOLDER)
        return str(path if _of_user(short, Path()) else short)
    return str(path)


def _of_user(path: Path, root: Path) -> bool:
    """Say whether a path begins with something of the user's: a folder `smoke` hides all of ours, whatever it lacks."""
    return path.is_absolute() or not path.parts or (root / path.parts[0]).exists()
