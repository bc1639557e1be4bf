"""What happens in the runs of a command, for a terminal: who serves, how each provider does, the last fallbacks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from harness.quantities import plural
from harness.report import escape
from harness.watch.watching import ProviderNow, RunNow, WatchedRun

PROVIDERS_MAX = 10
"""A small terminal has 24 lines."""
RUNS_MAX = 12
_NAME_MAX = 24
_NONE = "–"


def live_view(runs: Sequence[WatchedRun]) -> Iterator[RenderableType]:
    """Yield what to draw below the bar: one run in full, or a line for each of several.

    Args:
        runs: Those that go on.
    """
    begun = [run for run in runs if run.begun]
    if len(begun) == 1:
        yield from _whole(begun[0].now())
    elif begun:
        yield _several(begun)


def _whole(run: RunNow) -> Iterator[RenderableType]:
    table = _table("provider", "breaker", "fault", right=("attempts", "failed", "serves"))
    served = sum(provider.served for provider in run.providers)
    for provider in run.providers[:PROVIDERS_MAX]:
        table.add_row(*_provider(provider, served))
    yield table
    if (more := len(run.providers) - PROVIDERS_MAX) > 0:
        yield _line(f"and {plural(more, 'provider')} more")
    done = f", {_share(run.complete, run.requests)} complete" if run.requests else ""
    yield _line(
        f"{plural(run.requests, 'request')}{done}; {run.attempts_per_s:.1f} attempts/s; {plural(run.fallbacks, 'fallback')}"
    )
    for ago_s, step in run.steps:
        status = "" if step.status is None else f" ({step.status})"
        yield _line(f"{ago_s:5.0f} s ago  {step.from_provider} → {step.to_provider}: {step.trigger}{status}")


def _provider(provider: ProviderNow, served: int) -> tuple[Text, ...]:
    failing = provider.failed == provider.attempts > 0
    style = "red" if failing else "yellow" if provider.failed else ""
    return (
        _cell(provider.name, "bold" if provider.served else ""),
        _cell(provider.state or _NONE, "" if provider.state in (None, "closed") else "yellow"),
        _cell(", ".join(provider.faults) or _NONE),
        _cell(str(provider.attempts) if provider.attempts else _NONE),
        _cell(_share(provider.failed, provider.attempts) if provider.attempts else _NONE, style),
        _cell(_share(provider.served, served) if provider.served else _NONE),
    )


def _several(runs: Sequence[WatchedRun]) -> Table:
    table = _table("scenario", "chain", "serves", right=("requests", "complete", "fallbacks"))
    for run in runs[:RUNS_MAX]:
        now = run.now()
        best = max(now.providers, key=lambda provider: provider.served, default=None)
        table.add_row(
            _cell(run.plan.name),
            _cell(run.plan.chain.name),
            _cell(best.name if best is not None and best.served else _NONE),
            _cell(str(now.requests)),
            _cell(_share(now.complete, now.requests) if now.requests else _NONE),
            _cell(str(now.fallbacks)),
        )
    return table


def _share(part: int, whole: int) -> str:
    """Return a share, rounded down, so that only all of them are 100 %."""
    return f"{100 * part // whole} %"


def _table(*left: str, right: Sequence[str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in left:
        table.add_column(name, no_wrap=True, max_width=_NAME_MAX, overflow="ellipsis")
    for name in right:
        table.add_column(name, no_wrap=True, justify="right")
    return table


def _cell(text: str, style: str = "") -> Text:
    return Text(escape.terminal(text), style=style, no_wrap=True, overflow="ellipsis")


def _line(text: str) -> Text:
    return Text(escape.terminal(text), style="dim", no_wrap=True, overflow="ellipsis")
