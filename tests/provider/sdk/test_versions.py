"""The oldest and the newest LiteLLM: success, every stream fault and every error preset of the providers behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .cases import CASES, ERRORS, TOKENS, Case
from .measure import Measured, fault_id
from .test_everywhere import NO_DONE
from .through_litellm import LITELLM
from .versions import LEFT_OUT, OTHERS, measure_versions, render

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "litellm-streams.md"
ASKED = [(version, way) for version in OTHERS for way in LITELLM if way not in LEFT_OUT.get(version, {})]


@pytest.fixture(scope="module")
def measured_versions() -> dict[str, Measured]:
    """Return what each version does."""
    return measure_versions()


def test_the_committed_page_is_what_is_measured(measured_versions: dict[str, Measured]) -> None:
    """`make matrix` writes it: it has the outcome of each case in which a version differs from our own."""
    assert PAGE.read_text() == render(measured_versions)


@pytest.mark.parametrize(("version", "way"), ASKED)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_provider_met_the_version_and_its_fault(
    measured_versions: dict[str, Measured], version: str, way: str, case: Case
) -> None:
    """The calls have the provider's format, and the record names the fault that changed the last one."""
    attempts = measured_versions[version][way, case.name].attempts
    again = case.name == "plain-reset"  # some versions of aiohttp send once more what a reset has answered
    assert case.times <= len(attempts) <= case.times + again
    assert {attempt.streaming for attempt in attempts} == {case.streaming}
    assert {attempt.model for attempt in attempts} == {case.name}
    nothing = case.inject is None or (case.name == "stream-no-done" and way in NO_DONE)
    assert attempts[-1].fault_id == (None if nothing else fault_id(way, case))


@pytest.mark.parametrize(("version", "way"), ASKED)
@pytest.mark.parametrize("name", ["stream-fine", "plain-fine"])
def test_an_answer_says_it_all(measured_versions: dict[str, Measured], version: str, way: str, name: str) -> None:
    """The whole text, in a stream each token by itself, and nothing is raised."""
    heard = measured_versions[version][way, name]
    assert heard.outcome == ("whole", None, "stop")
    assert heard.pieces == (TOKENS if name == "stream-fine" else 0)


@pytest.mark.parametrize(("version", "way"), ASKED)
@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_errors(measured_versions: dict[str, Measured], version: str, way: str, case: Case) -> None:
    """Each preset is an exception of LiteLLM's own."""
    raised = measured_versions[version][way, case.name].raised
    assert raised is not None
    assert raised.startswith("litellm.")
