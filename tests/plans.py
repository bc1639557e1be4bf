"""Providers, chains and fault windows: what a test does not name is ordinary."""

from __future__ import annotations

from typing import Any

from harness.chain import Chain, Provider, ReplySpec
from harness.scenario import Inject, Window

CLAUDE = "claude-3-5-sonnet-20241022"
MODELS = {"anthropic": CLAUDE, "gemini": "gemini-2.5-flash", "openrouter": "openai/gpt-4", "deepseek": "deepseek-chat"}
"""The model of a provider by its dialect; gpt-4 for the others."""
ALWAYS_NS = 10**18
"""Longer than any test."""


def provider(dialect: str = "openai", *, model: str | None = None, **fields: Any) -> Provider:
    """Return a provider of a dialect."""
    return Provider(dialect=dialect, model=model or MODELS.get(dialect, "gpt-4"), **fields)


def quick(dialect: str = "openai", *, tokens: int = 4, **reply: Any) -> Provider:
    """Return a provider of gpt-4 whose mock answers a few tokens at once."""
    spec = ReplySpec(**{"ttft": 0, "tokens": tokens, "tokens_per_second": 0, **reply})
    return provider(dialect, model="gpt-4", reply=spec)


def chain(*names: str, driver: str = "reference", **fields: Any) -> Chain:
    """Return a chain of providers that have the names of their dialects; any other name is a provider like OpenAI.

    Args:
        names: In the order in which they are tried; one provider if there is none.
        driver: What hosts it.
        fields: More of the chain's; `providers` replaces those of the names.
    """
    names = names or tuple(fields.get("providers", ("openai",)))
    providers = {name: provider(name if name in (*MODELS, "azure") else "openai") for name in names}
    return Chain(**{"name": "ours", "driver": driver, "providers": providers, "order": names, **fields})


def chain_file(*names: str, driver: str = "reference", name: str = "ours", more: str = "") -> str:
    """Return the text of a chain file; see `chain`."""
    lines = [f"name: {name}", f"driver: {driver}", "providers:"]
    for each, spec in chain(*names).providers.items():
        lines.append(f"  {each}: {{dialect: {spec.dialect}, model: {spec.model}}}")
    lines += [f"order: [{', '.join(names or ('openai',))}]", *more.splitlines()]
    return "\n".join(lines) + "\n"


def window(inject: Inject, provider: str = "openai", **fields: Any) -> Window:
    """Return a fault window at a provider; it is open all the time unless the fields name its start and end."""
    return Window(
        **{"fault_id": "fault-1", "provider": provider, "start_ns": 0, "end_ns": ALWAYS_NS, "inject": inject} | fields
    )
