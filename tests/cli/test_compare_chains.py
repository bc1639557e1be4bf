"""`harness compare` with chains: what it takes, prints and refuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.experiment import chain_comparison
from tests.cli.test_cli import called
from tests.plans import chain_file

ROUTER = "scenarios/chains/gpt4-azure-claude.yaml"


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ((ROUTER,), "there is nothing to compare it with"),
        ((ROUTER, "--litellm", "1.90.0"), "--litellm: not two versions: '1.90.0'"),
        ((ROUTER, "--litellm", "1.90.0.."), "--litellm: not two versions"),
        ((ROUTER, "--litellm", "old..new"), "--litellm: not a version: 'old'"),
        ((ROUTER, ROUTER, "--litellm", "1.90.0..1.106.2"), "--litellm: is about one chain, and two are named"),
        (("no/such.yaml", "--litellm", "1.90.0..1.106.2"), "no/such.yaml"),
        (("no/such.yaml", ROUTER), "no/such.yaml"),
    ],
)
def test_what_cannot_be_compared_is_a_mistake_of_the_user_s(
    words: tuple[str, ...], problem: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Found before anything starts."""
    assert called(monkeypatch, "compare", *words) == 2
    assert problem in capsys.readouterr().err


def test_two_chains_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A change for the worse is exit code 1; the JSON, the page and a summary name it."""
    monkeypatch.setattr(chain_comparison, "SEARCH_S", 0.0)
    monkeypatch.setattr(chain_comparison, "SCENARIOS", (Path("smoke/everything-down.yaml"),))
    files = [tmp_path / name for name in ("old.yaml", "new.yaml")]
    for attempts, file in enumerate(files, 1):
        file.write_text(chain_file("openai", "azure", more=f"retry: {{attempts: {attempts}}}"))
    summary, reports = tmp_path / "summary.md", tmp_path / "reports"
    words = ("compare", *map(str, files), "--reports", str(reports), "--summary", str(summary))
    code = called(monkeypatch, *words, "--json")
    answer = json.loads(capsys.readouterr().out)

    assert code == 1
    assert [change["trend"] for change in answer["regressions"]] == ["worse"]
    assert answer["changes"][0]["smallest"].endswith("smoke/everything-down.yaml")
    assert answer["scenarios"] == 1
    assert Path(answer["page"]).is_file()
    assert "worse" in summary.read_text()

    assert called(monkeypatch, *words) == 1
    printed = capsys.readouterr().out
    assert "✗ worse  in smoke/everything-down.yaml: " in printed
    assert printed.splitlines()[-2] == "compared in 1 scenario and no timeline of faults"
