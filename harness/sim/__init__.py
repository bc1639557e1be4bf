"""The sim engine: the same plan on the same chain code, in virtual time."""

from harness.sim.engine import SimResult, prepare, records, run

__all__ = ["SimResult", "prepare", "records", "run"]
