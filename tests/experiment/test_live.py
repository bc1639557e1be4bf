"""A run carried out live, with an engine that is played."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from harness.engines import Quiet
from harness.experiment import live
from harness.experiment.suites.jobs import jobs
from harness.live.toxiproxy import Binary
from harness.store import RunFolder
from tests.experiment.files import scenario

KEY = "sk-thisisasecretkey0123456789"


@pytest.mark.parametrize("cut", [asyncio.CancelledError, KeyboardInterrupt])
def test_a_run_that_is_cut_short_shows_no_secret(
    cut: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a suite too, where nobody else would clean the logs of the runs under way."""
    (job,) = jobs([scenario(tmp_path, "one")])
    folder = RunFolder.create(tmp_path / "reports", job.loaded.plan)

    async def run(*_args: Any, **_options: Any) -> None:
        (folder.logs / "chain.log").write_text(f"calling with {KEY}\n")
        raise cut

    monkeypatch.setattr(live.engine, "run", run)
    binary = Binary(path=tmp_path, version="2.12.0", source="path", why="")
    with pytest.raises(cut):
        asyncio.run(live.carry_out(job.loaded, folder, binary=binary, progress=Quiet(), command=""))
    assert (folder.logs / "chain.log").read_text() == "calling with (hidden)\n"
