"""Scenarios as tests: a mark, a fixture and `*.chaos.yaml` files, all in virtual time.

Every test session in an environment with the harness imports this module, so it imports nothing that takes time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.pytest_plugin.files import ChaosFile
    from harness.pytest_plugin.outcome import Outcome

SUFFIX = ".chaos.yaml"
_MARK = "chaos"
_ARGUMENTS = frozenset({"scenario", "chain", "seed"})
_REPEAT = "_chaos_seed"
_OUTCOME = pytest.StashKey["Outcome"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add our options."""
    about = f"Runs of each *{SUFFIX} file and each marked test, each with the next seed."
    parser.addini("chaos_chain", "Chain file or litellm-config.yaml that scenarios run on, in place of their own.")
    parser.addini("chaos_repeat", about, default="1")
    group = parser.getgroup("chaos", "LLM fallback harness")
    group.addoption("--chaos-repeat", type=int, default=None, metavar="N", help=about)


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known, and see that the options make sense."""
    config.addinivalue_line(
        "markers",
        f"{_MARK}(scenario, chain=None, seed=None): run a scenario in virtual time; fail unless its verdict is a pass. "
        "Paths are relative to the root directory.",
    )
    if config.getoption("chaos_repeat") is not None or config.getini("chaos_repeat") != "1":
        repeat(config)


def repeat(config: pytest.Config) -> int:
    """Return how often each file and each marked test is run.

    Raises:
        UsageError: Not a number from 1 on.
    """
    chosen = config.getoption("chaos_repeat")
    text = config.getini("chaos_repeat") if chosen is None else chosen
    try:
        times = int(text)
    except ValueError:
        times = 0
    if times < 1:
        raise pytest.UsageError(f"chaos_repeat: expected a whole number from 1 on, found {text!r}")
    return times


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ChaosFile | None:
    """Take a scenario file as tests."""
    if not file_path.name.endswith(SUFFIX):
        return None
    from harness.pytest_plugin.files import ChaosFile  # noqa: PLC0415 - most projects have none

    found: ChaosFile = ChaosFile.from_parent(parent, path=file_path)
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Make a marked test several, one for each seed, if that is asked for."""
    mark = metafunc.definition.get_closest_marker(_MARK)
    times = repeat(metafunc.config)
    if mark is None or times == 1:
        return
    first = _given(mark).get("seed")
    if first is None:
        from harness.pytest_plugin.scenarios import file_of, first_seed  # noqa: PLC0415 - few repeat their tests

        first = first_seed(file_of(_given(mark).get("scenario", ""), metafunc.config.rootpath))
    metafunc.fixturenames.append(_REPEAT)
    seeds = range(first, first + times)
    metafunc.parametrize(_REPEAT, seeds, ids=[f"seed-{seed}" for seed in seeds], indirect=True)


@pytest.fixture
def _chaos_seed(request: pytest.FixtureRequest) -> int:
    """Give the seed of a marked test that is repeated."""
    seed: int = request.param
    return seed


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """Run a marked test's scenario before its body, and fail the test with the verdict."""
    if item.get_closest_marker(_MARK) is not None:
        _marked(item).check()


@pytest.fixture
def fallback_chain(request: pytest.FixtureRequest) -> Iterator[Outcome | Callable[..., Outcome]]:
    """Give what the test's scenario came to; without `@pytest.mark.chaos`, a function that runs one.

    The function takes `(scenario, *, chain=None, seed=None)`, runs on the project's `chaos_chain` unless `chain` names another,
    and returns the outcome, which fails nothing until its `check()` is called.
    """
    if request.node.get_closest_marker(_MARK) is not None:
        yield _marked(request.node)
        return
    ran: list[Outcome] = []

    def run(scenario: str | Path, *, chain: str | Path | None = None, seed: int | None = None) -> Outcome:
        ran.append(_run(request.config, scenario, chain=chain, seed=seed))
        return ran[-1]

    yield run
    for outcome in ran:
        outcome.clean()


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Remove the run of a marked test that passed."""
    if (outcome := item.stash.get(_OUTCOME, None)) is not None:
        outcome.clean()
        del item.stash[_OUTCOME]


def _marked(item: pytest.Item) -> Outcome:
    """Return what a marked test's scenario came to; it is run once."""
    if _OUTCOME not in item.stash:
        mark = item.get_closest_marker(_MARK)
        assert mark is not None
        given = _given(mark)
        if "scenario" not in given or len(mark.args) > 1 or not given.keys() <= _ARGUMENTS:
            pytest.fail(f'write @pytest.mark.chaos(scenario="FILE", chain="FILE", seed=N), not {mark}', pytrace=False)
        if sum(mark.name == _MARK for mark in item.own_markers) > 1:
            pytest.fail("one scenario for each test: parametrize it, or write two tests", pytrace=False)
        if (call := getattr(item, "callspec", None)) is not None and _REPEAT in call.params:
            given["seed"] = call.params[_REPEAT]
        item.stash[_OUTCOME] = _run(item.config, **given)
    return item.stash[_OUTCOME]


def _given(mark: pytest.Mark) -> dict[str, Any]:
    return dict(mark.kwargs) | ({"scenario": mark.args[0]} if mark.args else {})


def _run(
    config: pytest.Config, scenario: str | Path, *, chain: str | Path | None = None, seed: int | None = None
) -> Outcome:
    """Run a scenario; paths are relative to the root directory, or a scenario is one of ours."""
    from harness.pytest_plugin.outcome import run  # noqa: PLC0415 - takes seconds, once
    from harness.pytest_plugin.scenarios import file_of  # noqa: PLC0415

    default = config.getini("chaos_chain")
    chosen = chain or default or None
    root = config.rootpath
    return run(file_of(scenario, root), chain=root / chosen if chosen else None, seed=seed, root=root)
