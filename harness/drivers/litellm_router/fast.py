"""LiteLLM without the work that nobody looks at in virtual time.

For each failed attempt LiteLLM writes tracebacks, hides the secrets in them and puts both into a record for its logging
callbacks. A simulated run has none of these callbacks but the Router's own, which read none of that. Nothing that the
Router decides by is touched: tests/sim/test_engine.py holds the histories with and without this against each other.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

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


def warm() -> None:
    """Import what the first call would; a module that this LiteLLM does not have is none that it imports."""
    for name in _WARM:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


def _untraced(*_args: object, **_options: object) -> str:
    return ""


def _unwritten(*_args: object, **_options: object) -> list[str]:
    return []


def _as_it_is(value: str) -> str:
    return value


async def _as_given(data: Any, *_args: object, **_options: object) -> Any:
    """Return a request's body: that of a chat completion has no field that is called otherwise on the wire."""
    return data


def _uninformed(
    metadata: object,  # noqa: ARG001 - LiteLLM names its arguments
    original_exception: object,  # noqa: ARG001 - as above
    error_str: str | None,
) -> tuple[dict[str, Any], str | None]:
    return {}, error_str


_QUIET_TRACEBACK = SimpleNamespace(**{**vars(traceback), "format_exc": _untraced, "format_tb": _unwritten})

_STUBS: Mapping[tuple[str, str], Any] = {
    ("litellm.utils", "traceback"): _QUIET_TRACEBACK,
    ("litellm.router", "traceback"): _QUIET_TRACEBACK,
    ("litellm.litellm_core_utils.litellm_logging", "traceback"): _QUIET_TRACEBACK,
    ("litellm.litellm_core_utils.exception_mapping_utils", "traceback"): _QUIET_TRACEBACK,
    ("litellm.litellm_core_utils.secret_redaction", "python_redact_string"): _as_it_is,
    ("openai.resources.chat.completions.completions", "async_maybe_transform"): _as_given,
    (
        "litellm.litellm_core_utils.litellm_logging:StandardLoggingPayloadSetup",
        "get_error_information_for_logging_payload",
    ): staticmethod(_uninformed),
}
"""What takes the place of what: a module, or a class in it, and the name there."""


@contextmanager
def fast() -> Iterator[None]:
    """Leave that work out; on leaving, all is as it was. Only where LiteLLM has been imported."""
    undo: list[tuple[Any, str, Any]] = []
    try:
        for (place, name), stub in _STUBS.items():
            owner = _owner(place)
            if owner is None or name not in vars(owner):
                continue  # another LiteLLM: it is slower, and right
            undo.append((owner, name, vars(owner)[name]))
            setattr(owner, name, stub)
        yield
    finally:
        for owner, name, own in reversed(undo):
            setattr(owner, name, own)


def _owner(place: str) -> Any:
    module, _, name = place.partition(":")
    found = sys.modules.get(module)
    return getattr(found, name, None) if name else found
