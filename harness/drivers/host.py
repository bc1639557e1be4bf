"""What the live engine must know to host a chain, whatever hosts it."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.chain import Chain
from harness.chain.litellm_router import router_settings
from harness.chain.openai_sdk import sdk_settings
from harness.drivers.endpoint import Probe, fill, headers, remarks
from harness.errors import UsageError

_PROXY_NEEDS = ("litellm_proxy_extras", "uvicorn")  # some of what the extra `proxy` brings


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadTarget:
    """What the load sends, and where.

    Attributes:
        base_url: Up to and including `/v1`.
        model: What callers ask for.
        headers: Sent along with every request.
        addressable: The model to ask for to reach a provider, by provider: one warm-up call each.
        warnings: What the host could not carry over, in sentences.
    """

    base_url: str
    model: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    addressable: dict[str, str]
    warnings: tuple[str, ...] = ()


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

    def start_message(self, capture: Path | None, base_urls: Mapping[str, str], *, seed: int) -> dict[str, Any]:
        """Return the part's start message; for its standard input alone, as it holds the chain's secrets.

        Args:
            capture: The folder for its rows; None records nothing.
            base_urls: Where each provider is called, by name, without the dialect's own path.
            seed: Of the plan: fixes what a policy of ours draws.
        """
        message = {"chain": self.chain, "base_urls": dict(base_urls), "seed": seed}
        return message if capture is None else {**message, "capture": str(capture)}

    def command(self, base_urls: Mapping[str, str]) -> tuple[str, ...] | None:
        """Return the user's own command that starts the gateway, or None; addresses as in `start_message`."""
        endpoint = self.chain.endpoint
        return None if endpoint is None or endpoint.command is None else fill(endpoint.command, base_urls)

    def address(self, ready: Mapping[str, Any] | None) -> LoadTarget:
        """Return what the load sends, and where.

        Args:
            ready: The part's ready message; None where there is no part.
        """
        if ready is not None:
            return LoadTarget(
                base_url=ready["base_url"],
                model=ready["model"],
                headers=ready.get("headers", {}),
                addressable=ready["addressable"],
                warnings=tuple(ready["warnings"]),
            )
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
