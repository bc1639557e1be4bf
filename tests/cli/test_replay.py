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
        ((REFERENCE, "--since", "yesterday"), "neither an age nor a date"),
        ((REFERENCE, "--since", "2099"), "no incident began"),
        ((REFERENCE, "--slo", "99"), "expected a share"),
        ((REFERENCE, "--rate", "2"), "expected a rate"),
        ((REFERENCE, "--engine", "live"), "no incident is named, and live each takes minutes"),
        ((REFERENCE.replace("reference", "litellm-proxy"),), "play the litellm-config.yaml of a proxy by itself"),
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


HISTORIES = ROOT / "tests" / "incident" / "imports" / "examples"


def test_the_history_of_a_status_page_is_played(tmp_path: Path) -> None:
    """Its incidents, and by name what none could be made of."""
    history = tmp_path / "incidents.json"
    history.write_text((HISTORIES / "statuspage.json").read_text("utf-8"), "utf-8")
    code, told = answer("replay", REFERENCE, str(history), "--vendor", "groq")
    assert code == 0
    assert told["incidents"] == []
    assert "of vendors that the chain does not have" in told["missed"].values()


def test_an_incident_of_a_history_is_kept_as_a_file(tmp_path: Path) -> None:
    """It is played by its file as by the history; a file that is there already stays."""
    history, out = str(HISTORIES / "statuspage.json"), tmp_path / "ours"
    code, told = answer("replay", history, "--save", str(out), "--vendor", "openai")
    assert code == 0
    files = [Path(file) for file in told["files"]]
    assert files
    assert all(file.parent == out for file in files)
    files[0].write_text("mine", "utf-8")
    assert answer("replay", history, "--save", str(out), "--vendor", "openai") == (0, told)
    assert files[0].read_text("utf-8") == "mine"
    assert harness("replay", "--show", str(files[-1]))[0] == 0


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("{}", "--save", "out"), "no column for time, provider, status"),
        (("{", "--save", "out"), "not JSON"),
        (("", "--save", "out"), "the file is empty"),
        ((None, "--save", "out"), "no history is named"),
    ],
)
def test_what_is_no_history_is_refused(tmp_path: Path, words: tuple[str | None, ...], problem: str) -> None:
    """With its file, and nothing is written."""
    text, *rest = words
    history = tmp_path / "incidents.json"
    if text is not None:
        history.write_text(text, "utf-8")
    code, _out, err = harness("replay", str(history if text is not None else REFERENCE), *map(str, rest), cwd=tmp_path)
    assert code == 2
    assert problem in err
    assert not (tmp_path / "out").exists()


def test_telemetry_of_calls_is_played_and_kept(tmp_path: Path) -> None:
    """Ten minutes of 503 in an hour of calls are ten unserved minutes at most; quiet calls are no incident."""
    rows = [f"{1_780_000_000 + n * 6},openai,{503 if 200 <= n < 300 else 200}" for n in range(600)]
    calls, quiet = tmp_path / "calls.csv", tmp_path / "quiet.csv"
    calls.write_text("\n".join(["time,provider,status", *rows]), "utf-8")
    quiet.write_text(calls.read_text("utf-8").replace("503", "200"), "utf-8")
    code, told = answer("replay", REFERENCE, str(calls))
    assert code == 0
    (played,) = told["incidents"]
    assert played["title"] == "Measured at openai: 503 in 100 calls"
    code, kept = answer("replay", str(calls), "--save", str(tmp_path / "ours"))
    assert code == 0
    assert harness("replay", "--show", kept["files"][0])[0] == 0
    code, _out, err = harness("replay", REFERENCE, str(quiet))
    assert code == 2
    assert "no time in it fails clearly more than the rest" in err


def test_an_incident_of_other_models_is_played_if_asked(tmp_path: Path) -> None:
    """Else it is named, and left out."""
    other = written(tmp_path, "other")
    Path(other).write_text(Path(other).read_text("utf-8").replace("at: 0s", "models: [gpt-3], at: 0s"), "utf-8")
    code, told = answer("replay", REFERENCE, other)
    assert (code, told["incidents"], told["missed"]) == (0, [], {"other": "of models that the chain does not ask for"})
    code, told = answer("replay", REFERENCE, other, "--any-model")
    assert (code, [each["title"] for each in told["incidents"]]) == (0, ["As if it had hit your models: The other"])


def test_an_incident_s_companion_lies_beside_it(tmp_path: Path) -> None:
    """Both are played together, though one alone is named."""
    first = written(tmp_path, "first")
    written(tmp_path, "second", on="azure")
    Path(first).write_text(Path(first).read_text("utf-8") + "with: [second]\n", "utf-8")
    code, told = answer("replay", REFERENCE, first)
    assert code == 0
    (both,) = told["incidents"]
    assert both["names"] == ["first", "second"]
    assert both["providers"] == ["openai", "azure"]


def test_a_kept_slo_is_exit_0(tmp_path: Path) -> None:
    """A fallback serves."""
    code, out, _err = harness("replay", REFERENCE, written(tmp_path, "served", status=503), "--slo", "99.9%")
    assert code == 0
    assert "asked for 99.9 %: kept" in out
