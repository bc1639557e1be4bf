"""What a tuning found: on a terminal, and as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console

from harness import quantities
from harness.errors import ExitCode
from harness.incident.numbers import SampledNumber
from harness.incident.objective import Objective
from harness.incident.toll import Toll
from harness.incident.tuned import HeldOut, Proof, SettingChange, Suggestion, TriedSettings, Tuned
from harness.report import console as output
from harness.report.replay import missed_sentence
from harness.store import TuningFolder

COLUMNS: Mapping[Objective, str] = {
    Objective.UNSERVED: "unserved",
    Objective.WAIT: "added wait",
    Objective.COST: "cost of an answer",
    Objective.LOAD: "attempts at the broken provider",
}
"""What the objectives are, as names of columns."""
WORDS: Mapping[Objective, str] = {
    Objective.UNSERVED: "unserved",
    Objective.WAIT: "added to an answer",
    Objective.COST: "an answer",
    Objective.LOAD: "attempts at the broken provider",
}
"""What the objectives are, in words that follow a number."""


def amount(toll: Toll, objective: Objective) -> str:
    """Return one of a toll's numbers for people."""
    if objective is Objective.UNSERVED:
        return quantities.duration(round(toll.unserved_ns))
    if objective is Objective.WAIT:
        return "no answer" if toll.wait_ns is None else quantities.amount(toll.wait_ns, "ns")
    if objective is Objective.COST:
        return "not known" if toll.cost_usd is None else f"${toll.cost_usd:.5f}"
    return quantities.count(round(toll.attempts))


def against(new: Toll, old: Toll) -> str:
    """Return two tolls beside each other: `unserved 1 h 12 min → 3 min, …`."""
    parts = []
    for objective in Objective:
        before, after = amount(old, objective), amount(new, objective)
        what = COLUMNS[objective]
        parts.append(
            f"{what} {before}" if before == after else f"{what} {before} → {after}{_share(new, old, objective)}"
        )
    return "; ".join(parts)


def _share(new: Toll, old: Toll, objective: Objective) -> str:
    was, now = old.of(objective), new.of(objective)
    if objective is Objective.WAIT or not was or math.isinf(was) or math.isinf(now):
        return ""
    return f" ({(now - was) / was:+.1%})"


def spelt(value: Any) -> str:
    """Return a setting's value for people."""
    return "not set" if value is None else value if isinstance(value, str) else json.dumps(value)


def gain(change: SettingChange, with_it: Toll, objective: Objective) -> str:
    """Return what one line of a suggestion brings: `timeout: 600 → 8: unserved 71 min without it, 12 min with it`."""
    without = amount(change.without, objective)
    return (
        f"{change.label}: {spelt(change.before)} → {spelt(change.after)}: without it {without} {WORDS[objective]}, "
        f"with it {amount(with_it, objective)}"
    )


def headline(tuned: Tuned) -> str:
    """Return the answer in a sentence. Plain text."""
    stopped = "stopped early: " if tuned.interrupted else ""
    if tuned.suggestion is None:
        return f"{stopped}no suggestion: {tuned.why_none}"
    new, old = tuned.suggestion.tried.toll, tuned.now.toll
    was, now = amount(old, tuned.objective), amount(new, tuned.objective)
    changes = quantities.plural(len(tuned.suggestion.changes), "changed setting")
    incidents = quantities.plural(len(tuned.incidents), "incident")
    return f"{stopped}{changes}: over {incidents}, {was} → {now} {WORDS[tuned.objective]}"


def held_out_sentence(held: HeldOut) -> str:
    """Return how a suggestion does on incidents that it was not tuned on. Plain text."""
    verdict = "it holds" if held.holds else "it does not hold"
    return (
        f"on {quantities.plural(len(held.incidents), 'incident')} that it was not tuned on, {verdict}: "
        f"{against(held.after, held.before)}; callers better served in {held.better}, worse in {held.worse} of the ways in "
        "which they may have been"
    )


def apply_command(tuned: Tuned, folder: TuningFolder) -> str:
    """Return the command that puts a suggestion in place: a configuration of LiteLLM's is tried first, any other file copied."""
    if tuned.chain.litellm is None:
        return f"cp {folder.suggestion} {tuned.file}"
    return f"harness chain apply {folder.suggestion} --to {tuned.file}"


