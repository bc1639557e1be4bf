"""The runner's side of a Dask cluster: its workers that can be used, one question at a time for each of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import warnings
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_hex
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from harness.errors import HarnessError, UsageError
from harness.experiment.cluster import shipping
from harness.experiment.cluster.shipping import HARNESS, versions
from harness.extras import DASK
from harness.quantities import listed
from harness.waiting import poll, to_the_end

if TYPE_CHECKING:
    from distributed import Client

_WORKER = "harness.experiment.cluster.worker"

ANSWER_S = 20.0
"""How long a scheduler may take to answer."""
WORKERS_S = 20.0
"""How long to wait for a worker where there is none."""
ABOUT_S = 60.0
"""How long a worker may take to name its versions; it imports the harness for that."""
WATCH_S = 0.5
TRIES_MAX = 3
"""How many workers one question may be put to; what loses that many may be the cause."""
_END_S = 5.0
_NAMED_MAX = 3
_RESUME = "finish a suite with --resume DIR once there are workers again"


@dataclass(eq=False, slots=True)
class ClusterWorker:
    """A worker that can be used.

    Attributes:
        address: Its name in the cluster.
        lost: Set once it is gone.
    """

    address: str
    lost: asyncio.Event = field(default_factory=asyncio.Event)


class LostError(HarnessError):
    """A worker was lost while it worked for us."""


class Cluster:
    """The workers of a scheduler that run what we run.

    Args:
        client: Connected.
        address: The scheduler's.
        wanted: The versions that a worker must have, by name.
        say: Shows one thing worth knowing.

    Attributes:
        session: Names what this command has asked for.
        workers: Those that can be used at present, by address.
    """

    def __init__(self, client: Client, address: str, *, wanted: Mapping[str, str], say: Callable[[str], None]) -> None:
        self.session = f"harness-{token_hex(8)}"
        self.workers: dict[str, ClusterWorker] = {}
        self.client = client
        self._address = address
        self._wanted = wanted
        self._say = say
        self._refused: dict[str, str] = {}
        self._lost: list[str] = []
        self._gone: HarnessError | None = None
        self._free: asyncio.Queue[ClusterWorker | None] = asyncio.Queue()

    @classmethod
    @asynccontextmanager
    async def connected(
        cls, address: str, names: Sequence[str], *, say: Callable[[str], None]
    ) -> AsyncIterator[Cluster]:
        """Connect to a scheduler, and have its workers at hand; leaving ends what is under way for us there.

        Args:
            address: `tcp://HOST:PORT`.
            names: Distributions of which a worker must have the same version as we have.
            say: Shows one thing worth knowing.

        Raises:
            UsageError: The extra is not installed, or this is no address.
            HarnessError: There is no scheduler, or none of its workers can be used.
        """
        DASK.need()
        checked(address)
        from distributed import Client  # noqa: PLC0415 - an extra

        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what goes wrong is said by us
        client = Client(address, asynchronous=True, timeout=ANSWER_S, set_as_default=False)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of other versions of Dask: those that do not fit raise an error
                await client
        except (OSError, TimeoutError) as error:
            await _closed(client)
            raise HarnessError(
                f"no scheduler answers within {ANSWER_S:g} s ({type(error).__name__})",
                where=address,
                hint="start one: dask scheduler --host 127.0.0.1 --no-dashboard",
            ) from None
        self = cls(client, address, wanted=versions(names), say=say)
        watching: asyncio.Task[None] | None = None
        try:
            await self._first()
            watching = asyncio.create_task(self._watch())
            yield self
        finally:
            if watching is not None:
                watching.cancel()
            await to_the_end(self._left())

    async def ask(self, name: str, *arguments: Any) -> Any:
        """Have the next free worker call a function of `harness.experiment.cluster.worker`, with our session before its arguments.

        A worker that is lost over it is replaced by another.

        Raises:
            HarnessError: The scheduler or all workers are gone, or too many were lost over this.
        """
        for left in reversed(range(TRIES_MAX)):
            worker = await self._next()
            try:
                return await self.on(worker, name, *arguments)
            except LostError as lost:
                if not left:
                    lost.problem = f"{TRIES_MAX} workers were lost over the same run: {listed(self._lost[-TRIES_MAX:])}"
                    raise
                self._say(f"{worker.address} was lost; what it was at is done again elsewhere")
            finally:
                if not worker.lost.is_set():
                    self._free.put_nowait(worker)
        raise AssertionError

    async def on(self, worker: ClusterWorker, name: str, *arguments: Any) -> Any:
        """Have one worker call a function, as `ask` does.

        Raises:
            LostError: It was lost.
            HarnessError: The scheduler is gone, or the worker cannot do it.
        """
        future: Any = self.client.submit(
            _called,
            _WORKER,
            name,
            self.session,
            *arguments,
            workers=[worker.address],
            allow_other_workers=False,
            pure=False,
        )
        answering, losing = asyncio.ensure_future(_result(future)), asyncio.ensure_future(worker.lost.wait())
        try:
            await asyncio.wait([answering, losing], return_when=asyncio.FIRST_COMPLETED)
            if self._gone is not None:
                raise self._gone
            if not answering.done():
                raise LostError("was lost in mid-run", where=worker.address)
            return self._answer(worker, answering.result())
        finally:
            answering.cancel()
            losing.cancel()
            future.release()

    def _answer(self, worker: ClusterWorker, outcome: tuple[Any, BaseException | None]) -> Any:
        result, error = outcome
        if error is None:
            return result
        if type(error).__name__ == "KilledWorker":
            raise LostError("was lost in mid-run", where=worker.address)
        if isinstance(error, CancelledError):
            raise self._gone or _no_scheduler(self._address)
        raise HarnessError(f"{type(error).__name__}: {error}", where=worker.address, hint="a bug of the harness")

    async def _next(self) -> ClusterWorker:
        """Return a worker that is free, once there is one.

        Raises:
            HarnessError: There will be none.
        """
        while True:
            worker = await self._free.get()
            if worker is None:
                assert self._gone is not None
                self._free.put_nowait(None)  # whoever else waits learns it too
                raise self._gone
            if not worker.lost.is_set():
                return worker

    async def _first(self) -> None:
        """Find the workers.

        Raises:
            HarnessError: There is none that can be used.
        """

        async def found() -> bool:
            await self._look()
            return bool(self.workers or self._refused)

        await poll(found, timeout_s=WORKERS_S)
        if not self.workers:
            known = "\n    ".join(["", *(f"{at}: {why}" for at, why in self._refused.items())])
            raise HarnessError(
                f"none of its {len(self._refused)} workers can be used" if self._refused else "it has no worker",
                where=self._address,
                known=known.strip() or None,
                hint=f"start one for each core: dask worker {self._address} --nthreads 1 --nworkers N",
            )

    async def _look(self) -> None:
        """Take note of workers that came, and of those that are gone.

        Raises:
            HarnessError: The scheduler does not answer.
        """
        try:
            threads = await asyncio.wait_for(self.client.nthreads(), ANSWER_S)
        except (OSError, TimeoutError, RuntimeError):
            raise _no_scheduler(self._address) from None
        for address in self.workers.keys() - threads.keys():
            self._lost.append(address)
            self.workers.pop(address).lost.set()
        for address in threads.keys() - self.workers.keys() - self._refused.keys():
            if why := await self._unfit(address, threads[address]):
                self._refused[address] = why
                self._say(f"{address} is not used: {why}")
            else:
                self.workers[address] = worker = ClusterWorker(address)
                self._free.put_nowait(worker)

    async def _unfit(self, address: str, threads: int) -> str | None:
        """Return why a worker cannot be used; None if it can."""
        if threads != 1:
            return f"it has {threads} threads, and runs need a worker each: --nthreads 1"
        asked = self.client.run(
            _called, shipping.__name__, "versions", tuple(self._wanted), workers=[address], on_error="return"
        )
        try:
            answers = await asyncio.wait_for(asked, ABOUT_S)
        except (OSError, TimeoutError):
            return f"it did not name its versions within {ABOUT_S:g} s"
        found = answers.get(address)
        if not isinstance(found, Mapping):
            return f"it has no {HARNESS} that can be imported ({found})"
        return next(
            (
                f"it has {name} {found.get(name, 'not')}, and we have {version}: install the same there"
                for name, version in self._wanted.items()
                if found.get(name) != version
            ),
            None,
        )

    async def _watch(self) -> None:
        """Take note of who comes and goes, until the scheduler or the last worker is gone."""
        try:
            while self.workers or await poll(self._back, timeout_s=WORKERS_S):
                await asyncio.sleep(WATCH_S)
                await self._look()
            self._gone = HarnessError(
                f"no worker is left; lost: {listed(self._lost, most=_NAMED_MAX)}", where=self._address, hint=_RESUME
            )
        except HarnessError as gone:
            self._gone = gone
        for worker in self.workers.values():
            worker.lost.set()
        self._free.put_nowait(None)

    async def _back(self) -> bool:
        await self._look()
        return bool(self.workers)

    async def _left(self) -> None:
        """End what is under way for us, and close the connection."""
        if self.workers and self._gone is None:
            ending = self.client.run(_called, _WORKER, "end", self.session, workers=[*self.workers], on_error="ignore")
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(ending, _END_S)
        await _closed(self.client)


def checked(address: str) -> None:
    """See that a text can be the address of a scheduler.

    Raises:
        UsageError: It cannot.
    """
    try:
        parts = urlsplit(address)
        right = parts.scheme in {"tcp", "tls"} and bool(parts.hostname) and bool(parts.port)
    except ValueError:
        right = False
    if not right:
        raise UsageError(
            f"{address!r} is not an address", where="--scheduler", known="tcp://HOST:PORT, tls://HOST:PORT"
        )


async def _called(module: str, name: str, *arguments: Any) -> Any:
    """Call a function of ours in a worker, after importing it beside the worker's event loop, which must not stand still."""
    from asyncio import to_thread  # noqa: PLC0415 - this function travels alone
    from importlib import import_module  # noqa: PLC0415 - as above
    from inspect import isawaitable  # noqa: PLC0415 - as above

    answer = getattr(await to_thread(import_module, module), name)(*arguments)
    return await answer if isawaitable(answer) else answer


_called.__module__ = "__main__"  # so it is sent itself: the scheduler opens what is sent, and need not have the harness


async def _result(future: Any) -> tuple[Any, BaseException | None]:
    """Return what a question came to, or what was raised over it."""
    try:
        return await future, None
    except Exception as error:  # Dask's own cancellation is one; ours is not
        return None, error


async def _closed(client: Client) -> None:
    with contextlib.suppress(OSError, TimeoutError):
        await asyncio.wait_for(client.close(), _END_S)


def _no_scheduler(address: str) -> HarnessError:
    return HarnessError("the scheduler is gone", where=address, hint=_RESUME)
