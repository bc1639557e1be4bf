"""Wire formats: one declaration in one file for each. What several of them share has files of its own."""

from __future__ import annotations

from harness.provider.dialects.declaration import Dialect
from harness.registry import Registry

DIALECTS = Registry(
    "dialects", package="harness.provider.dialects", shape=Dialect, name_of=lambda declared: declared.name
)

__all__ = ["DIALECTS", "Dialect"]
