"""Host a chain in this very process, without an endpoint in front of it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from importlib import import_module

from harness.chain import Chain
from harness.drivers.environment import HostEnvironment
from harness.drivers.recorder import Recorder
from harness.drivers.server import InProcessChain, Open
from harness.errors import UsageError

_HOSTS = {
    "litellm-router": "harness.drivers.litellm_router.host",
    "openai-sdk": "harness.drivers.openai_sdk.host",
    "reference": "harness.drivers.reference.host",
}


def prepare(chain: Chain) -> None:
    """Import what a chain needs, which may take seconds.

    Raises:
        UsageError: It cannot be hosted in a process of ours.
    """
    if chain.driver not in _HOSTS:
        raise UsageError(
            f"a chain with `driver: {chain.driver}` runs in processes of its own, so only a live run can host it",
            where="driver",
            known=", ".join(_HOSTS),
            hint="--engine live",
        )
    if chain.driver == "litellm-router":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a library's, of which somebody's test settings must not make errors
            import_module("harness.drivers.litellm_router.__main__").preload()
            import_module("harness.drivers.litellm_router.fast").warm()


def quick(chain: Chain) -> AbstractContextManager[None]:
    """Leave out the chain's own work that no history shows, while this is entered."""
    if chain.driver != "litellm-router":
        return nullcontext()
    without: AbstractContextManager[None] = import_module("harness.drivers.litellm_router.fast").fast()
    return without


def enter(
    chain: Chain, base_urls: Mapping[str, str], recorder: Recorder, environment: HostEnvironment
) -> AbstractAsyncContextManager[InProcessChain]:
    """Host a chain that was prepared; see `Open`."""
    host: Open = import_module(_HOSTS[chain.driver]).enter
    return host(chain, base_urls, recorder, environment)
