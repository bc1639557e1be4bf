"""The finding `mixed_vectors`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.judge.findings import CheckResult
from harness.judge.result import Status
from harness.provider.kinds import Kind
from tests.judge.histories import OUTAGE, Book, Try, fails, look, mixed, plan_of

TWO = ("req-000001.openai.1", "req-000001.azure.1")


def found(
    finding: str, *sources: str, kind: Kind = "embeddings", models: tuple[str, str] = ("small", "large")
) -> CheckResult:
    """Return what is found in a batch whose vectors name some attempts."""
    plan = plan_of(faults=[OUTAGE])
    of = dict(zip(("openai", "azure"), models, strict=True))
    providers = {name: replace(each, model=of.get(name, each.model)) for name, each in plan.chain.providers.items()}
    plan = replace(plan, chain=replace(plan.chain, providers=providers))
    book = Book()
    book.request(12, fails(200, outcome="cut"), Try(at="azure"), kind=kind, sources=sources, complete=len(sources) == 1)
    return look(finding, book.run(mixed(plan, book, [0], kinds=(kind,))))


def test_vectors_of_two_models_in_one_batch() -> None:
    """The beginning came from one model, the rest from another."""
    seen = found("mixed_vectors", *TWO)
    assert (seen.status, seen.requests, seen.samples) == (Status.FAIL, ("req-000001",), 1)


@pytest.mark.parametrize("models", [("small", "large"), ("small", "small")])
def test_vectors_of_one_attempt(models: tuple[str, str]) -> None:
    """A batch that fell back as a whole is as it should be."""
    assert found("mixed_vectors", TWO[1], models=models).status is Status.PASS


def test_vectors_of_one_model_may_come_from_two_providers() -> None:
    """They lie in one space."""
    assert found("mixed_vectors", *TWO, models=("small", "small")).status is Status.PASS


def test_names_that_nobody_knows_are_another_finding() -> None:
    """They show no second model."""
    assert found("mixed_vectors", TWO[1], "req-000009.openai.1").status is Status.PASS


def test_only_embeddings_have_vectors() -> None:
    """Two answers in one text are `duplicated_content`; two vectors are not."""
    assert found("mixed_vectors", *TWO, kind="chat").status is Status.INCONCLUSIVE
    assert found("duplicated_content", *TWO, kind="chat").count == 1
    assert found("duplicated_content", *TWO).count == 0
