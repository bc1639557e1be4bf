"""`harness show`: requests of a saved run."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from harness.cli import main
from tests.cli.command import ROOT

SAMPLE = "reports/samples/primary-429"


def shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """Run the command in this process; return exit code, standard output and standard error."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "argv", ["harness", "show", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(str(ended.value.code)), out, err


def test_the_guide_shows_what_is_printed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One request, and the worst of many with the way to one of them."""
    guide = (ROOT / "docs" / "guides" / "probe.md").read_text()
    code, out, err = shown(monkeypatch, capsys, SAMPLE, "req-000090")
    assert (code, err) == (0, "")
    assert "\n".join(line.rstrip() for line in out.splitlines()) in guide
    code, out, _err = shown(monkeypatch, capsys, SAMPLE)
    lines = [line.rstrip() for line in out.splitlines()]
    assert (code, len(lines)) == (0, 13)
    assert "\n".join(lines[:4]) in guide
    assert lines[-1] in guide


def test_as_data(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """One object, with every attempt of the requests that would be shown."""
    code, out, _err = shown(monkeypatch, capsys, SAMPLE, "90", "--json")
    found = json.loads(out)
    request = found["requests"]["req-000090"]
    assert (code, found["planned"], found["cut_short"]) == (0, 653, None)
    assert (request["served_by"], request["text"]) == ("azure", None)
    assert [bar["provider"] for bar in request["attempts"]] == ["openai", "openai", "openai", "azure"]


def test_a_run_that_was_killed_is_shown_with_a_line_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever it has left is no mistake of the user's."""
    shutil.copy(ROOT / SAMPLE / "plan.json", tmp_path)
    code, out, err = shown(monkeypatch, capsys, str(tmp_path))
    assert (code, err) == (0, "")
    assert "nothing is recorded: the run ended, or was killed, before its records were written" in out


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("reports/samples",), "not a run's folder: it has no plan.json"),
        (("no/such/folder",), "not a run's folder: it has no plan.json"),
        ((SAMPLE, "req-000654"), "no request 'req-000654'"),
        ((SAMPLE, "req-0"), "653 requests begin with 'req-0'"),
    ],
)
def test_what_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], problem: str
) -> None:
    """Exit 2, with a hint."""
    code, out, err = shown(monkeypatch, capsys, *words)
    assert (code, out) == (2, "")
    assert problem in err
    assert "hint: " in err
