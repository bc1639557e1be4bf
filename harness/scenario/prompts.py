"""Files of prompts, one a line. A run keeps what distinguishes them, never their texts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.scenario.mix import PROMPT_CHARS_MAX

LINES_MAX = 100_000
_FORM = 'a text in quotes, or {"prompt": "…"}, in each line'


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptFile:
    """A file of prompts.

    Attributes:
        path: Where it is.
        sha256: Hash of the file, hexadecimal.
        lines: How many prompts it holds.
    """

    path: str
    sha256: str
    lines: int


def prompt_file(path: Path) -> PromptFile:
    """Return what is known of a file of prompts.

    Raises:
        UsageError: It cannot be read, or one of its lines is no prompt; the message holds nothing of the line.
    """
    raw = _read(path)
    lines = sum(1 for _text in _texts(path, raw))
    if not lines:
        raise UsageError("holds no prompt", where=str(path), hint=_FORM)
    return PromptFile(path=str(path.absolute()), sha256=_hash(raw), lines=lines)


def texts(file: PromptFile) -> tuple[str, ...]:
    """Return the prompts of a file, in order.

    Raises:
        UsageError: The file is not what it was.
    """
    path = Path(file.path)
    raw = _read(path)
    if _hash(raw) != file.sha256:
        raise UsageError("the prompts have changed since the run was planned", where=file.path)
    return tuple(_texts(path, raw))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read the prompts: {error.strerror}", where=str(path)) from None


def _hash(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _texts(path: Path, raw: bytes) -> Iterator[str]:
    for number, line in enumerate(raw.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if not line.strip():
            continue
        if number > LINES_MAX:
            raise UsageError(f"more than {LINES_MAX} lines", where=str(path))
        text = _prompt(line)
        if not isinstance(text, str) or not 0 < len(text) <= PROMPT_CHARS_MAX:
            problem = (
                "not a prompt" if not isinstance(text, str) else f"empty, or longer than {PROMPT_CHARS_MAX} characters"
            )
            raise UsageError(problem, where=f"{path}:{number}", hint=_FORM)
        yield text


def _prompt(line: bytes) -> Any:
    """Return the prompt in a line; None where it is none: no UTF-8, no JSON, or another shape."""
    try:
        data = json.loads(line.decode())
        text = data.get("prompt") if isinstance(data, dict) else data
        if isinstance(text, str):
            text.encode()  # half of a character, which JSON can hold and no request
    except (ValueError, RecursionError):
        return None
    return text
