"""Keep a port for a listener that comes and goes."""

from __future__ import annotations

import socket
import sys

from harness.errors import HarnessError


class Port:
    """A port of our own, kept from the moment it is chosen.

    While a provider refuses connections its port is closed, and the system could give it to another process,
    or to a caller as its own end: such a caller would reach itself. A socket that is bound but never listens prevents
    both, and on Linux does not hinder the listener.

    Args:
        listen: `host:port`; port 0 chooses a free one.
        what: Whose it is, for the error.

    Raises:
        HarnessError: It is in use, or not an address of this machine.
    """

    def __init__(self, listen: str, *, what: str) -> None:
        host, _, number = listen.rpartition(":")
        try:
            family, kind, _, _, address = socket.getaddrinfo(host.strip("[]"), int(number), type=socket.SOCK_STREAM)[0]
            self._guard = socket.socket(family, kind)
        except (OSError, ValueError) as error:
            raise HarnessError(f"{listen!r} is no address to listen on: {error}", where=what) from None
        try:
            self._guard.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._guard.bind(address)
        except OSError as error:
            self._guard.close()
            raise HarnessError(
                f"cannot listen on {listen}: {error.strerror}",
                where=what,
                hint="end the program that uses the port, or give another `listen` address",
            ) from None
        self._bound = self._guard.getsockname()
        self._ignoring: list[socket.socket] = []
        self.number: int = self._bound[1]
        self.address = f"{host}:{self.number}"
        if sys.platform != "linux":  # elsewhere the listener could not bind beside it
            self._guard.close()

    def ignore(self) -> None:
        """Let no connection try complete, while no other listener has the port.

        A listener that accepts nothing, and whose queue of accepted connections is full, drops what asks for another one.
        The caller's system then asks again and again, until the caller's patience is over.

        Raises:
            HarnessError: Another listener has the port.
        """
        self.attend()
        listener, filler = (socket.socket(self._guard.family, self._guard.type) for _ in range(2))
        self._ignoring = [listener, filler]
        filler.settimeout(0)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(self._bound)
            listener.listen(0)  # has room for one
        except OSError as error:
            self.attend()
            raise HarnessError(f"cannot listen on {self.address}: {error.strerror}", where="toxiproxy") from None
        filler.connect_ex(self._bound)

    def attend(self) -> None:
        """Ignore connection attempts no longer: until a program listens, they are refused."""
        for each in self._ignoring:
            each.close()
        self._ignoring.clear()

    def close(self) -> None:
        """Keep it no longer."""
        self.attend()
        self._guard.close()
