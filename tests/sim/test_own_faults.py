"""A bug of the harness ends the run as one, whatever the chain makes of it."""

from __future__ import annotations

import gc
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness import sim
from harness.drivers import watched
from harness.drivers.litellm_router import fast
from harness.drivers.reference.host import Reference
from harness.edge.provider_port import ProviderPort
from harness.errors import ExitCode, HarnessError
from harness.experiment.prepare import Loaded, load
from harness.sim import caller, network, own_faults
from tests.sim.worlds import small

ALONE = """\
model_list: [{model_name: gpt, litellm_params: {model: openai/gpt-4, api_key: sk-1}}]
"""


def _broken(*_args: object, **_options: object) -> Any:
    raise KeyError("a bug")


async def _broken_late(*_args: object, **_options: object) -> Any:
    raise KeyError("a bug")


PLACES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "transport": lambda patch: patch.setattr(network.Network, "take", _broken),
    "listener": lambda patch: patch.setattr(network, "AnswerPath", _broken),
    "answer": lambda patch: patch.setattr(network.Answering, "_arrival", _broken_late),
    "edge": lambda patch: patch.setattr(ProviderPort, "take", _broken),
    "recorder": lambda patch: patch.setattr(watched, "find_request", _broken),
    "caller": lambda patch: patch.setattr(caller, "opening", _broken_late),
}


@pytest.mark.parametrize(
    ("place", "driver"),
    [
        (place, driver)
        for driver in ("litellm-router", "openai-sdk", "reference")
        for place in PLACES
        if (place, driver) != ("recorder", "reference")  # it keeps its own record
    ],
)
def test_a_bug_of_ours_is_no_failure_of_the_chain(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, driver: str
) -> None:
    """Exit 4 and the line, although the chain catches it, tries again and falls back."""
    PLACES[place](monkeypatch)
    refused(small(tmp_path, driver), monkeypatch)


def test_a_bug_in_what_replaces_litellm_s_own_code_is_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a chain raises is looked through for our own lines."""
    place = ("openai.resources.chat.completions.completions", "async_maybe_transform")
    monkeypatch.setattr(fast, "STUBS", {place: lambda _own: _broken_late})
    (tmp_path / "alone.yaml").write_text(ALONE)
    refused(load(small(tmp_path, "litellm-router").path, chain=tmp_path / "alone.yaml"), monkeypatch)


def refused(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """See that a run ends with the planted bug, which lies in this file: it plays a part of the harness."""
    monkeypatch.setattr("harness.sim.own_faults._OURS", (__name__,))
    with pytest.raises(HarnessError, match="KeyError: 'a bug'") as caught:
        sim.run(loaded.plan, loaded.chain)
    assert f"{__name__}:" in caught.value.problem
    assert caught.value.exit_code == ExitCode.HARNESS
    assert isinstance(caught.value.__cause__, Exception)
    del caught
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the chain ended with its connections open: nobody else's test is to hear of them
        gc.collect()


def test_a_failure_of_the_chain_is_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a chain's code raises is what its callers get."""

    async def ask(*_args: object) -> Any:
        raise KeyError("the chain's")
        yield

    monkeypatch.setattr(Reference, "ask", ask)
    loaded = small(tmp_path, "reference")
    history = sim.run(loaded.plan, loaded.chain).history
    assert set(history.requests["status"]) == {500}
    assert set(history.requests["outcome"]) == {"error"}


def test_what_is_handled_outside_of_a_run_is_no_bug_in_it(tmp_path: Path) -> None:
    """Whatever a chain raises in a run has it as its context."""
    loaded = small(tmp_path, "openai-sdk", "{status: 503}")
    try:
        own_faults._places(None)  # type: ignore[arg-type]
    except AttributeError:
        history = sim.run(loaded.plan, loaded.chain).history
    assert (history.requests["outcome"] == "error").any()
