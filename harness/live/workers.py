"""How the runner spreads the load over several processes: a master, workers on this machine, and workers from elsewhere."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from harness.errors import HarnessError
from harness.live.ports import Proxies
from harness.live.processes import OwnedProcess
from harness.live.worker_messages import AllJoined, JoinStart, MasterReady, MasterStart, WorkersDone, WorkerSummary
from harness.messages import LoadStart

LOAD_PART = (sys.executable, "-m", "harness.live.locustfile")
"""The program of the load, its master and its workers."""
COLLECT_S = 600.0
"""How long the rows of workers elsewhere may take: gigabytes over a slow network."""
WORKERS_PROXY = "@workers"
"""Name of a proxy that no provider can have."""
_TOKEN_BYTES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadSetup:
    """In which processes the load of a run runs.

    Attributes:
        workers: How many workers to start on this machine.
        expected: How many come from elsewhere. With neither, one process does it all.
        host: Where the master listens.
        port: 0 for any free one.
        token: What a worker from elsewhere must have; None where none is expected.
        web_ui: Serve Locust's own web UI on the loopback.
    """

    workers: int = 0
    expected: int = 0
    host: str = "127.0.0.1"
    port: int = 0
    token: str | None = field(default=None, repr=False)
    web_ui: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """What the workers on this machine are called."""
        return tuple(f"worker-{number}" for number in range(1, self.workers + 1))

    @property
    def words(self) -> tuple[str, ...]:
        """The options of the command line that say so."""
        found: list[str] = []
        found += ["--workers", str(self.workers)] if self.workers else []
        found += ["--expect-workers", str(self.expected)] if self.expected else []
        found += ["--master", f"{self.host}:{self.port}"] if self.port else []
        return (*found, *(["--locust-ui"] if self.web_ui else []))

    @property
    def spread(self) -> bool:
        """There is a master."""
        return bool(self.workers or self.expected)


ALONE = LoadSetup()
"""One process is the whole load."""


async def gather(
    setup: LoadSetup,
    load: OwnedProcess,
    workers: Mapping[str, OwnedProcess],
    *,
    capture: Path,
    say: Callable[[str], None],
) -> None:
    """Make the load process the master, and return when every worker has joined it.

    Args:
        setup: How many there are.
        load: The load process, which has no start message yet.
        workers: The workers on this machine, by name; likewise.
        capture: Where they write their rows.
        say: Shows how to start those from elsewhere.

    Raises:
        HarnessError: A worker did not come, or the master cannot listen.
    """
    token = setup.token or secrets.token_hex(_TOKEN_BYTES)
    start = MasterStart(
        token=token,
        host=setup.host,
        port=setup.port,
        local=setup.workers,
        expected=setup.expected,
        capture=str(capture),
    )
    port = (await load.ready(start, MasterReady)).port
    for name, worker in workers.items():
        own = "127.0.0.1" if setup.host == "0.0.0.0" else setup.host  # noqa: S104 - only compared
        await worker.send(JoinStart(host=own, port=port, token=token, name=name, capture=str(capture)))
    if setup.expected:
        plural = "workers" if setup.expected > 1 else "worker"
        say(f"waiting for {setup.expected} {plural}: harness worker --master {setup.host}:{port}")
    await load.receive(AllJoined)


async def reachable(setup: LoadSetup, start: LoadStart, proxies: Proxies) -> LoadStart:
    """Make a chain on the loopback reachable for workers on other machines; return the start message that says so.

    It listens where the master does, on the next port, and only if the user let the master listen beyond the loopback.

    Args:
        setup: Where the master listens.
        start: The load's start message.
        proxies: Toxiproxy.

    Raises:
        HarnessError: The port is in use.
    """
    parts = urlsplit(start.base_url)
    host, port = parts.hostname or "", parts.port or 80
    if not setup.expected or is_loopback(setup.host) or not is_loopback(host):
        return start
    listen = f"{setup.host}:{setup.port + 1 if setup.port else 0}"
    upstream = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    address = await proxies.add(WORKERS_PROXY, upstream=upstream, listen=listen)
    headers = {"host": parts.netloc.rpartition("@")[2], **start.headers}  # a gateway may choose by the host's name
    return replace(start, headers=headers, relay_port=int(address.rpartition(":")[2]))


def is_loopback(host: str) -> bool:
    """Return whether an address or name is this machine's alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def collected(setup: LoadSetup, load: OwnedProcess) -> tuple[WorkerSummary, ...]:
    """Return what is known of the workers, once all of their rows are in the run's folder.

    Raises:
        HarnessError: They are not, after a long time.
    """
    if not setup.spread:
        return ()
    try:
        return (await asyncio.wait_for(load.receive(WorkersDone), COLLECT_S)).workers
    except TimeoutError:
        raise HarnessError(f"did not collect the workers' rows within {COLLECT_S:g} s", where="load") from None
