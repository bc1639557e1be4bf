"""The adapter over toxiproxy-python: the same calls, but bounded in time, never through a proxy, and strict.

The library speaks to one server per process (its address is a class attribute), and so does this adapter. Every call
blocks; `server.Toxiproxy` makes them from a thread of its own.
"""

from __future__ import annotations

from typing import Any

import requests
import toxiproxy.api
from toxiproxy import Toxiproxy
from toxiproxy.api import APIConsumer
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from harness.errors import HarnessError

TIMEOUT_S = 5.0
_LATENCY = "latency"
_RESET = "reset_peer"
_DELAY_MS_MAX = 24 * 3600 * 1000


class WedgedError(Exception):
    """The server did not answer in time; it will not recover, only a new one helps."""


class _Session(requests.Session):
    """Stands in for the `requests` module in the library, which sets no timeout and takes a 500 for success."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def request(self, method: str, url: str, **options: Any) -> requests.Response:  # type: ignore[override]
        options["timeout"] = TIMEOUT_S
        try:
            answer = super().request(method, url, **options)
        except requests.RequestException as error:
            raise WedgedError(f"{method} {url}: {type(error).__name__}") from error
        if answer.status_code >= 400 and answer.status_code not in {400, 404, 409}:  # those the library raises itself
            raise HarnessError(f"{method} {url} gave {answer.status_code}: {_text(answer.content)}", where="toxiproxy")
        return answer


class Client:
    """Calls of one Toxiproxy server's API. Proxies are known by ids that fit into a URL path.

    Args:
        port: Of the API, on the loopback.
    """

    def __init__(self, port: int) -> None:
        self._api = Toxiproxy()
        self._session = _Session()
        toxiproxy.api.requests = self._session
        self._api.update_api_consumer("127.0.0.1", port)

    def proxies(self) -> frozenset[str]:
        """Return the ids of the server's proxies; none if it is another kind of server that answers."""
        try:
            return frozenset(self._strict(self._api.proxies))
        except (HarnessError, TypeError, KeyError, AttributeError):
            return frozenset()

    def delete(self, proxy: str) -> None:
        """Take a proxy away."""
        self._strict(APIConsumer.delete, f"/proxies/{proxy}")

    def create(self, proxy: str, *, upstream: str, listen: str, enabled: bool) -> None:
        """Make a proxy with its two standing toxics.

        Both have toxicity 0 and so do nothing, until `latency` is turned up. Toxics are never added nor removed later:
        removing one that holds data can hang the server. `reset_peer` is there for what it does at toxicity 0: it
        makes both ends of every connection close by RST, so that a close at the edge arrives as one.
        """
        made = self._strict(self._api.create, upstream=upstream, name=proxy, listen=listen, enabled=enabled)
        for kind, attributes in ((_LATENCY, {"latency": 0, "jitter": 0}), (_RESET, {"timeout": 0})):
            self._strict(made.add_toxic, name=kind, type=kind, toxicity=0.0, attributes=attributes)

    def enable(self, proxy: str, *, enabled: bool) -> None:
        """Let a proxy accept connections, or refuse them and drop those it has; its port stays the same."""
        self._strict(APIConsumer.post, f"/proxies/{proxy}", json={"enabled": enabled})

    def latency(self, proxy: str, *, delay_ns: int, jitter_ns: int) -> None:
        """Delay what the upstream sends, on old and new connections alike, by `delay_ns` give or take `jitter_ns`.

        A delay of 0 takes the delay away and lets go at once of what was held back. Toxiproxy counts in milliseconds;
        a fraction is rounded up. Bad values would crash the server, so they are checked here.
        """
        latency, jitter = -(-delay_ns // 10**6), -(-jitter_ns // 10**6)
        if not 0 <= jitter <= latency <= _DELAY_MS_MAX:
            raise HarnessError(
                f"a delay of {latency} ms give or take {jitter} ms is not possible",
                where="toxiproxy",
                known="a delay of up to 24 h, with a jitter no larger than the delay",
            )
        toxic: dict[str, Any] = {"toxicity": 0.0}
        if latency:
            toxic = {"toxicity": 1.0, "attributes": {"latency": latency, "jitter": jitter}}
        self._strict(APIConsumer.post, f"/proxies/{proxy}/toxics/{_LATENCY}", json=toxic)

    def close(self) -> None:
        """Let go of the connection to the server."""
        self._session.close()

    @staticmethod
    def _strict(call: Any, *args: Any, **options: Any) -> Any:
        try:
            return call(*args, **options)
        except (InvalidToxic, NotFound, ProxyExists) as error:
            raise HarnessError(f"{type(error).__name__}: {_text(error.args[0])}", where="toxiproxy") from error
        except ValueError as error:
            raise HarnessError(f"answered something that is not JSON: {error}", where="toxiproxy") from error


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace").strip()[:300]
