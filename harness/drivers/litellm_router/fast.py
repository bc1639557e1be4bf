"""LiteLLM without work that changes nothing: in virtual time its processor time is all that a run takes.

Two kinds of work are left out while a simulation runs. What is only written to logs: for each failed attempt LiteLLM
formats tracebacks several times. And what gives the same result every time: such a function runs once for each argument.
Neither changes what LiteLLM decides, sends or answers. tests/sim/test_neutral.py proves that for every family of models of
the LiteLLM in requirements.lock; any other LiteLLM keeps all of its work.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache, lru_cache
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

from harness.patches import patched

_WARM = (
    "litellm.litellm_core_utils.custom_logger_registry",
    "litellm.llms.anthropic.chat.handler",
    "litellm.llms.azure.azure",
    "litellm.llms.openai.openai",
    "litellm.proxy.hooks",
    "litellm.proxy.openai_files_endpoints.common_utils",
    "litellm_enterprise.enterprise_callbacks.callback_controls",
    "openai.resources",
    "openai.resources.admin",
    "openai.resources.chat.completions",
)
"""What LiteLLM imports with its first call, which would count as the first run's time."""
_TEXTS_MAX = 4096


def warm() -> None:
    """Import what the first call would; modules that this LiteLLM does not have are left out."""
    for name in _WARM:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


def _no_text(*_args: object, **_options: object) -> str:
    return ""


def _no_lines(*_args: object, **_options: object) -> list[str]:
    return []


_NO_TRACEBACK = SimpleNamespace(**{**vars(traceback), "format_exc": _no_text, "format_tb": _no_lines})


def _without_tracebacks(_own: object) -> SimpleNamespace:
    return _NO_TRACEBACK


def _once_per_text(own: Callable[[str], str]) -> Callable[[str], str]:
    return lru_cache(_TEXTS_MAX)(own)


def once_per_shape(own: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Return OpenAI's `async_maybe_transform`, made to run once for each shape of a request's body.

    It renames and reformats by keys and types alone. Where all it did was to leave out what was not given, it does no more
    to another body of the same shape; any other shape goes through it every time.
    """
    plain: dict[Hashable, bool] = {}

    async def async_maybe_transform(data: Any, expected_type: Any) -> Any:
        if not isinstance(data, dict):
            return await own(data, expected_type)
        shape = expected_type, _shape(data)
        if plain.get(shape):
            return _given(data)
        transformed = await own(data, expected_type)
        plain[shape] = transformed == _given(data)
        return transformed

    return async_maybe_transform


def _shape(value: Any) -> Hashable:
    """Return the keys and types in a value. How many items a list has, and in which order, is no part of it."""
    if isinstance(value, dict):
        return tuple((key, _shape(item)) for key, item in value.items())
    if isinstance(value, list):
        return list, frozenset(map(_shape, value))
    kind: type = type(value)
    return kind


def _given(data: dict[str, Any]) -> dict[str, Any]:
    from openai._utils import is_given  # noqa: PLC0415 - slow to import; OpenAI's own test of it

    return {key: value for key, value in data.items() if is_given(value)}


PROVED = frozenset({"1.106.2"})
"""The versions of LiteLLM for which tests/sim/test_neutral.py shows that no history changes: the one in requirements.lock."""

STUBS: Mapping[tuple[str, str], Callable[[Any], Any]] = {
    ("litellm.utils", "traceback"): _without_tracebacks,
    ("litellm.router", "traceback"): _without_tracebacks,
    ("litellm.litellm_core_utils.litellm_logging", "traceback"): _without_tracebacks,
    ("litellm.litellm_core_utils.secret_redaction", "python_redact_string"): _once_per_text,
    ("openai.resources.chat.completions.completions", "async_maybe_transform"): once_per_shape,
}
"""By module and a name in it: returns what takes the place of what is there."""


@contextmanager
def fast() -> Iterator[None]:
    """Leave that work out, where LiteLLM is imported and the one that the stubs are proved for; then all is as it was."""
    with patched(_replacements() if proved() else ()):
        yield


def _replacements() -> Iterator[tuple[Any, str, Any]]:
    for (place, name), stub in STUBS.items():
        module = sys.modules.get(place)
        if module is not None and name in vars(module):
            yield module, name, stub(vars(module)[name])


@cache
def proved() -> bool:
    """Return whether this LiteLLM is one that the tests ran with; it may be that of the chain's own environment."""
    return version("litellm") in PROVED
