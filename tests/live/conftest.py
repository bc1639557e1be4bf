"""What the tests of the live engine share."""

import pytest

from harness.live.toxiproxy import Binary, provision


@pytest.fixture(scope="session")
def binary() -> Binary:
    """Return a Toxiproxy server; the first run on a machine may have to build it."""
    return provision()
