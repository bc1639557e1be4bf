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


def vendor_of(provider: Provider) -> str:
    """Return whose API a provider is: LiteLLM's name for the vendor, else the dialect's name."""
    called = dialect_of(provider).litellm
    return provider.vendor or (provider.dialect if called is None else called.provider)


__all__ = ["DIALECTS", "Dialect", "dialect_of", "vendor_of"]
