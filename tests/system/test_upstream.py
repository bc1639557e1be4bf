"""A run whose provider is real, as real as it gets on the loopback: our own mock, served by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pandas as pd
import pytest

from tests.system.chains import SCENARIO, real
from tests.system.conftest import ROOT, Start

pytestmark = pytest.mark.system

KEY = "sk-real-0123456789abcdef"


def test_a_real_provider_is_served_too(upstream: str, tmp_path: Path) -> None:
    """`harness serve` passes calls through, with the key and a notice; away from this machine only with permission."""
    path = tmp_path / "chain.yaml"
    path.write_text(real(upstream))
    command = [sys.executable, "-m", "harness", "serve", str(path), "--provider", "openai", "--json"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "REAL_KEY": KEY}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=ROOT, env=environ, **pipes) as serving:  # type: ignore[call-overload]
        try:
            address = json.loads(serving.stdout.readline())["providers"]["openai"]
            assert serving.stderr.readline() == f"openai: real provider at {upstream}; without a limit\n"
            body = {"model": "gpt-4", "messages": [{"role": "user", "content": "hello"}]}
            with httpx.Client(trust_env=False) as client:
                answer = client.post(f"{address}/chat/completions", json=body).json()
            assert "<<orphan.openai." in answer["choices"][0]["message"]["content"]
        finally:
            serving.terminate()

    path.write_text(real("https://no-such-host.invalid/v1"))
    refused = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "openai is https://no-such-host.invalid:443" in refused.stderr
    assert "--allow-real" in refused.stderr


def test_a_run_ends_at_its_budget(start: Start, upstream: str) -> None:
    """Long before its planned end, with what was captured, a page, and the reason; that is no verdict on the chain."""
    long = SCENARIO.replace("recovery: 1s", "recovery: 300s")
    run = start(long, real(upstream, "max_requests: 12\n"), env={"REAL_KEY": KEY})
    code, out, err = run.end()
    assert code == 3, (out, err)
    answer = json.loads(out)
    assert answer["verdict"]["status"] == "inconclusive"
    assert "max_requests is reached: 12 calls to real providers" in answer["verdict"]["reasons"][0]
    folder = Path(answer["run"])
    attempts = pd.read_parquet(folder / "attempts.parquet")
    assert attempts["forwarded"].sum() == 12
    assert (folder / "report.html").is_file()
    assert run.leftovers() == []
