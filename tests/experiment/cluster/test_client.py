"""A cluster that is not there."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from harness import experiment
from harness.engines import Engine, Quiet
from harness.errors import ExitCode, HarnessError, UsageError
from harness.experiment.cluster import client
from tests.experiment.files import scenario
from tests.plans import chain_file


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """A scenario on a chain that can be sent to a cluster."""
    (tmp_path / "chain.yaml").write_text(chain_file("openai", "azure"))
    return scenario(tmp_path, "one")


@pytest.mark.parametrize(
    "address", ["127.0.0.1:8786", "tcp://127.0.0.1", "http://127.0.0.1:8786", "tcp://[::1", "tcp://a:b"]
)
def test_what_is_no_address_is_a_mistake_of_the_users(address: str) -> None:
    """Dask itself would wait for it, or listen there."""
    with pytest.raises(UsageError, match="is not an address"):
        client.checked(address)


def test_only_simulations_run_on_a_cluster(one: Path, tmp_path: Path) -> None:
    """A live run needs ports and a machine that is not busy."""
    with pytest.raises(UsageError, match="only a simulation"):
        experiment.suite(
            [one], reports=tmp_path, progress=Quiet(), engine=Engine.LIVE, scheduler="tcp://127.0.0.1:8786"
        )


def test_a_scheduler_that_is_not_there_ends_the_command(
    one: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bounded time, with the command that starts one; no folder of a suite is left."""
    monkeypatch.setattr(client, "ANSWER_S", 0.2)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # taken, and nobody listens
        address = f"tcp://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(HarnessError, match="no scheduler answers") as error:
            experiment.suite([one], reports=tmp_path / "r", progress=Quiet(), engine=Engine.SIM, scheduler=address)
    assert error.value.exit_code == ExitCode.HARNESS
    assert "dask scheduler" in (error.value.hint or "")
    assert not [*(tmp_path / "r").glob("suites/*")]
