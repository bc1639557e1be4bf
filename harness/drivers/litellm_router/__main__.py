"""The chain host of a live run: `python -m harness.drivers.litellm_router`, a part."""

from __future__ import annotations

from contextlib import suppress
from typing import NoReturn

from harness import part
from harness.drivers.litellm_router.host import enter
from harness.drivers.litellm_router.router import silence
from harness.drivers.server import serving
from harness.messages import ChainStart


def preload() -> None:
    """Import LiteLLM: it takes seconds, while the other parts start, or before a run begins at all."""
    silence()
    import litellm  # noqa: F401, PLC0415 - slow

    with suppress(ImportError):  # it opens a listener when it is imported, and some versions import it in a call
        import urllib3.util.connection  # noqa: F401, PLC0415


def main() -> NoReturn:
    """Run the host."""
    preload()
    part.main("chain", ChainStart, serving(enter))


if __name__ == "__main__":
    main()
