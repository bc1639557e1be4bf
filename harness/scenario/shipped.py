"""The scenarios that come with the package: known by their place in it, wherever the command line is.

People want to try their own chain, and have no checkout: `harness suite smoke --chain litellm-config.yaml` works anywhere.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from harness.errors import UsageError

_PACKAGE = Path(__file__).parents[1]
FOLDER = next(
    (place for place in (_PACKAGE / "scenarios", _PACKAGE.parent / "scenarios") if place.is_dir()),
    _PACKAGE / "scenarios",
)
"""`scenarios/` of the installed package, else of the checkout."""

_CHAINS = "chains"
_SUGGESTED_MAX = 3


def located(path: Path, root: Path = Path()) -> Path:
    """Return where a path leads, or the shipped scenarios that it names, as `smoke` or `smoke/refused.yaml`.

    Args:
        path: As the user wrote it.
        root: What it is relative to.
    """
    own = FOLDER / path
    return own if not _of_user(path, root) and own.exists() else root / path


def existing(path: Path) -> Path:
    """Return the same for a path that must lead somewhere.

    Raises:
        UsageError: It does not; with the names that may have been meant.
    """
    found = located(path)
    if found.exists():
        return found
    names = _meant(path)
    hint = f"did you mean {' or '.join(map(repr, names))}?" if names else None
    shipped = sorted(each.name for each in FOLDER.iterdir() if each.is_dir() and each.name != _CHAINS)
    raise UsageError(
        "there is no such file or folder",
        where=str(path),
        known=f"your own files, and shipped scenarios: {', '.join(shipped)}",
        hint=hint,
    )


def named(path: Path) -> str:
    """Return what `located` takes for a file: a shipped one by its name, where nothing of the user's hides it."""
    if path.is_relative_to(FOLDER):
        short = path.relative_to(FOLDER)
        return str(path if _of_user(short, Path()) else short)
    return str(path)


def _meant(path: Path) -> list[str]:
    """Return the names of files and folders that are spelled like a path, or like its last part."""
    scenarios = [each.relative_to(FOLDER) for each in sorted(FOLDER.rglob("*.yaml")) if _CHAINS not in each.parts]
    shipped = [*scenarios, *dict.fromkeys(each.parent for each in scenarios if each.parent != Path())]
    beside = [each.relative_to(Path()) if not path.is_absolute() else each for each in _siblings(path)]
    names = {str(each): each for each in (*beside, *shipped)}
    same = [name for name, each in names.items() if path.stem in (each.stem, each.name)]
    near = get_close_matches(str(path), names, n=_SUGGESTED_MAX, cutoff=0.8)
    stems = {each.stem: name for name, each in names.items()}
    near += [stems[stem] for stem in get_close_matches(path.stem, stems, n=_SUGGESTED_MAX, cutoff=0.8)]
    return list(dict.fromkeys([*same, *near]))[:_SUGGESTED_MAX]


def _siblings(path: Path) -> list[Path]:
    try:
        return [each for each in path.parent.iterdir() if each.is_dir() or each.suffix in (".yaml", ".yml")]
    except OSError:
        return []


def _of_user(path: Path, root: Path) -> bool:
    """Return whether a path begins with something of the user's: a folder `smoke` hides the whole shipped one."""
    return path.is_absolute() or not path.parts or (root / path.parts[0]).exists()
