"""The chain host of a live run: `python -m harness.drivers.openai_sdk`, a part."""

from __future__ import annotations

import sys

from harness import part
from harness.drivers.openai_sdk.host import serve
from harness.errors import HarnessError


def main() -> int:
    """Run the host to its end; a problem that the user can solve is said in one line, on standard error."""
    try:
        part.main("chain", serve)
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
