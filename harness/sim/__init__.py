"""The sim engine: the same plan on the same chain code, in virtual time."""

from typing import TYPE_CHECKING

from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.sim.rows import prepare
    from harness.sim.runs import ChainEngine, SimResult, records, result, run

__all__ = ["ChainEngine", "SimResult", "prepare", "records", "result", "run"]

__getattr__ = lazy_names(__name__, {**dict.fromkeys(__all__, "runs"), "prepare": "rows"})
