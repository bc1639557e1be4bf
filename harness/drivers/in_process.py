"""Host a chain in this very process, without an endpoint in front of it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager

from harness.chain import Chain
from harness.chain.driver import DRIVERS, driver_of
from harness.drivers.environment import HostEnvironment
from harness.drivers.recorder import Recorder
from harness.drivers.server import InProcessChain
from harness.errors import UsageError


def simulable(chain: Chain) -> None:
    """Return if a chain can be hosted in a process of ours.

    Raises:
        UsageError: It cannot.
    """
    if driver_of(chain).in_process is None:
        raise UsageError(
            f"a chain with `driver: {chain.driver}` runs in processes of its own, so only a live run can host it",
            where="driver",
            known=", ".join(name for name, known in DRIVERS.own.items() if known.in_process is not None),
            hint="--engine live",
        )


def prepare(chain: Chain) -> None:
    """Import what a chain needs; it may take seconds.

    Raises:
        UsageError: It cannot be hosted in a process of ours.
    """
    simulable(chain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a library's, of which somebody's test settings must not make errors
        driver_of(chain).preload()


def quick(chain: Chain) -> AbstractContextManager[None]:
    """Leave out the chain's own work that does not affect the history, while this is entered."""
    return driver_of(chain).shortcuts()


def enter(
    chain: Chain, base_urls: Mapping[str, str], recorder: Recorder, environment: HostEnvironment
) -> AbstractAsyncContextManager[InProcessChain]:
    """Host a chain that was prepared; see `Open`."""
    host = driver_of(chain).in_process
    assert host is not None
    return host(chain, base_urls, recorder, environment)
