"""A gateway of one's own that cannot be used: it dies, is never ready, finds its port taken or its key missing."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import pytest

from harness.chain import Endpoint
from harness.drivers.endpoint import Probe
from harness.errors import HarnessError
from harness.live.processes import OwnedProcess
from tests.system.chains import behind
from tests.system.conftest import Start

pytestmark = pytest.mark.system

KEY = "hunter3-hunter3-hunter3"


SHORT = """\
name: short
chain: chain.yaml
load: {rate: 14/s, arrivals: constant, streaming: 30%, deadline: 5s}
phases: {only: 2s}
faults: []
"""


def test_a_gateway_that_dies_at_its_start(start: Start) -> None:
    """Exit 4 with its last output, in which no secret is."""
    run = start(
        SHORT, behind(f"--die no-such-model:{KEY} --key-variable OUR_KEY", api_key="env/OUR_KEY"), env={"OUR_KEY": KEY}
    )
    code, out, err = run.end()

    assert code == 4, (out, err)
    assert "chain: ended before its time (exit code 1)" in err + out
    assert "my key is (hidden)" in err + out
    assert KEY not in err + out
    assert run.leftovers() == []


def test_a_gateway_that_is_never_ready(tmp_path: Path) -> None:
    """The wait ends with what it waited for, and with the gateway's last output."""
    log = tmp_path / "chain.log"
    command = [sys.executable, "-c", "import time; print('loading weights', flush=True); time.sleep(60)"]
    endpoint = Endpoint(base_url="http://127.0.0.1:1/v1", model="m", ready="/health")
    probe = Probe(endpoint, {})

    async def said() -> bool:
        return log.stat().st_size > 0

    async def run() -> None:
        async with OwnedProcess("chain", command, log=log) as child:
            await child.until(said, timeout_s=60, what="say anything")
            await child.until(probe.ready, timeout_s=0.1, what=probe.what)

    with pytest.raises(HarnessError, match=r"did not answer GET /health at 127\.0\.0\.1:1 with a 2xx within") as caught:
        asyncio.run(asyncio.wait_for(run(), 60))

    assert "loading weights" in str(caught.value)


def test_a_port_in_use_is_not_taken_for_the_gateway(start: Start) -> None:
    """A stranger at the gateway's port ends the run before the gateway is started; the port is named."""
    with socket.socket() as stranger:
        stranger.bind(("127.0.0.1", 0))
        stranger.listen()
        port = stranger.getsockname()[1]
        run = start(SHORT, behind("", port=port))
        code, out, err = run.end()

    assert code == 4, (out, err)
    assert f"something already runs at 127.0.0.1:{port}" in out + err
    (folder,) = run.reports.glob("*/2*")
    assert not (folder / "logs" / "chain.log").exists()


def test_a_key_that_is_not_set_is_reported_before_anything_is_made(start: Start) -> None:
    """Exit 2, the variable's name, and no run folder."""
    run = start(SHORT, behind("", api_key="env/NOBODY_SETS_THIS"))
    code, out, err = run.end()

    assert code == 2, (out, err)
    assert "NOBODY_SETS_THIS is not set" in out + err
    assert not run.reports.exists()
