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
_BANDWIDTH = "bandwidth"
_RESET = "reset_peer"
_DELAY_MS_MAX = 24 * 3600 * 1000
_RATE_MAX = 10**6


class WedgedError(Exception):
    """The server did not answer in time; it will not recover, only a new one helps."""


class _BoundedSession(requests.Session):
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


class _SessionCalls:
    """Stands in for the `requests` module in the library: a call is made by the session that it brings along."""

    @staticmethod
    def get(*, session: _BoundedSession, **options: Any) -> requests.Response:
        return session.get(**options)

    @staticmethod
    def post(*, session: _BoundedSession, **options: Any) -> requests.Response:
        return session.post(**options)

    @staticmethod
    def delete(*, session: _BoundedSession, **options: Any) -> requests.Response:
        return session.delete(**options)


toxiproxy.api.requests = _SessionCalls


class ApiClient:
    """Calls of one Toxiproxy server's API. Proxies are known by ids that fit into a URL path.

    Args:
        port: Of the API, on the loopback.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._session = _BoundedSession()
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

    def create(self, proxy: str, *, upstream: str, listen: str, enabled: bool, resets: bool) -> None:
        """Make a proxy with its standing toxics.

        All have toxicity 0 and so do nothing, until `latency`, `bandwidth` or `resets` turns one up. Toxics are never added nor
        removed later: removing one that holds data can hang the server. `reset_peer` is there for what it does at toxicity
        0: it makes both ends of every connection close by RST, so that a reset by the edge arrives as one. So does a mere
        close then, which is why only a proxy that `resets` has it.
        """
        fields = {"name": proxy, "upstream": upstream, "listen": listen, "enabled": enabled}
        self._strict(self._api.post, "/proxies", json=fields)
        # In this order: a delay counts from when the bytes came, so behind a throttle it would be spent before they are.
        standing: dict[str, dict[str, int]] = {_LATENCY: {"latency": 0, "jitter": 0}, _BANDWIDTH: {"rate": 1}}
        if resets:
            standing[_RESET] = {"timeout": 0}
        for kind, attributes in standing.items():
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
        self._turn(proxy, _LATENCY, {"latency": latency, "jitter": jitter}, on=latency > 0)

    def bandwidth(self, proxy: str, *, bytes_per_second: int) -> None:
        """Limit how fast the upstream's bytes pass, each connection by itself; 0 limits them no more.

        Toxiproxy counts in thousands of bytes a second. At a rate of 0 it would spin for ever, so it is checked here.
        """
        rate, rest = divmod(bytes_per_second, 1000)
        if rest or not 0 <= rate <= _RATE_MAX:
            raise HarnessError(
                f"a speed of {bytes_per_second} bytes/s is not possible",
                where="toxiproxy",
                known="whole thousands, up to a thousand million",
            )
        self._turn(proxy, _BANDWIDTH, {"rate": rate}, on=rate > 0)

    def resets(self, proxy: str, *, on: bool) -> None:
        """Reset every connection at the first byte that the upstream sends, on old and new connections alike.

        The proxy must have been made with `resets`.
        """
        self._turn(proxy, _RESET, {"timeout": 0}, on=on)

    def _turn(self, proxy: str, kind: str, attributes: dict[str, int], *, on: bool) -> None:
        toxic: dict[str, Any] = {"toxicity": 1.0, "attributes": attributes} if on else {"toxicity": 0.0}
        self._strict(self._api.post, f"/proxies/{proxy}/toxics/{kind}", json=toxic)

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
