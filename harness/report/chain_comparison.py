"""What differs between two chains: on a terminal, as a page, in Markdown, as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from harness import quantities
from harness.errors import ExitCode
from harness.judge.comparison.behaviour import TRENDS, Effect, phases_of, trend_of
from harness.judge.comparison.changes import Trend
from harness.report import console as output
from harness.report import escape as safely
from harness.report.page import page
from harness.report.table import table

_STYLES = {Trend.WORSE: "bold red", Trend.BETTER: "green", Trend.OTHER: "bold"}
_GLYPHS = {Trend.WORSE: "✗", Trend.BETTER: "✓", Trend.OTHER: "•"}
_STATUS = {Trend.WORSE: "fail", Trend.BETTER: "pass", Trend.OTHER: "inconclusive"}
_STYLE = "h2 + table { max-width: 52rem; } details:not(.passed) { margin-top: .4rem; border: 0; padding: 0; }\n"
_CAUSES_MAX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourChange:
    """One thing that one chain does and the other does not.

    Attributes:
        effects: What differs in the smallest scenario, what matters most first.
        causes: The faults that show it, in words, those of the smallest scenario first.
        scenarios: Names of the shipped scenarios that show it too.
        smallest: The file of the smallest scenario that shows it.
        yaml: What is in that file; empty for one that came with the package or is the user's.
    """

    effects: tuple[Effect, ...]
    causes: tuple[str, ...]
    scenarios: tuple[str, ...]
    smallest: Path
    yaml: str

    @property
    def trend(self) -> Trend:
        """Whether it is better, worse, or neither."""
        return trend_of(self.effects)

    @property
    def sentence(self) -> str:
        """What happens, for people."""
        named = zip(phases_of(self.effects), self.effects, strict=True)
        return f"{self.cause}: " + "; ".join((f"in {phase}, " if phase else "") + each.text for phase, each in named)

    @property
    def cause(self) -> str:
        """The fault of the smallest scenario."""
        return self.causes[0]

    @property
    def also(self) -> str:
        """Where else it shows; empty if nowhere."""
        named = [*self.causes[1:], *self.scenarios]
        more = len(named) - _CAUSES_MAX
        return "; ".join(named[:_CAUSES_MAX]) + (f" and {more} more" if more > 0 else "")

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "trend": str(self.trend),
            "sentence": self.sentence,
            "effects": [
                {
                    "aspect": effect.fact.aspect,
                    "phase": effect.fact.phase,
                    "subject": effect.fact.subject,
                    "unit": effect.unit,
                    "before": effect.before,
                    "after": effect.after,
                    "trend": str(effect.trend),
                }
                for effect in self.effects
            ],
            "causes": list(self.causes),
            "scenarios": list(self.scenarios),
            "smallest": str(self.smallest),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCompared:
    """A scenario that was not compared.

    Attributes:
        what: Its name.
        why: In a sentence.
        fits: It fits both chains, so that a run of it has failed.
    """

    what: str
    why: str
    fits: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedChains:
    """Two chains, and what differs.

    Attributes:
        page: Where it is kept for a browser.
        before: The first chain, or the version of its library.
        after: The second.
        chain: Name of the chain.
        command: The command line that repeats the comparison.
        changes: What differs, what became worse first.
        scenarios: How many scenarios both ran.
        timelines: How many timelines of faults were tried.
        unconfirmed: How many differences did not show again by other random draws of the chain, and so are none.
        not_compared: Scenarios that were not compared.
    """

    page: Path
    before: str
    after: str
    chain: str
    command: str
    changes: tuple[BehaviourChange, ...]
    scenarios: int
    timelines: int
    unconfirmed: int = 0
    not_compared: tuple[NotCompared, ...] = ()

    @property
    def exit_code(self) -> int:
        """1 if something became worse; 3 if nothing did, but a run failed."""
        if any(change.trend is Trend.WORSE for change in self.changes):
            return ExitCode.FAIL
        return ExitCode.INCONCLUSIVE if any(each.fits for each in self.not_compared) else ExitCode.PASS

    @property
    def headline(self) -> str:
        """What it comes to, in a line."""
        counts = Counter(change.trend for change in self.changes)
        parts = [f"{counts[trend]} {trend}" for trend in TRENDS if counts[trend]]
        found = f"{quantities.plural(len(self.changes), 'change')} ({', '.join(parts)})" if parts else "no change"
        return f"{self.chain}, from {self.before} to {self.after}: {found}"

    @property
    def searched(self) -> str:
        """What that rests on, in a line."""
        timelines = quantities.plural(self.timelines, "timeline")
        more = f"; {self.unconfirmed} did not show again by other random draws" if self.unconfirmed else ""
        return f"compared in {quantities.plural(self.scenarios, 'scenario')} and {timelines} of faults{more}"

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data; `regressions` are those of the changes that are worse."""
        changes = [change.as_json() for change in self.changes]
        return {
            "before": self.before,
            "after": self.after,
            "chain": self.chain,
            "changes": changes,
            "regressions": [change for change in changes if change["trend"] == Trend.WORSE],
            "scenarios": self.scenarios,
            "timelines": self.timelines,
            "unconfirmed": self.unconfirmed,
            "not_compared": [{"scenario": each.what, "why": each.why, "fits": each.fits} for each in self.not_compared],
            "command": self.command,
            "page": str(self.page),
        }


