"""Chains that are not LiteLLM: a gateway of one's own, whatever it does to a request, and plain Python."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.chain import Endpoint
from harness.drivers import Probe
from harness.errors import HarnessError
from harness.live.processes import Child
from tests.system.conftest import SCENARIO, Start

pytestmark = pytest.mark.system

KEY = "hunter2-hunter2-hunter2"


def behind(gateway: str, *, port: int | None = None, **more: Any) -> str:
    """Return a chain behind the test's gateway.

    Args:
        gateway: Its options.
        port: Where it listens; any free one if None.
        more: More of `endpoint:`.
    """
    if port is None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
    program = [sys.executable, str(Path(__file__).with_name("gateway.py")), str(port)]
    command = [*program, "{openai.base_url}/v1", "{backup.base_url}/v1", *gateway.split()]
    reply = {"ttft": "20ms", "tokens": 5, "tokens_per_second": 0}
    provider = {"dialect": "openai", "model": "gpt-4", "reply": reply}
    chain = {
        "name": "ours",
        "driver": "endpoint",
        "endpoint": {"base_url": f"http://127.0.0.1:{port}/v1", "model": "best", "command": command, **more},
        "providers": {"openai": provider, "backup": provider},
        "order": ["openai", "backup"],
        "retry": {"attempts": 1},
    }
    return json.dumps(chain)  # which is YAML


def test_a_gateway_that_changes_all_it_can(start: Start) -> None:
    """One that needs a key and time, renames models, strips headers, holds streams back and cuts them anew.

    Everything still joins its request by the marker in the prompt, every answer is whole, and its key shows nowhere.
    """
    chain = behind(
        f"--rename other-model --no-keep-alive --slow-start 1 --key-variable OUR_KEY --api-key {KEY}-too",
        api_key="env/OUR_KEY",
        ready="/health",
        headers={"x-team": "chaos"},
    )
    run = start(SCENARIO.replace("deadline", "streaming: 40%, deadline"), chain, env={"OUR_KEY": KEY})
    run.until(1)
    listed = subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    code, out, err = run.end(within_s=120)

    assert code == 0, (out, err)
    folder = Path(json.loads(out)["run"])
    requests = pd.read_parquet(folder / "requests.parquet")
    assert set(requests["streaming"]) == {True, False}
    assert requests["complete"].all()
    attempts = pd.read_parquet(folder / "attempts.parquet")
    assert attempts["request_id"].notna().all()
    assert set(attempts["model"]) == {"other-model"}
    assert set(attempts["seen_by"]) == {"edge"}
    assert set(requests.loc[requests["phase"] == "fault", "served_by"]) == {"backup"}
    log = (folder / "logs" / "chain.log").read_text()
    assert "my key is (hidden)" in log
    assert not any(KEY.encode() in path.read_bytes() for path in run.reports.rglob("*") if path.is_file())
    assert not re.search(rf"{KEY}(?!-too)", out + err + listed)
    assert run.leftovers() == []


SHORT = """\
name: short
chain: chain.yaml
load: {rate: 14/s, arrivals: constant, streaming: 30%, deadline: 5s}
phases: {only: 2s}
"""
SHAPES = ("html", "empty", "no-choices", "choices-empty", "null", "error", "drop")


def test_a_gateway_that_answers_in_the_wrong_shape(start: Start) -> None:
    """Every request has its record, which says what came; nothing counts as complete, and nothing broke in the load."""
    run = start(SHORT, behind(" ".join(f"--answer {shape}" for shape in SHAPES)))
    code, out, err = run.end(within_s=120)

    answer = json.loads(out)
    assert (code, answer["verdict"]["status"]) == (1, "fail"), err
    assert [row["id"] for row in answer["verdict"]["findings"] if row["status"] == "fail"] == ["error_swallowed"]
    folder = Path(answer["run"])
    requests = pd.read_parquet(folder / "requests.parquet")
    assert len(requests) == 28 + 1
    assert not requests["complete"].any()
    assert requests["error"].notna().all()
    told = " ".join(requests["error"])
    for what in ("HTML", "empty", "no choices", "overloaded", "closed before an answer", "no event in the stream"):
        assert what in told
    assert "Traceback" not in (folder / "logs" / "load.log").read_text() + err


def test_a_gateway_that_dies_at_its_start(start: Start) -> None:
    """Exit 4 with its last output, in which no secret is."""
    run = start(
        SHORT, behind(f"--die no-such-model:{KEY} --key-variable OUR_KEY", api_key="env/OUR_KEY"), env={"OUR_KEY": KEY}
    )
    code, out, err = run.end(within_s=60)

    assert code == 4, (out, err)
    assert "chain: ended before its time (exit code 1)" in err + out
    assert "no-such-model:(hidden)" in err + out
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
        async with Child("chain", command, log=log) as child:
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
        code, out, err = run.end(within_s=60)

    assert code == 4, (out, err)
    assert f"something already runs at 127.0.0.1:{port}" in out + err
    (folder,) = run.reports.glob("*/2*")
    assert not (folder / "logs" / "chain.log").exists()


def test_a_key_that_is_not_set_is_said_before_anything_is_made(start: Start) -> None:
    """Exit 2, the variable's name, and no run folder."""
    run = start(SHORT, behind("", api_key="env/NOBODY_SETS_THIS"))
    code, out, err = run.end(within_s=60)

    assert code == 2, (out, err)
    assert "NOBODY_SETS_THIS is not set" in out + err
    assert not run.reports.exists()


PLAIN = """\
name: plain
driver: openai-sdk
providers:
  openai: {dialect: openai, model: gpt-4, reply: {ttft: 20ms, tokens: 5, tokens_per_second: 0}}
  azure:  {dialect: azure,  model: gpt-4, reply: {ttft: 20ms, tokens: 5, tokens_per_second: 0}}
order: [openai, azure]
retry: {attempts: 2}
timeout: 5s
"""


def test_the_chain_of_plain_python(start: Start) -> None:
    """OpenAI's SDK and a second client, without a gateway: retried, fallen back, and seen from both sides."""
    run = start(SCENARIO.replace("deadline", "streaming: 40%, deadline"), PLAIN)
    run.until(1)
    code, out, err = run.end(within_s=120)

    assert code == 0, (out, err)
    folder = Path(json.loads(out)["run"])
    requests = pd.read_parquet(folder / "requests.parquet")
    attempts = pd.read_parquet(folder / "attempts.parquet")
    assert requests["complete"].all()
    assert set(attempts["seen_by"]) == {"both"}
    failed = attempts[attempts["fault_id"].notna()].groupby("request_id").size()
    assert failed.max() == 2
    assert (requests["served_by"] == "azure").any()
    assert run.leftovers() == []
