"""What the LiteLLM of a chain's interpreter makes of its configuration: asked once, and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.cache import cache_folder, made, remove_unused
from harness.chain import Chain
from harness.chain.litellm_reading import answered, applied, question
from harness.drivers.built import settled_if_kept
from harness.drivers.interpreter import NAMED, environ_there, examined, is_own, own_versions
from harness.drivers.litellm_reader import MARK
from harness.errors import UsageError

KEPT_S = 30 * 24 * 3600.0
"""How long an answer is kept that no run has used."""
_PATIENCE_S = 120.0
_READER = Path(__file__).with_name("litellm_reader.py")
_PASSED = ("HOME", "LANG", "PATH", "SYSTEMROOT", "TMPDIR")
_ANSWER = "answer.json"


class _UnansweredError(Exception):
    """LiteLLM gave no answer."""


def as_read(path: Path, chain: Chain) -> Chain:
    """Return a chain as its own LiteLLM reads its configuration; any other chain as it is.

    Where that LiteLLM is not installed, or its environment is not built yet, the chain stays as LiteLLM usually reads it.

    Args:
        path: The chain's file, for errors.
        chain: As loaded.

    Raises:
        UsageError: A provider that the walk needs has no mock, or the chain's interpreter cannot be used.
    """
    if chain.litellm is None or (home := settled_if_kept(chain)) is None:
        return chain
    interpreter, version, origin = _litellm(home)
    if version is None:
        return chain
    asked = question(chain)
    content = json.dumps([asked, version, origin, _READER.read_text()], sort_keys=True)
    folder = cache_folder() / "litellm" / hashlib.sha256(content.encode()).hexdigest()[:24]

    def ask(target: Path) -> None:
        answer = _asked(interpreter, asked)
        if answer is None:  # it may have had no time: nothing is kept, and it is asked again
            raise _UnansweredError
        target.mkdir()
        (target / _ANSWER).write_text(json.dumps(answer), encoding="utf-8")
        remove_unused(folder.parent, since_s=KEPT_S)

    try:
        made(folder, ask, waiting=lambda: None)
    except _UnansweredError:
        return chain
    answer: dict[str, Any] = json.loads((folder / _ANSWER).read_text(encoding="utf-8"))
    try:
        return applied(chain, answered(chain, answer, version))
    except UsageError as error:
        raise UsageError(error.problem, where=str(path), known=error.known, hint=error.hint) from None


def _litellm(chain: Chain) -> tuple[str, str | None, str]:
    """Return the interpreter in which a chain runs, and version and file of its LiteLLM."""
    if chain.python is None or is_own(chain.python):
        spec = find_spec("litellm")
        version = own_versions(NAMED).get("litellm")
        return sys.executable, None if spec is None else version, "" if spec is None else str(spec.origin)
    found = examined(chain)
    assert found is not None
    return chain.python, found["versions"].get("litellm"), found["origins"].get("litellm", "")


def _asked(interpreter: str, asked: dict[str, Any]) -> dict[str, Any] | None:
    """Return LiteLLM's answer; None if it gave none."""
    environ = {name: os.environ[name] for name in _PASSED if name in os.environ}
    try:
        ran = subprocess.run(
            [interpreter, "-P", str(_READER)],
            input=json.dumps(asked).encode(),
            capture_output=True,
            env=environ_there(environ),
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    for line in ran.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith(MARK):
            answer: dict[str, Any] = json.loads(line.removeprefix(MARK))
            return answer if answer["walks"][0] else None
    return None
