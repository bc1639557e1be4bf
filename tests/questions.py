"""What LiteLLM is asked about a configuration, asked in a fork of a process that has imported it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from harness.drivers import litellm_reader
from tests.forks import Forks

_PASSED = ("HOME", "LANG", "PATH", "TMPDIR")


def asked_in_a_fork(
    plain: Callable[[str, dict[str, Any]], dict[str, Any] | None], interpreter: str, question: dict[str, Any]
) -> dict[str, Any] | None:
    """Return what our own LiteLLM answers; that of any other interpreter is asked in the plain way."""
    if interpreter != sys.executable:
        return plain(interpreter, question)
    done = _forks().run(str(Path(litellm_reader.__file__)), (), environ=_environ(), given=json.dumps(question).encode())
    line = next((line for line in done.out.splitlines() if line.startswith(litellm_reader.MARK)), "")
    answer: dict[str, Any] | None = json.loads(line.removeprefix(litellm_reader.MARK) or "null")
    return answer or None


def _environ() -> dict[str, str]:
    return {name: os.environ[name] for name in _PASSED if name in os.environ}


@cache
def _forks() -> Forks:
    return Forks(["litellm", "litellm.proxy.hooks"], environ={**_environ(), "LITELLM_LOCAL_MODEL_COST_MAP": "True"})
