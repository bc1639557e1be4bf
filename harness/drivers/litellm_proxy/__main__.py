"""The chain host of a live run: `python -m harness.drivers.litellm_proxy`, a part that starts and ends the workers."""

from __future__ import annotations

import sys

from harness import part
from harness.drivers.litellm_proxy.host import serve
from harness.errors import HarnessError


def main() -> int:
    """Run the host to its end; what went wrong is said in one line, on standard error."""
    try:
        part.main("chain", serve)
    except HarnessError as error:
        sys.stderr.write(f"error: {error}\n")
        return int(error.exit_code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
