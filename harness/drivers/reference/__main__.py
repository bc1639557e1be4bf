"""The chain host of a live run: `python -m harness.drivers.reference`, a part."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any

from harness import part
from harness.drivers.reference.host import enter
from harness.drivers.server import serving


def serve(tie: part.Part) -> AbstractAsyncContextManager[dict[str, Any]]:
    """Host the chain in the start message; its policy draws as it does in a simulation of the same plan."""
    return serving(partial(enter, seed=tie.config["seed"]))(tie)


if __name__ == "__main__":
    part.main("chain", serve)
