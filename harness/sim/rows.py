"""Where a simulated run is carried out: in this process, or in the chain's own interpreter; no history is made, and so no column."""

from __future__ import annotations

from harness.chain import Chain
from harness.drivers import in_process
from harness.drivers.interpreter import interpreter_of
from harness.messages import RunRows
from harness.scenario import Plan
from harness.sim import engine
from harness.sim.engine_process import engine_process


def prepare(chain: Chain) -> None:
    """Import what runs on a chain need, where they will be; it may take seconds.

    Raises:
        UsageError: Only a live run can host it, or its interpreter cannot be used.
    """
    in_process.simulable(chain)
    interpreter = interpreter_of(chain)
    if interpreter is None:
        engine.prepare(chain)
    else:
        engine_process(interpreter).prepare(chain)


def rows(plan: Plan, chain: Chain, *, optimised: bool = True, chain_seed: int | None = None) -> RunRows:
    """Carry a plan out in virtual time, and return what its parts wrote.

    Args:
        plan: What to do.
        chain: The chain, with its secrets.
        optimised: Leave out the chain's own work that no history shows.
        chain_seed: Fixes the random draws of the chain; if None, the plan's seed does.

    Raises:
        UsageError: Only a live run can do this.
        UnrealError: Something real was tried, nothing could ever happen again, or there is no end.
    """
    interpreter = interpreter_of(chain)
    if interpreter is None:
        return engine.run(plan, chain, optimised=optimised, chain_seed=chain_seed)
    return engine_process(interpreter).run(plan, chain, optimised=optimised, chain_seed=chain_seed)
