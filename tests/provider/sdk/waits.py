"""The waits between an SDK's own retries, written down in place of being waited."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from pkgutil import resolve_name
from types import ModuleType
from typing import Any
from unittest.mock import patch

_WAITS_S: ContextVar[list[float]] = ContextVar("waits_s")
_REAL: ContextVar[bool] = ContextVar("real", default=False)

# The modules through which each SDK sleeps before a retry.
_SLEEPERS = ("openai._base_client.anyio", "anthropic._base_client.anyio", "google.genai._api_client.asyncio")


def write_down(waits_s: list[float], *, real: bool) -> None:
    """Let the waits of this task go here.

    Args:
        waits_s: Where they are added, in seconds.
        real: Whether they are waited too.
    """
    _WAITS_S.set(waits_s)
    _REAL.set(real)


async def sleep(delay: float, *_result: object) -> None:
    """Write a wait down."""
    _WAITS_S.get().append(delay)
    await asyncio.sleep(delay if _REAL.get() else 0)


class _Module:
    """Another module but for its `sleep`."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self.sleep = sleep

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


@contextmanager
def written_down() -> Iterator[None]:
    """Replace the sleeps of the SDKs."""
    with ExitStack() as stack:
        for name in _SLEEPERS:
            stack.enter_context(patch(name, _Module(resolve_name(name))))
        yield
