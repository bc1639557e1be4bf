"""The adapter over toxiproxy-python: the same calls, but bounded in time, never through a proxy, and strict.

The library speaks to one server per process: the address is an attribute of its class `APIConsumer`. Several runs in one
process have a server each, so each client makes a subclass of its own, and passes its session along with every call.
Every call blocks; `server.Toxiproxy` makes them from a thread of its own.
"""

from __future__ import annotations

from typing import Any

import requests
import toxiproxy.api
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
    """Makes calls that are bounded in time and checked: the library sets no timeout and takes a 500 for success."""

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


class _Requests:
    """Stands in for the `requests` module in the library: a call is made by the session that it brings along."""

    @staticmethod
    def get(*, session: _Session, **options: Any) -> requests.Response:
        return session.get(**options)

    @staticmethod
    def post(*, session: _Session, **options: Any) -> requests.Response:
        return session.post(**options)

    @staticmethod
    def delete(*, session: _Session, **options: Any) -> requests.Response:
        return session.delete(**options)


toxiproxy.api.requests = _Requests


class Client:
    """Calls of one Toxiproxy server's API. Proxies are known by ids that fit into a URL path.

    Args:
        port: Of the API, on the loopback.
    """

    def __init__(self, port: int) -> None:
        self._session = _Session()
        self._api: Any = type("Consumer", (APIConsumer,), {"host": "127.0.0.1", "port": port})

    def proxies(self) -> frozenset[str]:
        """Return the ids of the server's proxies; none if it is another kind of server that answers."""
        try:
            found = self._strict(self._api.get, "/proxies").json()
        except (HarnessError, ValueError):
            return frozenset()
        known = isinstance(found, dict) and all(
            isinstance(proxy, dict) and "listen" in proxy for proxy in found.values()
        )
        return frozenset(found) if known else frozenset()

    def delete(self, proxy: str) -> None:
        """Take a proxy away."""
        self._strict(self._api.delete, f"/proxies/{proxy}")

    def create(self, proxy: str, *, upstream: str, listen: str, enabled: bool) -> None:
        """Make a proxy with its two standing toxics.

        Both have toxicity 0 and so do nothing, until `latency` is turned up. Toxics are never added nor removed later:
        removing one that holds data can hang the server. `reset_peer` is there for what it does at toxicity 0: it
        makes both ends of every connection close by RST, so that a close at the edge arrives as one.
        """
        fields = {"name": proxy, "upstream": upstream, "listen": listen, "enabled": enabled}
        self._strict(self._api.post, "/proxies", json=fields)
        for kind, attributes in ((_LATENCY, {"latency": 0, "jitter": 0}), (_RESET, {"timeout": 0})):
            toxic = {"name": kind, "type": kind, "stream": "downstream", "toxicity": 0.0, "attributes": attributes}
            self._strict(self._api.post, f"/proxies/{proxy}/toxics", json=toxic)

    def enable(self, proxy: str, *, enabled: bool) -> None:
        """Let a proxy accept connections, or refuse them and drop those it has; its port stays the same."""
        self._strict(self._api.post, f"/proxies/{proxy}", json={"enabled": enabled})

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
        self._strict(self._api.post, f"/proxies/{proxy}/toxics/{_LATENCY}", json=toxic)

    def close(self) -> None:
        """Let go of the connection to the server."""
        self._session.close()

    def _strict(self, call: Any, url: str, **options: Any) -> Any:
        try:
            return call(url, session=self._session, **options)
        except (InvalidToxic, NotFound, ProxyExists) as error:
            raise HarnessError(f"{type(error).__name__}: {_text(error.args[0])}", where="toxiproxy") from error


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace").strip()[:300]
