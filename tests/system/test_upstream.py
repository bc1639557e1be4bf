"""A run whose provider is real, as real as it gets on the loopback: our own mock, served by itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
import pytest

from tests.system.conftest import CHAIN, ROOT, SCENARIO, Start

pytestmark = pytest.mark.system

KEY = "sk-real-0123456789abcdef"


@pytest.fixture
def upstream() -> Iterator[str]:
    """Serve the chain's first provider alone; return its address."""
    command = [sys.executable, "-m", "harness", "serve", "scenarios/chains/gpt4-azure-claude.yaml", "--json"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            yield json.loads(serving.stdout.readline())["providers"]["openai"]
        finally:
            serving.terminate()


def real(upstream: str, more: str = "") -> str:
    """Return the chain with its first provider passed through."""
    fields = f"upstream: '{upstream}', api_key: env/REAL_KEY, price: {{input: 10, output: 30}}"
    return CHAIN.replace("reply: {ttft: 20ms, tokens: 5, tokens_per_second: 0}", fields, 1) + more


def test_faults_hit_a_real_provider(start: Start, upstream: str) -> None:
    """Passed through, broken, joined, judged; the answers are whole, the cost is known, and the key is nowhere."""
    run = start(SCENARIO, real(upstream), env={"REAL_KEY": KEY})
    listed = ""
    for at_s in (0.5, 3.0):
        run.until(at_s)
        listed += subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    code, out, err = run.end(within_s=120)
    assert code == 0, (out, err)
    assert f"openai: real provider at {upstream}; at most 1000 requests, $5 in all" in err
    folder = Path(json.loads(out)["run"])
    attempts = pd.read_parquet(folder / "attempts.parquet")
    requests = pd.read_parquet(folder / "requests.parquet")

    assert requests["complete"].all()
    assert (requests["served_by"] == "openai").any()
    assert (requests["served_by"] == "azure").any()
    at_real = attempts[attempts["provider"] == "openai"]
    passed = at_real["fault_id"].isna()
    assert (at_real["forwarded"] == passed).all()
    assert not attempts.loc[attempts["provider"] != "openai", "forwarded"].any()
    assert (at_real.loc[passed, "cost_usd"] > 0).all()
    assert (attempts["seen_by"] == "both").all()

    kept = b"".join(path.read_bytes() for path in run.reports.rglob("*") if path.is_file())
    assert KEY not in out + err + listed + attempts.to_json()
    assert KEY.encode() not in kept
    assert KEY[-10:].encode() not in kept
    assert run.leftovers() == []


def test_a_real_provider_is_served_too(upstream: str, tmp_path: Path) -> None:
    """`harness serve` passes calls through, with the key, and says so; away from this machine only with permission."""
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
            assert "<<orphan.openai.1>>" in answer["choices"][0]["message"]["content"]
        finally:
            serving.terminate()

    path.write_text(real("https://no-such-host.invalid/v1"))
    refused = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert "openai is https://no-such-host.invalid:443" in refused.stderr
    assert "--allow-real" in refused.stderr


def test_a_run_ends_at_its_budget(start: Start, upstream: str) -> None:
    """Long before its planned end, with what was captured, a page, and the reason; that is no verdict on the chain."""
    long = SCENARIO.replace("recovery: 2s", "recovery: 120s")
    run = start(long, real(upstream, "max_requests: 12\n"), env={"REAL_KEY": KEY})
    code, out, err = run.end(within_s=100)
    assert code == 3, (out, err)
    answer = json.loads(out)
    assert answer["verdict"]["status"] == "inconclusive"
    assert "max_requests is reached: 12 calls to real providers" in answer["verdict"]["reasons"][0]
    folder = Path(answer["run"])
    attempts = pd.read_parquet(folder / "attempts.parquet")
    assert attempts["forwarded"].sum() == 12
    assert (folder / "report.html").is_file()
    assert run.leftovers() == []