def print_chains(compared: ComparedChains, console: Console | None = None) -> None:
    """Print what differs, each with its smallest scenario.

    Args:
        compared: It.
        console: Where to; standard output if None.
    """
    console = console or Console()
    output.line(console, compared.headline, "bold")
    for change in compared.changes:
        head = Text.assemble((f"{_GLYPHS[change.trend]} {change.trend}", _STYLES[change.trend]), "  ")
        output.line(console, Text.assemble(head, output.text(change.sentence)))
        if change.also:
            output.line(console, f"    also: {change.also}", "dim")
        output.line(console, f"    {change.smallest}", whole=True)
        for line in _essential(change.yaml):
            output.line(console, f"    {line}", "dim", whole=True)
    for each in compared.not_compared:
        output.line(console, f"not compared: {each.what}: {each.why}", "" if each.fits else "dim")
    output.line(console, compared.searched, "dim")
    output.line(console, f"page: {compared.page}", whole=True)


def _essential(yaml: str) -> list[str]:
    """Return the lines of a timeline's file that say what it does: its load, phases and faults."""
    lines = yaml.splitlines()
    return lines[next((place for place, line in enumerate(lines) if line.startswith("load:")), 0) :]


def html(compared: ComparedChains) -> str:
    """Return the whole page. Names come from files: all text is escaped."""
    status = {ExitCode.PASS: "pass", ExitCode.FAIL: "fail"}.get(ExitCode(compared.exit_code), "inconclusive")
    parts = [
        f"<h1>{escape(compared.before)} → {escape(compared.after)}</h1>",
        f'<p class="summary {status}"><strong>{escape(compared.headline)}</strong>; {escape(compared.searched)}.</p>',
    ]
    parts += [_section(change) for change in compared.changes]
    if compared.not_compared:
        parts.append("<h2>Not compared</h2><ul>")
        parts += [f"<li>{escape(each.what)}: {escape(each.why)}</li>" for each in compared.not_compared]
        parts.append("</ul>")
    parts.append(f"<p>Repeat with: <code>{escape(compared.command)}</code></p>")
    return page(f"{compared.before} → {compared.after}", "\n".join(parts), _STYLE)


def _section(change: BehaviourChange) -> str:
    named = zip(phases_of(change.effects), change.effects, strict=True)
    rows = [[escape(phase), escape(each.label), *map(escape, each.sides), str(each.trend)] for phase, each in named]
    also = f"<p>The same with: {escape(change.also)}.</p>" if change.also else ""
    file = f"<code>{escape(change.smallest.name)}</code>"
    shown = (
        f"<details><summary>The smallest scenario that shows it: {file}</summary>"
        f'<div class="scroll" tabindex="0"><pre><code>{escape(change.yaml)}</code></pre></div></details>'
        if change.yaml
        else f"<p>No smaller scenario was found than {file}.</p>"
    )
    return (
        f'<h2><span class="status {_STATUS[change.trend]}">{change.trend}</span> {escape(change.cause)}</h2>'
        f"{table(('phase', 'what', 'before', 'after', 'change'), rows)}{also}{shown}"
    )


def markdown(compared: ComparedChains) -> str:
    """Return a section for a step summary."""
    lines = [f"### {safely.markdown(compared.headline)}", ""]
    lines += [f"- {_GLYPHS[each.trend]} {each.trend}: {safely.markdown(each.sentence)}" for each in compared.changes]
    return "\n".join([*lines, "", safely.markdown(compared.searched), ""])
