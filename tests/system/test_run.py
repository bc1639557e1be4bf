"""One scenario, end to end, on real parts."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from tests.system.conftest import CHAIN, SCENARIO, Start

pytestmark = pytest.mark.system

FILES = {
    "plan.json",
    "environment.json",
    "requests.parquet",
    "attempts.parquet",
    "faults.parquet",
    "health.parquet",
    "metrics.json",
    "verdict.json",
    "junit.xml",
    "report.html",
    "capture",
    "logs",
}


def test_a_run_ends_in_a_verdict(start: Start) -> None:
    """The whole story: exit code, JSON on stdout alone, every file of the folder, everything joined, nothing left."""
    run = start()
    run.until(1)
    code, out, err = run.end(within_s=120)
    answer = json.loads(out)
    folder = Path(answer["run"])
    assert (code, answer["verdict"]["status"]) == (0, "pass"), (answer, err)
    assert {path.name for path in folder.iterdir()} == FILES
    assert answer["verdict"] == json.loads((folder / "verdict.json").read_text())
    assert (run.reports / "latest").resolve() == folder
    requests = pd.read_parquet(folder / "requests.parquet")
    attempts = pd.read_parquet(folder / "attempts.parquet")
    assert (requests["outcome"] == "ok").all()
    assert requests["complete"].all()
    assert attempts["request_id"].notna().all()
    assert set(attempts["seen_by"]) == {"both"}
    fault = requests[requests["phase"] == "fault"]
    assert (fault["served_by"] == "azure").any()
    assert json.loads((folder / "metrics.json").read_text())["format"] == 1
    assert run.leftovers() == []


TOUR = """\
name: tour
chain: chain.yaml
load: {rate: 15/s, arrivals: constant, deadline: 10s}
phases: {baseline: 1s, refused: 2s, between: 1500ms, reset: 2s, recovery: 1500ms}
faults:
  - {on: primary, during: refused, inject: {connection: refused}}
  - {on: primary, during: reset, inject: {connection: reset}, share: 60%}
  - {on: fallback-2, during: reset, inject: {status: 500}}
expect:
  - success_rate in refused >= 80%
  - no retry_storm
"""


def test_every_fault_is_seen_by_those_who_can(start: Start) -> None:
    """Refused: by the chain alone, and blamed on its window. Reset: by both sides, as a true RST. Never fired: told."""
    run = start(TOUR)
    code, out, err = run.end(within_s=120)
    assert out, err
    answer = json.loads(out)
    folder = Path(answer["run"])
    attempts = pd.read_parquet(folder / "attempts.parquet")
    fired = {
        event["fault_id"]: event["fired"] for event in pd.read_parquet(folder / "faults.parquet").to_dict("records")
    }

    refused = attempts[attempts["outcome"] == "refused"]
    assert len(refused) >= 20
    assert set(refused["seen_by"]) == {"chain"}
    assert set(refused["fault_id"]) == {"fault-1"}
    assert fired["fault-1"] == (attempts["fault_id"] == "fault-1").sum()

    reset = attempts[attempts["fault_id"] == "fault-2"]
    assert len(reset) >= 5
    assert set(reset["outcome"]) == {"reset"}
    assert set(reset["seen_by"]) == {"both"}
    assert fired["fault-2"] == len(reset)
    rows = [json.loads(line) for line in (folder / "capture" / "chain.jsonl").read_text().splitlines()]
    seen = [row["outcome"] for kind, row in rows if kind == "chain"]
    assert seen.count("reset") >= len(reset)

    assert fired["fault-3"] == 0
    assert (code, answer["verdict"]["status"]) == (3, "inconclusive")
    assert any("fault-3" in reason and "anthropic" in reason for reason in answer["verdict"]["reasons"])
    assert [row["status"] for row in answer["verdict"]["expectations"]] == ["pass", "pass"]


def test_two_runs_at_once_do_not_meet(start: Start) -> None:
    """Own ports, own token, own folder: neither sees a call, a fault or a record of the other."""
    first, second = start(), start(SCENARIO.replace("on: primary", "on: fallback-1"))
    answers = [json.loads(run.end(within_s=180)[1]) for run in (first, second)]
    for answer, expected in zip(answers, ({"openai"}, set()), strict=True):
        folder = Path(answer["run"])
        attempts = pd.read_parquet(folder / "attempts.parquet")
        assert attempts["request_id"].notna().all()
        assert set(attempts.loc[attempts["fault_id"].notna(), "provider"]) == expected
        assert len(pd.read_parquet(folder / "requests.parquet")) == 90 + 3
        assert '["foreign"' not in (folder / "capture" / "edge.jsonl").read_text()


def test_a_planted_key_appears_nowhere(start: Start, tmp_path: Path) -> None:
    """A secret in the configuration and one in the environment: in no record, log, report or process list."""
    planted, named = "sk-planted-0123456789abcdef", "sk-fromenv-fedcba9876543210"
    config = f"""\
model_list:
  - model_name: gpt-4
    litellm_params: {{model: openai/gpt-4, api_key: {planted}}}
  - model_name: backup
    litellm_params: {{model: anthropic/claude-3-5-sonnet-20241022, api_key: os.environ/PLANTED_KEY}}
router_settings: {{num_retries: 1, fallbacks: [{{gpt-4: [backup]}}]}}
"""
    run = start(SCENARIO, config, env={"PLANTED_KEY": named})
    listed = ""
    for at_s in (0.5, 2.5, 4.5):
        run.until(at_s)
        listed += subprocess.run(["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    code, out, err = run.end(within_s=120)
    assert code == 0, (out, err)
    kept = b"".join(path.read_bytes() for path in run.reports.rglob("*") if path.is_file())
    attempts = pd.read_parquet(next(run.reports.glob("*/2*")) / "attempts.parquet").to_json()
    for secret in (planted, named):
        assert secret not in out + err + listed + attempts
        assert secret.encode() not in kept
        assert secret[-10:].encode() not in kept


def test_litellms_own_proxy(start: Start) -> None:
    """The same chain file with another driver: everything joined, the proxy's key nowhere, nothing left."""
    streamed = SCENARIO.replace("deadline: 10s}", "deadline: 10s, streaming: 30%}")
    run = start(streamed, CHAIN.replace("litellm-router", "litellm-proxy"))
    run.until(2.5)
    code, out, err = run.end(within_s=120)
    assert code == 0, (out, err)
    folder = Path(json.loads(out)["run"])
    requests, attempts = (pd.read_parquet(folder / f"{name}.parquet") for name in ("requests", "attempts"))
    assert requests["complete"].all()
    assert attempts["request_id"].notna().all()
    assert set(attempts["seen_by"]) == {"both"}
    assert (requests.loc[requests["phase"] == "fault", "served_by"] == "azure").any()
    assert {"edge", "chain", "chain-1"} <= set(pd.read_parquet(folder / "health.parquet")["process"])
    assert not any(b"Bearer" in path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert run.leftovers() == []
