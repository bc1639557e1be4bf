"""The chain host of a live run: `python -m harness.drivers.litellm_router`, a part."""

from __future__ import annotations

import sys

from harness import part
from harness.drivers.litellm_router.host import serve
from harness.drivers.litellm_router.router import silence
from harness.errors import HarnessError


def preload() -> None:
    """Import LiteLLM: it takes seconds, which pass while the other parts start, or before a run begins at all."""
    silence()
    import litellm  # noqa: F401, PLC0415 - slow


def main() -> int:
    """Run the host to its end; a problem that the user can solve is said in one line, on standard error."""
    preload()
    try:
        part.main("chain", serve)
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
