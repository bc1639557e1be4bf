"""What telemetry calls a vendor: the values of OpenTelemetry's `gen_ai.provider.name` and its older `gen_ai.system`, and common others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache

from harness.provider.dialects import DIALECTS
from harness.provider.dialects.vendors import VENDORS

OTEL_NAMES: Mapping[str, tuple[str, ...]] = {
    "anthropic": ("anthropic", "claude"),
    "azure": ("azure.ai.openai", "az.ai.openai", "azure_openai", "azure.openai"),
    "azure_ai": ("azure.ai.inference", "az.ai.inference"),
    "bedrock": ("aws.bedrock", "aws", "bedrock_converse"),
    "gemini": ("gcp.gemini", "gcp.gen_ai", "google"),
    "mistral": ("mistral_ai", "mistralai"),
    "vertex_ai": ("gcp.vertex_ai", "vertexai"),
    "xai": ("x_ai",),
}
"""By LiteLLM's name for the vendor, the one in use now first; the name of any other vendor stands for itself."""
_WORD_END = re.compile(r"[^a-z0-9]")


def otel_name(vendor: str) -> str:
    """Return what OpenTelemetry calls a vendor."""
    return OTEL_NAMES.get(vendor, (vendor,))[0]


@cache
def vendor_called(name: str) -> str | None:
    """Return the vendor that telemetry means by a name: the whole name, or how it begins (`openai/gpt-4o`, `azure-eu`); None if unknown."""
    asked, known = name.strip().lower(), _known()
    if asked in known:
        return known[asked]
    begins = [each for each in known if asked.startswith(each) and _WORD_END.match(asked, len(each))]
    return known[max(begins, key=len)] if begins else None


@cache
def _known() -> dict[str, str]:
    own = {name: name for name in (*DIALECTS.own, *VENDORS)}
    return own | {name: vendor for vendor, names in OTEL_NAMES.items() for name in names}
