"""What the chain file of a Python function must hold. Nothing is imported: that is its host's."""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.chain.python_variables import REFERENCE, real_keys
from harness.chain.spec import PLACEHOLDER, Chain, ChainError
from harness.document import did_you_mean

_PLACE = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*:[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check(chain: Chain) -> None:
    """Refuse a target that cannot be imported, whatever is installed, and variables that cannot be set.

    Raises:
        ChainError: What is wrong.
    """
    for key in ("target", "setup"):
        place = getattr(chain, key)
        if place is not None and not _PLACE.fullmatch(place):
            hint = f"write `{key}: package.module:function`"
            raise ChainError(f"expected the place of a function, found {place!r}", (key,), hint=hint)
    for name, value in chain.env.items():
        if not _VARIABLE.fullmatch(name) or "\0" in value:
            raise ChainError("this variable cannot be set", ("env", name), hint="letters, digits and _ in its name")
        for provider in PLACEHOLDER.findall(value):
            if provider not in chain.providers:
                raise ChainError(
                    f"unknown provider {provider!r}",
                    ("env", name),
                    known=", ".join(chain.providers),
                    hint=did_you_mean(provider, chain.providers),
                )


def warnings(chain: Chain, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return what will not be as it is in production, in sentences.

    Args:
        chain: The chain.
        environ: The environment; what is looked up in it reaches the process that hosts the chain.
    """
    real_keys(chain, environ)
    return tuple(
        f"env.{name}: {reference[1]} is not set, so {name} is not either"
        for name, value in chain.env.items()
        if (reference := REFERENCE.fullmatch(value)) and reference[1] not in environ
    )
