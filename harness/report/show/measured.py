"""What single settings would have changed: beside the usual remedies, and as a table of all that help."""

from __future__ import annotations

from html import escape

from harness import quantities
from harness.judge.comparison.counterfactual import TriedSetting
from harness.report import remedies
from harness.report.judged_run import JudgedRun
from harness.report.show.block import code, section
from harness.report.table import table

_FIRST_MAX = 2


def to_do(run: JudgedRun) -> str:
    """Return items for a list of what to do: what was measured to help; else how to measure it, if that can be done."""
    found = run.remedies
    if found is None:
        command = remedies.how_to_measure(run)
        return (
            f"<li>Which setting would have helped: <code>{escape(command)}</code> measures it.</li>" if command else ""
        )
    if not found.helpful:
        return f"<li><strong>Measured:</strong> {code(remedies.outcome(found))}</li>"
    items = [
        f"<li><strong>Measured:</strong> <code>{escape(remedies.setting(tried))}</code>: {code(remedies.effect(tried))}."
        f"{_diff(tried)}</li>"
        for tried in found.helpful[:_FIRST_MAX]
    ]
    note = remedies.caveat(found)
    return "".join(items) + (f"<li>{code(note)}</li>" if note else "")


def measured(run: JudgedRun) -> str:
    """Return a section with every setting that was measured to help, and all others folded up; empty where nothing was measured."""
    found = run.remedies
    if found is None:
        return ""
    parts = [f'<p class="reading">{code(remedies.outcome(found))}</p>']
    columns = ("setting", "what would have changed")
    if found.helpful:
        shown = found.helpful[: remedies.SHOWN_MAX]
        rows = [[_setting(tried), code(remedies.effect(tried)) + _diff(tried)] for tried in shown]
        parts.append(table(columns, rows))
    others = [tried for tried in found.tried if tried not in found.helpful[: remedies.SHOWN_MAX]]
    if others:
        title = f"{quantities.plural(len(others), 'other value' if found.helpful else 'value')} tried"
        rows = [[_setting(tried), code(text)] for tried in others if (text := remedies.effect(tried))]
        same = [_setting(tried) for tried in others if not remedies.effect(tried)]
        folded = table(columns, rows) if rows else ""
        folded += f"<p>Nothing would have changed with {', '.join(same)}.</p>" if same else ""
        parts.append(f"<details class='passed'><summary>{title}</summary>{folded}</details>")
    return section("measured-remedies", "Which setting would have helped", *parts).html


def _setting(tried: TriedSetting) -> str:
    return f"<code>{escape(remedies.setting(tried))}</code>"


def _diff(tried: TriedSetting) -> str:
    text = escape("\n".join(tried.diff))
    return (
        f"<details class='passed'><summary>Change of {escape(tried.diff[0].removeprefix('--- '))}</summary>"
        f'<pre class="scroll" tabindex="0"><code>{text}</code></pre></details>'
        if tried.diff
        else ""
    )
