"""The chain host of a live run, for any driver that needs no program of its own: `python -m harness.drivers.part DRIVER`."""

from __future__ import annotations

import sys

from harness import part
from harness.chain.driver import DRIVERS
from harness.drivers.server import serving
from harness.messages import ChainStart

if __name__ == "__main__":
    driver = DRIVERS[sys.argv[1]]
    assert driver.in_process is not None
    driver.preload()
    part.main("chain", ChainStart, serving(driver.in_process))
