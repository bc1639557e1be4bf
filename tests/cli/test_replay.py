"""`harness replay`, as people and programs use it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_cli import ROOT, answer, harness

REFERENCE = str(ROOT / "scenarios" / "chains" / "reference.yaml")
INCIDENT = """\
title: {title}
lesson: it fails
start: 2025-01-01T00:00:00Z
windows:
  - {{on: {on}, at: 0s, for: 60s, inject: {{status: {status}}}, share: {share}}}
times: stated
precision: minute
account: user
known: [start, "windows[0].inject", "windows[0].for", "windows[0].share"]
sources: [https://status.example]
"""


def written(folder: Path, name: str, *, on: str = "openai", status: int = 400, share: str = "100%") -> str:
    """Write an incident's file, and return its path."""
    path = folder / f"{name}.yaml"
    path.write_text(INCIDENT.format(title=f"The {name}", on=on, status=status, share=share), "utf-8")
    return str(path)


def test_the_list_names_every_incident() -> None:
    """With its length, its vendors and what happened."""
    code, out, _err = harness("replay", "--list")
    assert code == 0
    names = [path.stem for path in (ROOT / "incidents").glob("*.yaml")]
    assert len(names) >= 60
    assert all(name in out for name in names)


def test_an_incident_is_drawn_with_its_sources() -> None:
    """Each window on the incident's time, what of it is assumed, and where it is from."""
    code, out, _err = harness("replay", "--show", "openai-2021-04-01-azure-dns")
    assert code == 0
    assert out.count("█") > 10
    assert "is assumed: " in out
    assert "https://status.openai.com/incidents/" in out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((), "no chain is named"),
        ((REFERENCE, "openai-2021-04-01-azure-dnz"), "no such incident"),
        ((REFERENCE, "--since", "yesterday"), "expected a date"),
        ((REFERENCE, "--since", "2099"), "no incident began"),
        ((REFERENCE, "--slo", "99"), "expected a share"),
        ((REFERENCE, "--rate", "2"), "expected a rate"),
    ],
)
def test_a_mistake_is_exit_2_and_one_sentence(words: tuple[str, ...], problem: str) -> None:
    """Before anything is played."""
    code, out, err = harness("replay", *words)
    assert (code, out) == (2, "")
    assert problem in err
    assert "hint: " in err or "known: " in err


def test_a_loss_is_ranked_and_fails_an_slo(tmp_path: Path) -> None:
    """The reference chain does not fall back after 400, and does after 503; what hits nobody is no part of the sum."""
    lost, served = written(tmp_path, "lost"), written(tmp_path, "served", status=503)
    missed = written(tmp_path, "missed", on="groq")
    code, told = answer("replay", REFERENCE, served, lost, missed, "--slo", "90%")

    assert code == told["exit_code"] == 1
    assert [each["names"] for each in told["incidents"]] == [["lost"], ["served"]]
    assert told["missed"] == {"missed": "of vendors that the chain does not have"}
    assert told["incidents"][0]["providers"] == ["openai"]
    assert told["incidents"][0]["unserved_ns"]["high"] == pytest.approx(60e9)
    assert told["incidents"][1]["lost"]["high"] == 0
    assert told["incidents"][1]["variants"] == 2
    assert told["unserved_ns"] == told["incidents"][0]["unserved_ns"]


def test_what_nobody_knows_decides(tmp_path: Path) -> None:
    """An SLO that the best case keeps and the worst does not is exit 3."""
    unsure = written(tmp_path, "unsure", share="[0%, 100%]")
    code, out, _err = harness("replay", REFERENCE, unsure, "--slo", "90%")
    assert code == 3
    assert "unserved 0 s – 60 s" in out
    assert "cannot be decided" in out


def test_a_kept_slo_is_exit_0(tmp_path: Path) -> None:
    """A fallback serves."""
    code, out, _err = harness("replay", REFERENCE, written(tmp_path, "served", status=503), "--slo", "99.9%")
    assert code == 0
    assert "asked for 99.9 %: kept" in out
