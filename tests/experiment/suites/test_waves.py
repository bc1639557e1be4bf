"""Which runs go side by side, and how they wait for each other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from harness.experiment.suites.jobs import Job, jobs
from harness.experiment.suites.waves import JOBS_PER_CORE, SHARE_OF_CORES, StartGate, claims, cpu_by_second, pack
from tests.experiment.files import chain, scenario


def job(folder: Path, name: str, *, baseline_s: float = 5, rate: float = 1) -> Job:
    """Return a run of a scenario of some length and load."""
    return jobs([scenario(folder, name, baseline_s=baseline_s, rate=rate)])[0]


def test_runs_of_about_the_same_length_go_together(tmp_path: Path) -> None:
    """The longest first, so that few runs wait for one; none is lost, none comes twice."""
    found = [job(tmp_path, f"s{length}", baseline_s=length) for length in (10, 60, 20, 50, 30, 40)]
    waves = pack(found, cores=2, most=2)
    assert [[round(job.length_s) for job in wave.jobs] for wave in waves] == [[65, 55], [45, 35], [25, 15]]
    assert [wave.length_s for wave in waves] == [65, 45, 25]


def test_a_wave_leaves_room_on_the_cores(tmp_path: Path) -> None:
    """Busy runs are kept apart, quiet ones fill the gaps; what is too much for any wave goes alone."""
    found = [job(tmp_path, f"s{place}", rate=8) for place in range(4)]
    found += [job(tmp_path, "monster", rate=500), job(tmp_path, "quiet", rate=0.5)]
    waves = pack(found, cores=2)
    assert sorted(job.name for wave in waves for job in wave.jobs) == sorted(job.name for job in found)
    for wave in waves:
        names = [job.loaded.plan.name for job in wave.jobs]
        assert names == ["monster"] or wave.cores <= SHARE_OF_CORES * 2
    assert max(len(wave.jobs) for wave in waves) > 1


def test_faults_cost_more_than_answers(tmp_path: Path) -> None:
    """A failed attempt is what LiteLLM is slow at: seconds in a fault weigh more."""
    cores = cpu_by_second(job(tmp_path, "one", baseline_s=3, rate=10).loaded.plan)
    assert len(cores) == 8
    assert max(cores[:3]) < min(cores[3:])


def test_no_wave_has_more_runs_than_can_get_ready(tmp_path: Path) -> None:
    """However quiet they are."""
    waves = pack([job(tmp_path, f"s{place}", rate=0.1) for place in range(20)], cores=1)
    assert max(len(wave.jobs) for wave in waves) == JOBS_PER_CORE


def test_runs_that_need_the_same_port_never_meet(tmp_path: Path) -> None:
    """A provider's fixed listener, or a gateway's address, belongs to one run at a time."""
    paths = [scenario(tmp_path, name) for name in ("one", "two", "free")]
    fixed = chain(tmp_path, "fixed", listen="127.0.0.1:18081")
    found = [*jobs(paths[:2], chains=[fixed]), *jobs(paths[2:])]
    assert [claims(job) for job in found] == [{"port 18081"}, {"port 18081"}, frozenset()]
    waves = pack(found, cores=2)
    assert sorted(len(wave.jobs) for wave in waves) == [1, 2]


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("base_url: http://127.0.0.1:8787/v1", {"port 8787", "port 18081"}),
        ("base_url: https://gateway.test/v1", {"port 443", "port 18081"}),
    ],
)
def test_a_gateway_that_is_running_already_is_one(tmp_path: Path, extra: str, expected: set[str]) -> None:
    """Two runs through it at once would be each other's load."""
    gateway = tmp_path / "gateway.yaml"
    gateway.write_text(
        f"name: gateway\ndriver: endpoint\nendpoint: {{{extra}, model: gpt-4}}\n"
        'providers: {openai: {dialect: openai, model: gpt-4, listen: "127.0.0.1:18081"}}\norder: [openai]\n'
    )
    (found,) = jobs([scenario(tmp_path, "one")], chains=[gateway])
    assert claims(found) == expected


async def _arrive(gate: StartGate, log: list[str], name: str) -> None:
    async with gate.ticket() as wait:
        log.append(f"{name} came")
        await wait()
        log.append(f"{name} began")


def test_nobody_begins_before_all_are_there() -> None:
    """All come, then all begin."""

    async def story() -> list[str]:
        gate, log = StartGate(3), []
        await asyncio.wait_for(asyncio.gather(*(_arrive(gate, log, name) for name in "abc")), 5)
        return log

    assert [line.split()[1] for line in asyncio.run(story())] == ["came"] * 3 + ["began"] * 3


@pytest.mark.parametrize("end", ["fails", "is cancelled"])
def test_a_run_that_never_comes_is_not_waited_for(end: str) -> None:
    """It failed at its start, or somebody ended it: the others begin all the same."""

    async def lost(gate: StartGate) -> None:
        async with gate.ticket():
            if end == "fails":
                raise RuntimeError
            await asyncio.get_running_loop().create_future()

    async def story() -> list[str]:
        gate, log = StartGate(2), []
        other = asyncio.create_task(lost(gate))
        waiting = asyncio.create_task(_arrive(gate, log, "a"))
        for _ in range(5):
            await asyncio.sleep(0)  # not to wait: to let both get to where they stop
        if end == "is cancelled":
            assert log == ["a came"]
            other.cancel()
        await asyncio.wait_for(waiting, 5)
        await asyncio.gather(other, return_exceptions=True)
        return log

    assert asyncio.run(story()) == ["a came", "a began"]


def test_a_run_that_has_begun_is_counted_once() -> None:
    """Its end after the gate opens it for nobody else."""

    async def story() -> bool:
        gate = StartGate(3)
        async with gate.ticket() as first:
            task = asyncio.ensure_future(first())
            await asyncio.sleep(0)
            task.cancel()
        async with gate.ticket():
            pass
        return gate._open.is_set()

    assert asyncio.run(story()) is False
