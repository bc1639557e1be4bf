"""What the live engine must know to host a chain, whatever hosts it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from harness.chain import Chain
from harness.chain.litellm_router import router_settings
from harness.chain.openai_sdk import sdk_settings
from harness.drivers.endpoint import Probe, fill, headers, remarks
from harness.errors import UsageError
from harness.messages import ChainStart, LoadTarget

_PROXY_NEEDS = ("litellm_proxy_extras", "uvicorn")  # some of what the extra `proxy` brings


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """How one chain is hosted.

    Attributes:
        chain: With its secrets.
        part: Arguments of our own child that hosts the chain; None where the chain is not ours to host.
        sees_attempts: Attempts are recorded on the chain's side too. Where not, a refused connection is seen by nobody.
    """

    chain: Chain
    part: tuple[str, ...] | None
    sees_attempts: bool

    def start_message(self, capture: Path | None, base_urls: Mapping[str, str], *, seed: int) -> ChainStart:
        """Return the part's start message; for its standard input alone, as it holds the chain's secrets.

        Args:
            capture: The folder for its rows; None records nothing.
            base_urls: Where each provider is called, by name, without the dialect's own path.
            seed: Of the plan: fixes what a policy of ours draws.
        """
        folder = None if capture is None else str(capture)
        return ChainStart(chain=self.chain, base_urls=dict(base_urls), seed=seed, capture=folder)

    def command(self, base_urls: Mapping[str, str]) -> tuple[str, ...] | None:
        """Return the user's own command that starts the gateway, or None; addresses as in `start_message`."""
        endpoint = self.chain.endpoint
        return None if endpoint is None or endpoint.command is None else fill(endpoint.command, base_urls)

    def target(self) -> LoadTarget:
        """Return what the load sends to a gateway that is not ours to host, and where."""
        endpoint = self.chain.endpoint
        assert endpoint is not None
        return LoadTarget(
            base_url=endpoint.base_url.rstrip("/"),
            model=endpoint.model,
            headers=headers(endpoint, os.environ),
            addressable={self.chain.order[0]: endpoint.model},
            warnings=remarks(endpoint),
        )

    def probe(self) -> Probe | None:
        """Return what tells whether the user's own gateway is ready; None where the chain is ours to host."""
        endpoint = self.chain.endpoint
        return None if endpoint is None else Probe(endpoint, headers(endpoint, os.environ))


def host(chain: Chain) -> Host:
    """Return how a chain is hosted.

    Raises:
        UsageError: Its driver cannot do what the chain asks for, or a key is not set.
    """
    if chain.endpoint is not None:
        host = Host(chain=chain, part=None, sees_attempts=False)
        host.command(dict.fromkeys(chain.providers, ""))
        headers(chain.endpoint, os.environ)
        return host
    if chain.driver == "openai-sdk":
        sdk_settings(chain)
        return Host(chain=chain, part=(sys.executable, "-m", "harness.drivers.openai_sdk"), sees_attempts=True)
    if chain.driver == "reference":
        return Host(chain=chain, part=(sys.executable, "-m", "harness.drivers.reference"), sees_attempts=True)
    router_settings(chain, {}, os.environ)
    if chain.driver == "litellm-proxy":
        if not all(map(find_spec, _PROXY_NEEDS)):
            hint = "pip install 'llm-fallback-harness[proxy]'"
            raise UsageError("LiteLLM's proxy is not installed", where="driver", hint=hint)
        part = (sys.executable, "-m", "harness.drivers.litellm_proxy", str(chain.workers))
        return Host(chain=chain, part=part, sees_attempts=True)
    return Host(chain=chain, part=(sys.executable, "-m", "harness.drivers.litellm_router"), sees_attempts=True)
