"""What all tests share: profiles for property tests, inherited signals, asynchronous tests and other interpreters.

`ci` is derandomised, so that a red build is red again.
"""

import asyncio
import inspect
import os
import signal
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings
from xdist.scheduler.loadfile import LoadFileScheduling

from harness.drivers import litellm_asked
from tests.interpreters import environment
from tests.questions import asked_in_a_fork

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's `make test &` ignores it, and so would every child

settings.register_profile("ci", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("dev", deadline=None)
SDK = "tests/provider/sdk/"
"""What all files in this folder read is measured once, which takes most of a minute."""
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish() -> None:
    """Write down which lines were reached: a worker that takes long to end is killed, and would lose them."""
    if measured := Coverage.current():
        measured.save()


class FilesOfAMeasurementTogether(LoadFileScheduling):
    """Gives the tests of a file to one process, and those of all files that share a long measurement."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        return SDK if file.startswith(SDK) else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesOfAMeasurementTogether:
    """Return what gives tests to processes; its number of processes is that of the command line."""
    return FilesOfAMeasurementTogether(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run a test that is a coroutine function on an event loop of its own."""
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    asyncio.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}))
    return True


@pytest.fixture(scope="session", autouse=True)
def quick_questions() -> Iterator[None]:
    """Let this process ask our own LiteLLM in forks of one process, as its import takes most of the time of an answer.

    Its program is the same. Commands that tests start ask as ever.
    """
    plain = litellm_asked._asked
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(litellm_asked, "_asked", partial(asked_in_a_fork, plain))
        yield


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give an interpreter in an environment without any package."""
    return environment(tmp_path_factory.mktemp("bare") / "venv")


@pytest.fixture(scope="session")
def same_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give another interpreter with the packages that the tests run with."""
    return environment(tmp_path_factory.mktemp("same") / "venv", ours=True)
