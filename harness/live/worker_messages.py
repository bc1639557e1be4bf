"""Messages of a load that several processes share: of the runner and its master, and of the master and its workers.

The plan, the clock's beginning and the counts are messages of `harness.messages`, as for a load in one process.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.messages import Refused, StartMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterStart(StartMessage):
    """Start message of the load process that is to be the master.

    Attributes:
        token: What a worker must have to be let in.
        host: Where it listens; 127.0.0.1 unless the user asked for another address.
        port: 0 for any free one.
        local: How many workers the runner starts.
        expected: How many come from elsewhere.
    """

    token: str = field(repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    local: int = 0
    expected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterReady:
    """The master listens."""

    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something that the user should know, such as that a worker was refused.

    Attributes:
        text: In a sentence.
    """

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GaveUp:
    """The last message of a part that ends by an error of its own finding."""

    error: Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class AllJoined:
    """All workers have come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSummary:
    """What is known of a worker after the run.

    Attributes:
        name: `worker-1`, …
        requests: How many arrivals of the plan it had, later turns of conversations included.
        same_clock: Its clock is the master's, so nothing is estimated.
        offset_ns: How far its clock was ahead of the master's, in nanoseconds.
        bound_ns: How far that estimate can be off at most.
        drift_ns: How far the offset moved during the run.
    """

    name: str
    requests: int
    same_clock: bool
    offset_ns: int = 0
    bound_ns: int = 0
    drift_ns: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkersDone:
    """The rows of all workers are in the run's folder."""

    workers: tuple[WorkerSummary, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinStart(StartMessage):
    """Start message of a worker.

    Attributes:
        host: Where the master listens.
        port: Likewise.
        token: See `MasterStart`.
        name: What the runner calls it; None where the master is to choose.
        scratch: Where the rows are kept until the end on another machine, which has no `capture`: they are sent to the master then.
    """

    host: str
    port: int
    token: str = field(repr=False)
    name: str | None = None
    scratch: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """The first message of a worker to its master.

    Attributes:
        token: See `MasterStart`.
        harness: Version of the harness.
        locust: Version of Locust.
        name: See `JoinStart`.
        clock: Names the clock of its machine since it was booted; None where that is not known.
        sends_rows: The master is to fetch its rows at the end.
    """

    token: str = field(repr=False)
    harness: str
    locust: str
    name: str | None = None
    clock: str | None = None
    sends_rows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """A worker belongs to the run.

    Attributes:
        name: By which it is known from now on.
    """

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alive:
    """Sent every `HEARTBEAT_S` by the master to each worker, and by each worker to the master."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockQuestion:
    """The master asks a worker for the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockAnswer:
    """A worker's time when it had the question, in nanoseconds of its own monotonic clock."""

    at_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetch:
    """The master asks for the next rows. At the first question a worker ends what it is doing and closes its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsPiece:
    """A piece of a worker's file of rows.

    Attributes:
        data: The bytes.
        sha256: Hash of the whole file, hexadecimal, with its last piece; None before.
    """

    data: bytes
    sha256: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Over:
    """The run is over: a worker ends.

    Attributes:
        whole: It came to its end, and the master has every row.
    """

    whole: bool
