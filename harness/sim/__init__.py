"""The sim engine: the same plan on the same chain code, in virtual time."""

from harness.drivers.in_process import prepare
from harness.sim.engine import SimResult, records, run

__all__ = ["SimResult", "prepare", "records", "run"]