def print_tuned(tuned: Tuned, folder: TuningFolder, console: Console) -> None:
    """Print what was found."""
    output.line(
        console,
        f"{tuned.chain.drawn} ({tuned.chain.driver}), {quantities.plural(tuned.candidates, 'candidate')}",
        "bold",
    )
    shown = tuned.suggestion or tuned.refuted
    if shown is not None:
        for line in shown.diff:
            output.line(
                console, line, "green" if line.startswith("+") else "red" if line.startswith("-") else "dim", whole=True
            )
        for change in shown.changes:
            output.line(console, gain(change, shown.tried.toll, tuned.objective))
        output.line(console, f"on the incidents that it was tuned on: {against(shown.tried.toll, tuned.now.toll)}")
        if shown.held_out is not None:
            output.line(console, held_out_sentence(shown.held_out))
        elif not tuned.interrupted:
            output.line(console, "too few incidents to hold some out: it was not checked on others", "yellow")
    others = [each for each in tuned.front if shown is None or each.values != shown.tried.values]
    if others:
        output.line(console, "what no other settings beat:", "bold")
        output.table(console, ("settings", *(COLUMNS[each] for each in Objective)), [row(each) for each in others])
    for proof in tuned.proofs:
        output.line(console, proof_sentence(proof), "green" if proof.agrees else "yellow")
    if tuned.missed:
        output.line(console, f"{missed_sentence(tuned.missed)} (--json names them)", "dim")
    for what, why in tuned.untried.items():
        output.line(console, f"not tried: {what}: {why}", "dim")
    output.line(console, headline(tuned), "bold")
    if tuned.suggestion is not None:
        output.line(console, f"to put it in place: {apply_command(tuned, folder)}", whole=True)
    where = folder.path if tuned.interrupted else folder.page
    output.line(console, f"{'page' if where == folder.page else 'kept in'}: {where}", whole=True)


def settings_words(values: Mapping[str, Any]) -> str:
    """Return settings for people."""
    return ", ".join(f"{label} {spelt(value)}" for label, value in values.items()) or "the file as it is"


def sampled(value: SampledNumber) -> str:
    """Return a time with what chance leaves open: `3 min (2 min – 4 min)`."""
    low, middle, high = (quantities.duration(round(each)) for each in (value.low, value.value, value.high))
    return f"{middle} ({low} – {high})"


def proof_sentence(proof: Proof) -> str:
    """Return how settings did on real parts. Plain text."""
    what = f"live, in {proof.incident}, {settings_words(proof.values)}"
    if proof.live is None:
        return f"{what}: not known: {proof.error}"
    verdict = "as in virtual time" if proof.agrees else "not as in virtual time"
    return f"{what}: unserved {sampled(proof.live)}, {verdict}: {sampled(proof.simulated)}"


def row(tried: TriedSettings) -> tuple[str, ...]:
    """Return settings with their toll, as cells."""
    return (settings_words(tried.values), *(amount(tried.toll, objective) for objective in Objective))


def exit_code(tuned: Tuned) -> ExitCode:
    """Return 0 for whatever was found, 3 if real parts did not bear it out, and 130 if it was stopped early."""
    if tuned.interrupted:
        return ExitCode.INTERRUPTED
    return ExitCode.PASS if all(proof.agrees for proof in tuned.proofs) else ExitCode.INCONCLUSIVE


def as_json(tuned: Tuned, folder: TuningFolder) -> dict[str, Any]:
    """Return all of it for programs; times in nanoseconds."""
    return {
        "exit_code": int(exit_code(tuned)),
        "summary": headline(tuned),
        "tuning": str(folder.path),
        "chain": tuned.chain.name,
        "file": tuned.file,
        "version": tuned.version,
        "objective": str(tuned.objective),
        "seed": tuned.seed,
        "incidents": list(tuned.incidents),
        "compared": list(tuned.compared),
        "now": asdict(tuned.now),
        "front": [asdict(each) for each in tuned.front],
        "suggestion": None if tuned.suggestion is None else _suggestion(tuned.suggestion),
        "refuted": None if tuned.refuted is None else _suggestion(tuned.refuted),
        "why_none": tuned.why_none,
        "candidates": tuned.candidates,
        "interrupted": tuned.interrupted,
        "missed": dict(tuned.missed),
        "untried": dict(tuned.untried),
        "proofs": [{**asdict(proof), "agrees": proof.agrees} for proof in tuned.proofs],
    }


def _suggestion(suggestion: Suggestion) -> dict[str, Any]:
    return {
        **asdict(suggestion.tried),
        "changes": [asdict(change) for change in suggestion.changes],
        "held_out": None if suggestion.held_out is None else asdict(suggestion.held_out),
        "diff": list(suggestion.diff),
    }
