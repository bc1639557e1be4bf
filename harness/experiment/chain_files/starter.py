"""Write a chain file to begin with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.chain.driver import DRIVERS
from harness.chain.litellm_check import provider_of
from harness.chain.litellm_reading import COMPATIBLE, dialect_of_litellm
from harness.chain.loading import load
from harness.document import did_you_mean
from harness.document.writing import flow, scalar
from harness.errors import HarnessError, UsageError
from harness.provider.dialects import DIALECTS
from harness.provider.dialects.vendors import VENDORS

USUAL = ("openai/gpt-4o", "azure/gpt-4o", "anthropic/claude-sonnet-4-20250514")
_PATIENCE_S = 50
"""How long silent providers may keep a caller from the last one: callers leave after 60 s, and waits come on top."""
_ATTEMPTS = 2
_TIMEOUT_MAX_S = 30


def new_chain(path: Path, providers: Sequence[str], driver: str) -> str:
    """Write a chain file that checks clean, and return its text.

    Args:
        path: Where; nothing may be there yet.
        providers: As LiteLLM writes them, `openai/gpt-4o`, or with a name, `fast=openai/gpt-4o-mini`; in the order in which they
            are to be asked.
        driver: How the chain is hosted.

    Raises:
        UsageError: The path is taken, or there can be no such chain.
    """
    if path.suffix not in (".yaml", ".yml"):
        raise UsageError("a chain file ends in .yaml", where=str(path))
    text = _text(path.stem, providers or USUAL, driver)
    try:
        load(path, raw=text.encode())
    except UsageError as error:
        raise UsageError(error.problem, where="--provider", known=error.known, hint=error.hint) from None
    try:
        with path.open("xb") as file:
            try:
                file.write(text.encode())
            except OSError:
                path.unlink()
                raise
    except FileExistsError:
        raise UsageError("is there already, and is left as it is", where=str(path)) from None
    except OSError as error:
        raise HarnessError.wrapping(error, where=str(path)) from None
    return text


def _text(title: str, providers: Sequence[str], driver: str) -> str:
    known = [each for each, declared in DRIVERS.own.items() if not declared.required]
    if driver not in known:
        hint = did_you_mean(driver, known)
        if driver in DRIVERS:
            hint = f"`driver: {driver}` needs more than providers: docs/reference/chain-file.md has examples"
        raise UsageError(f"no starter for the driver {driver!r}", where="--driver", known=", ".join(known), hint=hint)
    if len(providers) == 1:
        hint = "--provider may be repeated: --provider openai/gpt-4o --provider azure/gpt-4o"
        raise UsageError("a chain falls back to a second provider, and this is one", where="--provider", hint=hint)
    listed: dict[str, dict[str, str]] = {}
    for written in providers:
        named, _, rest = written.rpartition("=")
        vendor, fields = _provider(rest)
        name, taken = named or vendor, 1
        while name in listed and not named:
            taken += 1
            name = f"{vendor}-{taken}"
        if name in listed:
            raise UsageError(f"a second provider is called {name!r}", where="--provider")
        listed[name] = fields
    width = max(map(len, listed)) + 1
    timeout_s = min(_TIMEOUT_MAX_S, max(1, _PATIENCE_S // (_ATTEMPTS * (len(listed) - 1))))
    return "\n".join(
        [
            f"name: {scalar(title)}",
            f"driver: {driver}",
            "providers:  # mocked: a run calls none of them and needs no keys",
            *(f"  {(each + ':').ljust(width)} {flow(fields)}" for each, fields in listed.items()),
            f"order: {flow(list(listed))}  # the first one is asked first",
            f"retry: {{attempts: {_ATTEMPTS}}}  # tries at one provider, the first included",
            f"timeout: {timeout_s}s  # of an attempt",
            "",
        ]
    )


def _provider(written: str) -> tuple[str, dict[str, str]]:
    """Return the name and the fields of a provider that is written as LiteLLM does."""
    vendor, model = provider_of({"model": written})
    if vendor is None or not all(written.split("/")):
        hint = "write it with its vendor: openai/gpt-4o"
        raise UsageError(f"not known whose model {written!r} is", where="--provider", hint=hint)
    name = vendor.replace("_", "-")
    if (dialect := dialect_of_litellm(vendor)) is not None:
        return name, {"dialect": dialect.name, "model": model}
    if vendor in VENDORS:
        return name, {"dialect": COMPATIBLE, "vendor": vendor, "model": model}
    known = [*DIALECTS.names(), *VENDORS]
    hint = did_you_mean(vendor, known) or f"if it speaks OpenAI's format, write `dialect: {COMPATIBLE}` in the file"
    raise UsageError(f"unknown provider {vendor!r}", where="--provider", known=", ".join(known), hint=hint)
