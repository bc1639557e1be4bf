"""Batches of embeddings whose vectors come from different models."""

from __future__ import annotations

import numpy as np

from harness.judge.findings.check_result import CheckResult, by_request, unsure
from harness.judge.findings.declaration import FindingKind
from harness.judge.run_data import RunData
from harness.judge.tables.columns import Bools, are_success


def _check(run: RunData) -> CheckResult:
    columns, table = run.columns, run.columns.requests.table
    vectors = columns.of_kinds("embeddings")
    if not vectors.any():
        return unsure("no request got embeddings")
    several = table["sources"].str.len().to_numpy(np.float64) > 1
    model = _models(run, vectors & several)
    shown = np.zeros(len(table), dtype=bool)
    for place in np.flatnonzero(vectors & several):
        shown[place] = len({model[name] for name in table["sources"].iloc[place] if name in model}) > 1
    return by_request(
        run,
        shown=shown,
        could=vectors & columns.requests.ok & are_success(columns.requests.status),
        did="got vectors of several models in one batch",
        nobody="no request got embeddings",
    )


def _models(run: RunData, chosen: Bools) -> dict[str, str]:
    """Return the model of each attempt in the run, where some requests name several; else nothing."""
    if not chosen.any():
        return {}
    attempts, providers = run.columns.history.attempts, run.plan.chain.providers
    return {
        name: providers[provider].model
        for name, provider in zip(attempts["attempt_id"], attempts["provider"], strict=True)
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
    remedy="Fall back with the whole batch, to a provider of the same embedding model.",
    check=_check,
    harm=True,
)
