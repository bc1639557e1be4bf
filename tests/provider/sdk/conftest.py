"""The measurement, made once for all tests."""

from __future__ import annotations

import pytest

from .measure import Measured, measure, measure_retries


@pytest.fixture(scope="session")
def measured() -> Measured:
    """Return what each SDK does in each case."""
    return measure()


@pytest.fixture(scope="session")
def retried() -> Measured:
    """Return what the SDKs' own retries do."""
    return measure_retries()
