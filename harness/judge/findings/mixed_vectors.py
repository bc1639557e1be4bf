"""Batches of embeddings whose vectors come from different models."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request, unsure
from harness.judge.findings.declaration import FindingKind
from harness.judge.remedies import Remedy
from harness.judge.run_data import RunData
from harness.judge.tables.columns import are_success


def _check(run: RunData) -> CheckResult:
    columns, requests = run.columns, run.columns.requests
    vectors = columns.of_kinds("embeddings")
    if not vectors.any():
        return unsure("no request got embeddings")
    several = np.flatnonzero(vectors & (requests.sources > 1))
    model = _models(run) if len(several) else {}
    shown = np.zeros(len(requests), dtype=bool)
    for place, names in zip(several, requests.pick("sources", several), strict=True):
        shown[place] = len({model[name] for name in names if name in model}) > 1
    return by_request(
        run,
        shown=shown,
        could=vectors & requests.ok & are_success(requests.status),
        did="got vectors of several models in one batch",
        nobody="no request got embeddings",
    )


def _models(run: RunData) -> dict[str, str]:
    """Return the model of each attempt in the run."""
    table, providers = run.columns.history.attempt_table, run.plan.chain.providers
    every = np.arange(len(table))
    return {
        name: providers[provider].model
        for name, provider in zip(table.pick("attempt_id", every), table.pick("provider", every), strict=True)
        if provider in providers
    }


MIXED_VECTORS = FindingKind(
    id="mixed_vectors",
    severity="required",
    shown_by="request",
    name="vectors of two models in one batch",
    meaning="One batch of embeddings holds vectors of two models: they lie in different spaces, and no distance between them means"
    " anything.",
    could="got embeddings",
    remedy=Remedy("Fall back with the whole batch, to a provider of the same embedding model."),
    check=_check,
    harm=True,
)
