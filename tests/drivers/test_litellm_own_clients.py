"""The clients that LiteLLM makes once for a process."""

from __future__ import annotations

from types import SimpleNamespace

from harness.drivers.litellm_router.router import _own_client
from harness.patches import ABSENT


class Client:
    """LiteLLM's, as far as it matters here."""

    def __init__(self, *, timeout: float) -> None:
        self.timeout = timeout


def test_a_chain_has_clients_of_its_own() -> None:
    """A LiteLLM that made one when it was imported would not make another: streams of some providers need it."""
    made = Client(timeout=1)
    eager = SimpleNamespace(module_level_aclient=made, request_timeout=600)
    own = _own_client(eager, "module_level_aclient")
    assert isinstance(own, Client)
    assert own is not made
    assert own.timeout == 600
    assert _own_client(SimpleNamespace(request_timeout=600), "module_level_aclient") is ABSENT
