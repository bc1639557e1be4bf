"""The chain host of a live run: `python -m harness.drivers.reference`, a part."""

from __future__ import annotations

from harness import part
from harness.drivers.reference.host import enter
from harness.drivers.server import serving

try:
    from uvloop import new_event_loop
except ImportError:  # there is none for Windows, and the loop that Python brings will do
    new_event_loop = None

if __name__ == "__main__":
    part.main("chain", serving(enter), loop_factory=new_event_loop)
