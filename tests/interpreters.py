"""Other interpreters for chains: environments as small as they get."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path


def environment(folder: Path, *, ours: bool = False) -> str:
    """Make an environment, and return the path of its interpreter.

    Args:
        folder: Where.
        ours: It has the same packages as the one that the tests run in; else it has none at all.
    """
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--no-project", "--python", sys.executable, folder], check=True)
    if ours:
        (packages,) = folder.glob("lib/python3*/site-packages")
        (packages / "ours.pth").write_text(sysconfig.get_paths()["purelib"] + "\n", encoding="utf-8")
    return str(folder / "bin" / "python")


def script(path: Path, text: str) -> str:
    """Write a program that is to be taken for an interpreter, and return its path."""
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)
