"""Other versions of LiteLLM and of OpenAI's SDK, in environments that are built for them: live and in virtual time."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import islice
from pathlib import Path
from typing import Any

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


@slow
@pytest.mark.parametrize("engine", ["live", "sim"])
def test_an_sdk_without_httpx_is_hosted(tmp_path: Path, engine: str) -> None:
    """OpenAI's SDK 3 is built on httpx2."""
    file = tmp_path / "chain.yaml"
    file.write_text(SDK, "utf-8")
    verdict, chain = _run("smoke/refused.yaml", "--chain", str(file), engine=engine, reports=tmp_path / "reports")

    assert "httpx" not in chain["versions"]
    assert verdict["status"] in {"pass", "inconclusive" if engine == "live" else "pass"}
