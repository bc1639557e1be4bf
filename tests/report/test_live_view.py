"""What happens in a run, on a terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from harness.chain.policy import Policy
from harness.history.records import ProviderState
from harness.report.live_view import PROVIDERS_MAX, live_view
from harness.report.progress import RunProgress
from harness.scenario import Fault, Inject, Plan
from harness.store import Origin
from harness.watch.live_counts import GRACE_S
from harness.watch.watching import Watch, WatchedRun
from tests.judge.histories import plan_of
from tests.watch.test_counts import Clock
from tests.watch.test_watching import fallen_back

ROUTER = plan_of(faults=[Fault(on="openai", during="fault", inject=Inject(status=503))])
PLAN = replace(ROUTER, chain=replace(ROUTER.chain, policy=Policy()))


def watched(plan: Plan = PLAN) -> WatchedRun:
    """Return a run in its fault, with one request that the second provider served."""
    clock = Clock()
    run = WatchedRun(plan, clock=clock)
    clock.now_s = 13.0
    run.take([Origin(at_ns=0), ProviderState(provider="openai", at_ns=5, state="open", why="503"), *fallen_back()])
    clock.now_s += GRACE_S
    run.take([])
    clock.now_s += 1
    return run


def drawn(*runs: WatchedRun, width: int = 80) -> list[str]:
    """Return the lines of the view."""
    console = Console(file=io.StringIO(), width=width, height=24)
    with console.capture() as captured:
        for part in live_view(runs):
            console.print(part)
    return [line.rstrip() for line in captured.get().splitlines()]


def test_who_serves_how_each_provider_does_and_the_last_fallbacks() -> None:
    """The first screen of somebody who waits for a run."""
    head, first, second, third, sums, step = drawn(watched())
    assert head.split() == ["provider", "breaker", "fault", "attempts", "failed", "serves"]
    assert first.split() == ["openai", "open", "503", "2", "100", "%", "–"]
    assert second.split() == ["azure", "closed", "–", "1", "0", "%", "100", "%"]
    assert third.split() == ["anthropic", "closed", "–", "–", "–", "–"]
    assert sums == "1 request, 100 % complete; 0.6 attempts/s; 1 fallback"
    assert step.strip() == "1 s ago  openai → azure: server_error (503)"


def test_nothing_is_said_of_breakers_that_nobody_reports() -> None:
    """LiteLLM's cooldowns are not recorded: a provider may be left alone."""
    run = WatchedRun(ROUTER, clock=Clock())
    run.take([Origin(at_ns=0)])
    _head, *providers, _sums = drawn(run)
    assert {each.split()[1] for each in providers} == {"–"}


@pytest.mark.parametrize("width", [80, 60, 40])
def test_it_fits_the_terminal(width: int) -> None:
    """Also with long names, and with more providers than lines."""
    order = tuple(f"provider-{'x' * 60}-{place}" for place in range(30))
    plan = plan_of(order=order)
    lines = drawn(begun(plan), width=width)
    assert max(map(len, lines)) <= width
    assert len(lines) <= PROVIDERS_MAX + 4
    assert "and 20 providers more" in lines


def begun(plan: Plan) -> WatchedRun:
    """Return a run in which nothing has happened yet."""
    run = WatchedRun(plan)
    run.take([Origin(at_ns=0)])
    return run


def test_of_several_runs_each_has_a_line() -> None:
    """A suite's."""
    head, *lines = drawn(watched(), begun(PLAN))
    assert head.split() == ["scenario", "chain", "serves", "requests", "complete", "fallbacks"]
    assert [line.split() for line in lines] == [
        ["test", "test", "azure", "1", "100", "%", "1"],
        ["test", "test", "–", "0", "–", "0"],
    ]


def test_before_a_run_has_begun_there_is_only_the_bar() -> None:
    """Its parts start, which takes seconds."""
    assert drawn(WatchedRun(PLAN)) == []
    assert drawn() == []


def test_a_terminal_shows_the_bar_and_what_happens() -> None:
    """One screen, drawn by `show` alone; nothing of it is left at the end."""
    watch = Watch()
    watch._going.append(watched())
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    with console.capture() as captured, RunProgress(console, watch=watch) as progress:
        progress.phase("fault", 30)
        progress.show()
    text = captured.get()
    assert "of 30 s" in text
    assert "openai → azure: server_error (503)" in text


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_shows_only_what_is_worth_knowing(terminal: bool) -> None:
    """Warnings stay."""
    console = Console(file=io.StringIO(), force_terminal=terminal, width=80)
    with console.capture() as captured, RunProgress(console, quiet=True) as progress:
        progress.phase("fault", 30)
        progress.show()
        progress.say("warning: late")
    assert captured.get() == "warning: late\n"


def test_a_name_cannot_move_the_cursor() -> None:
    """Names of scenarios and chains are anybody's."""
    plan = replace(PLAN, name="a\x1b[2Jb")
    assert "\x1b" not in "".join(drawn(begun(plan), begun(plan)))
