"""The known-good chain in every scenario of the catalogue, in virtual time: the harness's own judge is tested by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.chain import Chain, Retry
from harness.chain.policy import BreakerSpec, Policy
from harness.experiment.prepare import load
from harness.judge import RunData, Status, judge
from harness.quantities import S
from harness.sim import run

ROOT = Path(__file__).parents[2] / "scenarios"
CHAIN = ROOT / "chains" / "reference.yaml"
LITELLM_ONLY = ("messages", "responses", "other-model")
"""How the names begin of scenarios whose requests the reference chain cannot carry, or that ask for a model of a configuration."""
CATALOGUE = [path for path in sorted((ROOT / "catalogue").glob("*.yaml")) if not path.stem.startswith(LITELLM_ONLY)]
OUTAGES = [ROOT / name for name in ("all-providers-down.yaml", "primary-503-outage.yaml", "primary-refused.yaml")]


def embedding(folder: Path) -> Path:
    """Write the reference chain with providers of embeddings, and return its path."""
    path, text = folder / "embedding.yaml", CHAIN.read_text()
    for old, new in (
        ("model: gpt-4", "model: text-embedding-3-small"),
        ("{dialect: anthropic, model: claude-3-5-sonnet-20241022}", "{dialect: cohere, model: embed-english-v3.0}"),
    ):
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


@pytest.mark.parametrize("path", [*CATALOGUE, *OUTAGES], ids=lambda path: path.stem)
def test_a_good_chain_passes(path: Path, tmp_path: Path) -> None:
    """Every fault fires, every expectation is kept, nothing required is found, and no record is lost."""
    loaded = load(path, chain=embedding(tmp_path) if path.stem.startswith("embeddings") else CHAIN)

    history = run(loaded.plan, loaded.chain).history

    verdict = judge(RunData.of(loaded.plan, history))
    assert verdict.status is Status.PASS, verdict.reasons
    assert history.lost == 0
    assert set(history.attempts["seen_by"]) <= {"both", "chain"}


def _no_first_token_limit(chain: Chain) -> Chain:
    return replace(chain, timeout=60 * S, policy=replace(chain.policy or Policy(), first_token=60 * S))


def _never_back(chain: Chain) -> Chain:
    return replace(chain, policy=replace(chain.policy or Policy(), breaker=BreakerSpec(failures=5, open=600 * S)))


def _no_backoff(chain: Chain) -> Chain:
    policy = replace(chain.policy or Policy(), base=10**6, cap=10**6, breaker=None, budget=None)
    return replace(chain, policy=policy, retry=Retry(attempts=8, backoff="fixed"))


@pytest.mark.parametrize(
    ("worse", "scenario", "shown"),
    [
        (lambda chain: replace(chain, order=chain.order[:1]), "catalogue/unavailable", "success_rate in fault"),
        (lambda chain: replace(chain, timeout=60 * S), "catalogue/silent-provider", "success_rate in fault"),
        (_no_first_token_limit, "catalogue/slow-first-token", "p95 ttft in fault"),
        (_never_back, "primary-503-outage", "stuck_on_fallback"),
        (_no_backoff, "catalogue/unavailable", "no_backoff"),
    ],
)
def test_a_worse_one_does_not(worse: Callable[[Chain], Chain], scenario: str, shown: str) -> None:
    """A chain with one of the usual weaknesses fails, and the verdict names it."""
    loaded = load(ROOT / f"{scenario}.yaml", chain=CHAIN)
    chain = worse(loaded.chain)
    plan = replace(loaded.plan, chain=chain)

    history = run(plan, chain).history

    verdict = judge(RunData.of(plan, history))
    assert verdict.status is Status.FAIL
    failed = [row.text for row in verdict.expectations if row.status is Status.FAIL]
    failed += [finding.id for finding in verdict.findings if finding.status is Status.FAIL]
    assert any(shown in each for each in failed), failed
