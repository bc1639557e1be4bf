"""What a page opens with: the answer, why, and what to do."""

from __future__ import annotations

from html import escape

from harness import quantities
from harness.judge.tables.spending import Spending, spending
from harness.report import circumstances, words
from harness.report.decisive import Decisive, decisive, remedies
from harness.report.glossary import explained, with_jargon_explained
from harness.report.judged_run import JudgedRun
from harness.report.show.block import Block, code
from harness.report.show.chain_drawing import chain
from harness.report.show.measured import to_do
from harness.report.summary import answer, summary

_SHOWN_MAX = 3
_QUESTIONS = (
    ("single-requests-title", "Which request was worst, and why?"),
    ("retry-gaps-title", "Does the chain wait as it should?"),
    ("fallback-overhead-title", "What did falling back cost?"),
    ("not-served", "Who was not served?"),
)
"""What readers ask next, and where the page answers it."""


def heading(run: JudgedRun) -> Block:
    """Show the title and the run in one sentence."""
    return Block(f"<h1>{escape(run.plan.title)}</h1>" + _sentence(run, summary(run)))


def opening(run: JudgedRun) -> Block:
    """Show what was asked, the answer, the chain and how it was tried, why that is the answer, what to do, and the cost."""
    found = decisive(run.verdict)
    parts = [
        f"<h1>{escape(run.plan.title)}</h1>",
        _sentence(run, answer(run) if found else summary(run)),
        _facts(run),
        *([f'<div class="reasons-and-remedies">{_why(run, found)}{_what_to_do(run, found)}</div>'] if found else []),
        f'<p id="cost"><strong>Cost:</strong> {escape(cost(spending(run.data)))}</p>',
        _notes(run, found),
        _questions(run),
    ]
    return Block(f'<section class="opening">{"".join(parts)}</section>')


def _sentence(run: JudgedRun, sentence: str) -> str:
    status = run.verdict.status
    word, _, rest = sentence.partition(" — ")
    return f'<p class="summary {status}" id="answer"><strong>{words.GLYPHS[status]} {escape(word)}</strong> — {code(rest)}</p>'


def _facts(run: JudgedRun) -> str:
    engine = circumstances.engine(run)
    word, _, rest = engine.partition(":")
    engine = f"<strong>{word.capitalize()}</strong>:{escape(rest)}" if engine else ""
    rows = (
        ("Chain", chain(run.plan)),
        ("Run", ", ".join(part for part in (escape(circumstances.began(run)), engine) if part)),
        ("Library", escape(circumstances.library(run))),
        ("Load", with_jargon_explained(circumstances.load(run))),
        ("Expected", _expected(run)),
    )
    return "<dl>" + "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in rows if text) + "</dl>"


def _expected(run: JudgedRun) -> str:
    texts = [code(f"`{expectation.text}`") for expectation in run.plan.expectations]
    return quantities.listed(texts, most=4) or "nothing"


def _why(run: JudgedRun, found: list[Decisive]) -> str:
    rows = "".join(
        f"<li><strong>{_name(each)}</strong>{code(f': {each.what}' if each.what else '')}</li>"
        for each in found[:_SHOWN_MAX]
    )
    more = len(found) - _SHOWN_MAX
    rest = f'<p><a href="#expectations">and {more} more</a></p>' if more > 0 else ""
    title = "Why" if run.verdict.status == "fail" else "What is missing"
    return f'<div><h2 id="why">{title}</h2><ol>{rows}</ol>{rest}</div>'


def _name(each: Decisive) -> str:
    return explained(each.name, each.meaning) if each.meaning else code(each.name)


def _what_to_do(run: JudgedRun, found: list[Decisive]) -> str:
    by_remedy = remedies(found)
    rows = "".join(
        f"<li>{code(remedy)}"
        + (f'<span class="ci">for: {code("; ".join(names))}</span>' if len(by_remedy) > 1 else "")
        + "</li>"
        for remedy, names in list(by_remedy.items())[:_SHOWN_MAX]
    )
    rows += to_do(run)
    correct = run.plan.correct.strip() if run.verdict.status == "fail" else ""
    if correct:
        rows += f"<li><strong>Aim for:</strong> {code(correct)}</li>"
    if not rows:
        rows = "<li>Look at the worst requests below: there is no usual remedy for this.</li>"
    return f'<div><h2 id="what-to-do">What to do</h2><ul>{rows}</ul></div>'


def cost(spent: Spending) -> str:
    """Return in a sentence or two what a run cost, and how much of it was wasted."""
    if not spent.tokens:
        return "no attempt was billed any tokens."
    wasted = f"{quantities.count(spent.wasted_tokens)} of {quantities.count(spent.tokens)} tokens"
    attempts = quantities.plural(spent.wasted_attempts, "attempt")
    lost = f"{wasted}, in {attempts} whose answer no caller got" if spent.wasted_tokens else ""
    unpriced = quantities.listed(spent.unpriced, most=3)
    if spent.cost_usd is None:
        return f"not known in dollars: no price is known for {unpriced}. Wasted: {lost or 'nothing'}."
    whole = quantities.amount(spent.cost_usd, "usd")
    part = quantities.amount(spent.wasted_usd, "usd")
    share = f" ({quantities.share(spent.wasted_usd / spent.cost_usd)})" if spent.cost_usd and spent.wasted_usd else ""
    real = quantities.amount(spent.real_usd, "usd")
    paid = f"{real} of it was paid to real providers" if spent.real_usd else "nothing was paid: no provider was real"
    missing = f" The price of {unpriced} is not known." if unpriced else ""
    return (
        f"{whole} at the chain's prices ({paid}). Wasted: {f'{part}{share}: {lost}' if lost else 'nothing'}.{missing}"
    )


def _notes(run: JudgedRun, found: list[Decisive]) -> str:
    named = {each.name for each in found}
    notes = [each for each in words.other_reasons(run.verdict, expectations=True) if each not in named]
    rows = "".join(f"<li>{code(note)}</li>" for note in notes)
    return f'<ul class="reasons">{rows}</ul>' if rows else ""


def _questions(run: JudgedRun) -> str:
    links = [f'<a href="#{anchor}">{escape(question)}</a>' for anchor, question in _QUESTIONS]
    if run.path is not None and (run.path.parent.parent / "index.html").is_file():
        links.append(f'<a href="../../index.html#{escape(run.plan.name)}">Is it worse than last week?</a>')
    return f'<nav class="questions" aria-label="Next questions">{"".join(links)}</nav>'
