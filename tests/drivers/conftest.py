"""A hosted chain, shared by a module's tests: a start takes seconds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.drivers.hosted import Hosted, hosted
from tests.drivers.providers import Mock, refused_port

_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def child(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosted]:
    """Host the module's CHAIN, in its ENVIRON if it has one. Nobody listens at providers whose name begins with `gone`."""
    chain = request.module.CHAIN
    mocks = {name: Mock(base_url=refused_port() if name.startswith("gone") else "") for name in chain.providers}
    environ = getattr(request.module, "ENVIRON", {})
    with hosted(chain, tmp_path_factory.mktemp("child"), mocks, environ) as child:
        yield child


@pytest.fixture
def request_id(child: Hosted) -> Iterator[str]:
    """A request of its own for each test; the mocks are well again after it."""
    yield f"req-{next(_numbers):06d}"
    for mock in child.mocks.values():
        mock.recover()
