"""`harness report` and `--no-report`: the page, on paper and in the user's browser, or left out."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from harness.cli import main
from tests.cli.command import ROOT
from tests.experiment.test_compare import CHAIN

SCENARIO = """\
name: one
chain: chain.yaml
load: {rate: 3/s, arrivals: constant}
phases: {baseline: 3s, fault: 5s}
faults:
  - {on: primary, during: fault, inject: {status: 503}}
expect:
  - success_rate >= 50%
"""


class Command:
    """Calls of the command line in this process, in a folder with a copy of a sample run."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.run = shutil.copytree(ROOT / "reports" / "samples" / "stream-empty", folder / "run")
        (self.run / "report.html").unlink()
        self.folder, self._patch, self._capsys = folder, patch, capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        """Return exit code, standard output and standard error."""
        self._patch.setattr(sys, "argv", ["harness", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        return int(str(ended.value.code)), out, err


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return the command."""
    return Command(tmp_path, monkeypatch, capsys)


def test_the_page_opens_in_the_user_s_browser(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that the system knows or $BROWSER names, once the page is there."""
    browser = command.folder / "browser"
    browser.write_text(f"#!/bin/sh\necho \"$1\" > '{command.folder}/opened'\n")
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", str(browser))
    code, out, _err = command("report", str(command.run), "--open")
    assert code == 1
    assert f"report: {command.run}/report.html" in out
    assert (command.folder / "opened").read_text().strip() == (command.run / "report.html").as_uri()


def test_without_a_browser_the_address_is_printed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is there all the same."""
    monkeypatch.setattr("webbrowser._tryorder", [])
    code, _out, err = command("report", str(command.run), "--open")
    assert code == 1
    assert err.endswith(f"no browser was found; the page is {(command.run / 'report.html').as_uri()}\n")


def test_a_pdf_needs_a_browser(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is none, that is said before anything is written, with what to do about it."""
    monkeypatch.setenv("PATH", str(command.folder))
    code, _out, err = command("report", str(command.run), "--pdf")
    assert code == 2
    assert "a PDF needs Chromium or Chrome, and there is none here" in err
    assert "CHROME=/path/to/it" in err
    monkeypatch.setenv("CHROME", "no-such-browser")
    code, _out, err = command("report", str(command.run), "--pdf")
    assert code == 2
    assert "$CHROME: no such program: 'no-such-browser'" in err
    assert not (command.run / "report.html").exists()


@pytest.mark.parametrize("browser", ["true", "false"])
def test_a_pdf_is_written_whole_or_not_at_all(browser: str, command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that prints nothing is named, whether it owns up or not; the page stays."""
    monkeypatch.setenv("CHROME", browser)
    code, _out, err = command("report", str(command.run), "--pdf")
    assert code == 4
    assert f"/{browser}: printed no PDF (exit code {int(browser == 'false')})" in err
    assert (command.run / "report.html").exists()
    assert not list(command.run.glob("*.pdf*"))


def test_a_run_without_a_page(command: Command) -> None:
    """`--no-report` leaves out the page alone, and `harness report` makes it later."""
    (command.folder / "chain.yaml").write_text(CHAIN.format(name="ours", reply=""))
    (command.folder / "one.yaml").write_text(SCENARIO)
    words = ("run", f"{command.folder}/one.yaml", "--engine", "sim", "--reports", f"{command.folder}/reports", "--json")
    code, out, _err = command(*words, "--no-report")
    folder = Path(json.loads(out)["run"])
    assert code == 0
    assert (folder / "verdict.json").exists()
    assert not (folder / "report.html").exists()
    code, _out, _err = command("report", "--reports", f"{command.folder}/reports")
    assert code == 0
    assert (folder / "report.html").exists()
