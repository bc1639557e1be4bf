"""What a page opens with."""

from __future__ import annotations

from html import escape

from harness.report import words
from harness.report.judged_run import JudgedRun
from harness.report.show.block import Block, code
from harness.report.summary import summary


def heading(run: JudgedRun) -> Block:
    """Show the title, the run in one sentence, and the reasons that no table below gives."""
    status = run.verdict.status
    sentence = summary(run)
    word, _, rest = sentence.partition(" — ")
    notes = "".join(f"<li>{escape(reason)}</li>" for reason in words.other_reasons(run.verdict, expectations=True))
    return Block(
        f"<h1>{escape(run.plan.title)}</h1>"
        f'<p class="summary {status}"><strong>{words.GLYPHS[status]} {escape(word)}</strong> — {code(rest)}</p>'
        + (f'<ul class="reasons">{notes}</ul>' if notes else "")
    )
