"""Where a chain is to run and what callers ask it for, by the command line."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path

from harness.chain.driver import DRIVERS, driver_of
from harness.chain.spec import LITELLM_VERSION, Chain, EnvironmentSpec
from harness.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHome:
    """Where a chain is to run and what callers ask it for, in place of what the files name.

    Attributes:
        python: The interpreter; its path is relative to the working directory.
        litellm: The version of LiteLLM in an environment that is built for it.
        model: What callers ask for; for LiteLLM configurations, and chain files with `chains`.
    """

    python: str | None = None
    litellm: str | None = None
    model: str | None = None

    def of(self, chain: Chain) -> Chain:
        """Return a chain that runs there.

        Raises:
            UsageError: Its driver cannot host it in another interpreter, or the two contradict each other.
        """
        if self.model is not None and chain.litellm is None and not chain.chains:
            problem = f"{chain.name} is neither a LiteLLM configuration nor a chain file with `chains`"
            raise UsageError(problem, where="--model", hint="leave --model out")
        if self.python is None and self.litellm is None:
            return chain
        option = "--litellm" if self.python is None else "--python"
        if self.python is not None and self.litellm is not None:
            raise UsageError("--python and --litellm do not go together", where=option)
        if "python" not in driver_of(chain).keys:
            known = ", ".join(name for name, driver in DRIVERS.own.items() if "python" in driver.keys)
            raise UsageError(f"does not go with `driver: {chain.driver}` of {chain.name}", where=option, known=known)
        if self.python is not None:
            return replace(chain, python=os.path.normpath(Path.cwd() / self.python), environment=None)
        if re.fullmatch(LITELLM_VERSION, self.litellm or "") is None:
            raise UsageError(f"not a version: {self.litellm!r}", where=option, hint="--litellm 1.90.0")
        packages = () if chain.environment is None else chain.environment.packages
        return replace(chain, python=None, environment=EnvironmentSpec(litellm=self.litellm, packages=packages))

    @property
    def words(self) -> list[str]:
        """What to write on a command line."""
        return [
            word
            for option, value in (("--python", self.python), ("--litellm", self.litellm), ("--model", self.model))
            if value is not None
            for word in (option, value)
        ]


AT_HOME = ChainHome()
"""Where the chain's file names it."""
