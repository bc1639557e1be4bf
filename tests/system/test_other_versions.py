"""Other versions of LiteLLM and of OpenAI's SDK, in environments that are built for them: live and in virtual time."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.chain.home import ChainHome
from harness.experiment import ChainSide, chain_differences, compare_chains
from harness.sim.search.sweep import sweep
from tests.experiment.files import NoProgress
from tests.plans import chain_file

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
CHAIN = ROOT / "scenarios" / "chains" / "gpt4-azure-claude.yaml"


OLDEST, NEWEST = "1.60.0", "1.110.2"
"""Of the LiteLLM versions that are tested each time; `make matrix` measures those in between."""
slow = pytest.mark.slow
SDK = chain_file("openai", "azure", driver="openai-sdk", more='environment: {packages: ["openai>=3,<4"]}')


def _run(scenario: str, *options: str, engine: str, reports: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a run's verdict, and what it records of the chain's interpreter."""
    words = ["run", scenario, *options, "--engine", engine, "--json"]
    ran = subprocess.run(
        [sys.executable, "-m", "harness", *words, "--reports", str(reports)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    answer = json.loads(ran.stdout)
    assert "verdict" in answer, ran.stdout + ran.stderr
    facts = json.loads((Path(answer["run"]) / "environment.json").read_text("utf-8"))
    verdict: dict[str, Any] = answer["verdict"]
    return verdict, facts["chain"]


@pytest.mark.parametrize(
    ("version", "engine"),
    [
        (OLDEST, "sim"),
        (NEWEST, "sim"),
        pytest.param(OLDEST, "live", marks=slow),
        pytest.param(NEWEST, "live", marks=slow),
        pytest.param("1.90.0", "live", marks=slow),
        pytest.param("1.90.0", "sim", marks=slow),
    ],
)
def test_a_refused_provider_is_fallen_back_from(tmp_path: Path, version: str, engine: str) -> None:
    """By every version, though each waits in its own way."""
    verdict, chain = _run(
        "smoke/refused.yaml", "--chain", str(CHAIN), "--litellm", version, engine=engine, reports=tmp_path
    )

    assert chain["versions"]["litellm"] == version
    assert chain["built_from"] == [f"litellm=={version}"]
    assert verdict["status"] in {"pass", "inconclusive" if engine == "live" else "pass"}


KINDS = """\
name: kinds
chain: {chain}
load: {{rate: 6/s, deadline: 12s, streaming: 50%, mix: [{mix}]}}
phases: {{baseline: 4s}}
faults: []
expect: [{expected}]
"""


def _kinds(folder: Path, *kinds: str) -> Path:
    """Write a scenario with these kinds of request in equal shares, all of which must be answered."""
    share = 100 // len(kinds)
    plain = {"messages": ", streaming: 0%"}  # from 1.110 on, their streams need packages of LiteLLM's proxy
    mix = ", ".join(f"{{share: {share}%, kind: {kind}{plain.get(kind, '')}}}" for kind in kinds)
    expected = ", ".join(f"success_rate of {kind} in baseline >= 10%" for kind in kinds)
    chain = folder / "chain.yaml"
    chain.write_text(chain_file("openai", driver="litellm-router"))
    path = folder / "kinds.yaml"
    path.write_text(KINDS.format(chain=chain, mix=mix, expected=expected))
    return path


@pytest.mark.parametrize("kind", ["responses", "messages"])
def test_a_kind_that_a_version_lacks_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    """Before the first request."""
    words = ["run", str(_kinds(tmp_path, kind)), "--litellm", OLDEST, "--engine", "sim", "--json"]
    ran = subprocess.run(
        [sys.executable, "-m", "harness", *words, "--reports", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    method = {"responses": "aresponses", "messages": "aanthropic_messages"}[kind]
    assert ran.returncode == 2
    problem = f"this chain cannot carry {kind}: LiteLLM {OLDEST} has no `Router.{method}`"
    assert json.loads(ran.stdout)["error"]["problem"] == problem


@slow
@pytest.mark.parametrize("version", ["1.75.0", "1.90.0", NEWEST])
def test_every_kind_is_answered(tmp_path: Path, version: str) -> None:
    """Each by the method that the version has for it."""
    path = _kinds(tmp_path, "tools", "embeddings", "responses", "messages")
    verdict, _chain = _run(str(path), "--litellm", version, engine="sim", reports=tmp_path)
    assert [each["observed"] for each in verdict["expectations"]] == [1.0] * 4


@slow
def test_what_an_upgrade_changes_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both versions run side by side, each in its environment; the newest waits longer before it falls back."""
    monkeypatch.setattr(chain_differences, "sweep", lambda space: islice(sweep(space), 1))
    sides = [ChainSide(path=CHAIN, home=ChainHome(litellm=version)) for version in (OLDEST, NEWEST)]
    compared = compare_chains(
        sides[0], sides[1], reports=tmp_path, progress=NoProgress(), scenarios=[Path("smoke/auth-failure.yaml")]
    )
    longer = {
        effect.fact.subject for change in compared.changes for effect in change.effects if effect.after > effect.before
    }

    assert "wait before azure after openai failed" in longer
    assert compared.not_compared == ()
    assert (compared.before, compared.after) == (f"LiteLLM {OLDEST}", f"LiteLLM {NEWEST}")
    assert f"--litellm {NEWEST}" in compared.changes[0].smallest.read_text()


@slow
@pytest.mark.parametrize("engine", ["live", "sim"])
def test_what_an_older_version_does_wrong_is_found(tmp_path: Path, engine: str) -> None:
    """The aiohttp transport of LiteLLM 1.90 takes a cut body for a whole one; that of our own version does not."""
    verdict, _chain = _run(
        "smoke/stream-cut.yaml", "--chain", str(CHAIN), "--litellm", "1.90.0", engine=engine, reports=tmp_path
    )
    found = {finding["id"]: finding["status"] for finding in verdict["findings"]}

    assert verdict["status"] in {"fail", "inconclusive" if engine == "live" else "fail"}
    assert found["truncated_as_success"] == "fail"


COMPILED = """\
model_list:
  - {model_name: gpt, litellm_params: {model: openai/gpt-4, api_key: sk-1}, model_info: {id: openai}}
  - {model_name: claude, litellm_params: {model: anthropic/claude-3-5-sonnet-20241022, api_key: sk-3}}
router_settings: {fallbacks: [{gpt: [claude]}], num_retries: 0SETTING}
"""
RESTED = """\
name: rested
title: A provider that rests, and comes back
chain: chain.yaml
load: {rate: 2/s, arrivals: constant, deadline: 12s}
phases: {baseline: 1s, fault: 8s, recovery: 6s}
faults:
  - {on: openai, during: fault, inject: {status: STATUS}}
expect: [success_rate >= 80%]
"""


@slow
@pytest.mark.parametrize(("status", "setting", "failures"), [(401, "", 1), (503, ", allowed_fails: 2", 3)])
def test_cooldowns_of_a_compiled_router_follow_the_virtual_clock(
    tmp_path: Path, status: int, setting: str, failures: int
) -> None:
    """The same each time, and as live: a fallback at once, a rest of 5 s after so many failures, and the same again."""
    (tmp_path / "chain.yaml").write_text(COMPILED.replace("SETTING", setting), "utf-8")
    scenario = tmp_path / "rested.yaml"
    scenario.write_text(RESTED.replace("STATUS", str(status)), "utf-8")
    tables = []
    for reports in (tmp_path / "first", tmp_path / "second"):
        verdict, chain = _run(str(scenario), "--litellm", NEWEST, engine="sim", reports=reports)
        assert (verdict["status"], chain["versions"]["litellm"]) == ("pass", NEWEST)
        tables.append([pd.read_parquet(reports / "latest" / f"{name}.parquet") for name in ("requests", "attempts")])
    attempts = tables[0][1]
    failed = attempts[attempts["status"] == status]
    before = failed.groupby("request_id")["end_ns"].max()
    after = attempts[attempts["provider"] != "openai"].groupby("request_id")["start_ns"].min()
    bursts = (failed["start_ns"].sort_values().diff() > 4 * 10**9).cumsum()

    assert all(first.equals(second) for first, second in zip(*tables, strict=True))
    assert ((after - before).dropna() < 100 * 10**6).sum() == len(failed)
    assert bursts.value_counts().to_list() == [failures] * 2
    rests = attempts[attempts["provider"] == "openai"]["start_ns"].sort_values().diff()
    assert rests[rests > 10**9].between(5 * 10**9, 5.5 * 10**9).to_list() == [True, True]


@slow
@pytest.mark.parametrize("engine", ["live", "sim"])
def test_an_sdk_without_httpx_is_hosted(tmp_path: Path, engine: str) -> None:
    """OpenAI's SDK 3 is built on httpx2."""
    file = tmp_path / "chain.yaml"
    file.write_text(SDK, "utf-8")
    verdict, chain = _run("smoke/refused.yaml", "--chain", str(file), engine=engine, reports=tmp_path / "reports")

    assert "httpx" not in chain["versions"]
    assert verdict["status"] in {"pass", "inconclusive" if engine == "live" else "pass"}
