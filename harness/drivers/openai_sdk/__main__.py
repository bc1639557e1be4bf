"""The chain host of a live run: `python -m harness.drivers.openai_sdk`, a part."""

from __future__ import annotations

from harness import part
from harness.drivers.openai_sdk.host import enter
from harness.drivers.server import serving
from harness.messages import ChainStart

if __name__ == "__main__":
    part.main("chain", ChainStart, serving(enter))
