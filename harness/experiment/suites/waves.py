"""Which runs of a suite go side by side, and the gate at which those of a wave wait for each other.

The imports of a run's parts cost seconds of CPU, which would disturb runs that are being measured. So runs go in
waves: all parts of a wave start together, each run waits at a gate until every other is ready, and then all begin.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from harness.engines import Gate
from harness.experiment.suites.jobs import Job
from harness.scenario import Plan
from harness.scenario.arrivals import planned

RUN_CPU_S = 0.06
"""CPU seconds per second that a run's processes take to watch themselves."""
REQUEST_CPU_S = 0.016
"""CPU seconds of one answered request, in all processes on its way."""
STREAM_CPU_S = 0.015
"""What a stream takes on top of that."""
FAILURE_CPU_S = 0.016
"""CPU seconds of one failed attempt: LiteLLM writes a traceback and hides the secrets in it."""
SHARE_OF_CORES = 0.8
"""How much of the machine the busiest second of a wave may take, as far as it can be foreseen."""
JOBS_PER_CORE = 4
"""More would not be ready in time: the imports of one run take a core for about 7 s."""
_NOT_RETRIED = frozenset({400, 401, 402, 404, 413, 422})


def cpu_by_second(plan: Plan) -> list[float]:
    """Return how many cores a run is expected to take in each second of its phases."""
    request_s = REQUEST_CPU_S + STREAM_CPU_S * plan.load.streamed
    cores = []
    for second in range(-(-plan.end_ns // 10**9)):
        failed = sum(_failures(plan, name, second) for name in plan.chain.order)
        cores.append(
            RUN_CPU_S + planned(plan.load, second * 10**9, (second + 1) * 10**9) * (request_s + FAILURE_CPU_S * failed)
        )
    return cores


def _failures(plan: Plan, provider: str, second: int) -> float:
    """Return how many failed attempts at a provider a request is expected to make in some second."""
    tries = plan.facts.attempts_max([provider])
    return max(
        (
            window.share
            / (window.every or 1)
            * min(1 if window.inject.status in _NOT_RETRIED else tries, window.first or tries)
            for window in plan.timeline.at(provider)
            if window.start_ns < (second + 1) * 10**9 and window.end_ns > second * 10**9
            if window.inject.fault_kind.fails
        ),
        default=0.0,
    )


def claims(job: Job) -> frozenset[str]:
    """Return what a run needs for itself: fixed ports, a gateway that is running already, a real provider's quota."""
    chain = job.loaded.chain
    found = {f"port {provider.listen.rpartition(':')[2]}" for provider in chain.providers.values() if provider.listen}
    found |= {f"upstream {urlsplit(p.upstream).netloc}" for p in chain.providers.values() if p.upstream}
    if chain.endpoint is not None:
        address = urlsplit(chain.endpoint.base_url)
        found.add(f"port {address.port or (443 if address.scheme == 'https' else 80)}")
    return frozenset(found)


@dataclass(slots=True)
class Wave:
    """Runs that go side by side.

    Attributes:
        jobs: In the order in which they were put in.
    """

    jobs: list[Job] = field(default_factory=list)
    _claims: set[str] = field(default_factory=set)
    _cores: list[float] = field(default_factory=list)

    @property
    def length_s(self) -> float:
        """The longest run's length, in seconds."""
        return max(job.length_s for job in self.jobs)

    @property
    def cores(self) -> float:
        """How many cores the busiest second is expected to take."""
        return max(self._cores)

    def takes(self, job: Job, *, cores_max: float, most: int) -> bool:
        """Take a run in, if it disturbs none of the others; return whether it was taken."""
        wanted, more = claims(job), cpu_by_second(job.loaded.plan)
        length = max(len(more), len(self._cores))
        together = [sum(pair) for pair in zip(_padded(more, length), _padded(self._cores, length), strict=True)]
        if self.jobs and (len(self.jobs) >= most or wanted & self._claims or max(together) > cores_max):
            return False
        self.jobs.append(job)
        self._claims |= wanted
        self._cores = together
        return True


def _padded(values: list[float], length: int) -> list[float]:
    return values + [0.0] * (length - len(values))


def pack(jobs: Sequence[Job], *, cores: int, most: int | None = None) -> list[Wave]:
    """Return the waves, the longest first; runs of about the same length go together, so that few wait for one.

    Args:
        jobs: All runs.
        cores: Of this machine.
        most: Runs of a wave at most; as many as are ready in time if None.
    """
    waves: list[Wave] = []
    cores_max, most = SHARE_OF_CORES * cores, most or JOBS_PER_CORE * cores
    for job in sorted(jobs, key=lambda job: -job.length_s):
        if not any(wave.takes(job, cores_max=cores_max, most=most) for wave in waves):
            waves.append(Wave())
            waves[-1].takes(job, cores_max=cores_max, most=most)  # an empty one takes whatever comes
    return waves


def together(jobs: Sequence[Job]) -> list[Wave]:
    """Return one wave of all runs: runs in virtual time do not disturb each other."""
    return [Wave(jobs=list(jobs))] if jobs else []


class StartGate:
    """Opens once every run of a wave has come to it, or will never come.

    Args:
        runs: How many runs are awaited.
    """

    def __init__(self, runs: int) -> None:
        self._awaited = runs
        self._open = asyncio.Event()

    async def opened(self) -> None:
        """Return when it is open."""
        await self._open.wait()

    @asynccontextmanager
    async def ticket(self) -> AsyncIterator[Gate]:
        """Give one run the call at which it waits; a run that leaves without having come is awaited no more."""
        came = False

        def count() -> None:
            nonlocal came
            if not came:
                came = True
                self._awaited -= 1
                if self._awaited <= 0:
                    self._open.set()

        async def wait() -> None:
            count()
            await self._open.wait()

        try:
            yield wait
        finally:
            count()
