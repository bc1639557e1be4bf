"""Wire formats: one declaration in one file for each. What several of them share has files of its own."""

from __future__ import annotations

from harness.provider.dialects.declaration import Dialect
from harness.provider.spec import Provider
from harness.registry import Registry

DIALECTS = Registry(
    "dialects", package="harness.provider.dialects", shape=Dialect, name_of=lambda declared: declared.name
)


def dialect_of(provider: Provider) -> Dialect:
    """Return the dialect of a provider, as its vendor speaks it."""
    dialect = DIALECTS[provider.dialect]
    return dialect if provider.vendor is None or dialect.of_vendor is None else dialect.of_vendor(provider.vendor)


__all__ = ["DIALECTS", "Dialect", "dialect_of"]
