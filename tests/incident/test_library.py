"""Files of incidents: what the loader takes, and what it says about the others."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.incident import Incident, ShareBand, find_incident, library
from harness.incident.library import load
from harness.quantities import S

GOOD = """\
title: Two kinds of failure
lesson: one outage can have several phases
start: 2025-06-10T06:36:00Z
windows:
  - on: openai
    at: 0s
    for: 10m
    inject: [{status: 500}, {status: 503}]
    share: [5%, 30%]
  - on: [openai, azure]
    at: 5m
    for: 20m
    inject: {stream: error_event}
    share: 10%
times: stated
precision: minute
account: provider
known:
  - start
  - windows[1].share
assumed:
  windows[0].share: not stated; elevated errors
  windows[*].inject: not stated
sources:
  - https://status.example.com/incidents/1
"""


def written(folder: Path, text: str) -> Path:
    """Write a file."""
    path = folder / "ours.yaml"
    path.write_text(text, "utf-8")
    return path


def mistake(folder: Path, old: str, new: str) -> str:
    """Return what the loader says about the file with one part replaced."""
    assert old in GOOD
    with pytest.raises(UsageError) as caught:
        load(written(folder, GOOD.replace(old, new, 1)))
    return str(caught.value)


def test_a_file_becomes_an_incident(tmp_path: Path) -> None:
    """Times are from its start; one vendor or fault needs no list."""
    incident = load(written(tmp_path, GOOD))
    first, second = incident.windows
    assert incident.start == datetime(2025, 6, 10, 6, 36, tzinfo=UTC)
    assert (first.on, second.on, incident.vendors) == (("openai",), ("openai", "azure"), ("openai", "azure"))
    assert (first.share, second.share) == (ShareBand(0.05, 0.3), ShareBand(0.1, 0.1))
    assert [inject.status for inject in first.inject] == [500, 503]
    assert (second.end_ns, incident.end_ns) == (25 * 60 * S, 25 * 60 * S)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("on: openai", "on: openia", "unknown vendor 'openia'"),
        ("on: openai", "on: []", "windows[0].on: "),
        ("at: 0s", "at: 1s", "no window begins with the incident"),
        ("for: 10m", "for: 0s", "windows[0].for: expected more than 0"),
        ("for: 10m", "for: 1500h", "a duration of at most 60 days"),
        ("share: 10%", "share: 0%", "windows[1].share: a share of 0% is no incident"),
        ("share: [5%, 30%]", "share: [30%, 5%]", "the low end comes first"),
        ("share: [5%, 30%]", "share: [5%]", "expected a share, or its low and its high end"),
        ("share: [5%, 30%]", "share: 0.3", "expected a share from 0% to 100%"),
        ("share: 10%", "share: 10%\n    streaming: false", "'stream: error_event' needs streams"),
        ("inject: {stream: error_event}", "inject: {connection: refused}", "`share` does not go with 'refused'"),
        (
            "inject: {stream: error_event}\n    share: 10%",
            "inject: {connection: refused}\n    share: [50%, 100%]",
            "`share` does not go with 'refused'",
        ),
        (
            "inject: {stream: error_event}\n    share: 10%",
            "inject: {connection: refused}\n    share: 100%\n    models: [gpt-4]",
            "windows[1].models: `models` does not go with 'refused'",
        ),
        ("inject: {stream: error_event}", "inject: {process: kill}", "'process: kill' hits a gateway, not a vendor"),
        ("inject: {stream: error_event}", "inject: {stream: error_evnt}", "unknown stream fault"),
        ("06:36:00Z", "06:36:00+02:00", "start: expected a time in UTC"),
        ("06:36:00Z", "06:36:00+02:00Z", "start: expected a time in UTC"),
        ("06:36:00Z", "06:36Z", "start: expected a time in UTC"),
        ("2025-06-10T06:36:00Z", "20250610", "start: expected a time in UTC"),
        ("2025-06-10T", "2025-02-30T", "start: expected a time in UTC"),
        ("  - windows[1].share", "  - windows[0].share", "windows[0].share is both known and assumed"),
        ("  - windows[1].share", "  - windows[*].share", "windows[0].share is both known and assumed"),
        ("  - windows[1].share", "  - start", "start is known twice"),
        ("  - windows[1].share", "  - windows[0-1].inject", "windows[1].inject is both known and assumed"),
        ("  - windows[1].share", "  - windows[2].share", "no such field: 'windows[2].share'"),
        ("  - windows[1].share", "  - windows[1-2].share", "no such field: 'windows[1-2].share'"),
        ("  - windows[1].share", "  - windows[1].shar", "no such field: 'windows[1].shar'"),
        ("  - windows[1].share", "  - end", "no such field: 'end'"),
        ("windows[0].share: not", "windows[7].share: not", "no such field: 'windows[7].share'"),
        ("https://", "http://", "a source is an address that begins with https://"),
        ("times: stated", "with: [theirs]\ntimes: stated", "with[0]: no such incident: 'theirs'"),
        ("times: stated", "with: [ours]\ntimes: stated", "with[0]: no such incident: 'ours'"),
        ("times: stated", "times: guessed", "unknown value 'guessed'"),
        ("times: stated\n", "", "times: missing"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path: Path, old: str, new: str, problem: str) -> None:
    """Each rule of the loader."""
    said = mistake(tmp_path, old, new)
    assert problem in said
    assert re.search(r"ours\.yaml:\d+", said)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("inject: {stream: error_event}\n    share: 10%", "inject: {connection: refused}\n    share: 100%"),
        ("inject: {stream: error_event}", "inject: []"),
        ("share: 10%", "share: [0%, 10%]"),
        ("  - windows[1].share", "  - windows[1].models"),
        ("  - windows[1].share", "  - windows[0-1].for"),
        ("on: openai", "on: vertex_ai"),
        ("on: openai", "on: groq"),
    ],
)
def test_what_looks_like_a_mistake_and_is_none(tmp_path: Path, old: str, new: str) -> None:
    """A fault of the whole provider that hit all, one that nothing can play, and a field that was left out."""
    assert old in GOOD
    assert len(load(written(tmp_path, GOOD.replace(old, new, 1))).windows) == 2


def test_a_companion_may_be_beside_the_file_or_shipped(tmp_path: Path) -> None:
    """A user's incident can name another one of the user's, and one of ours."""
    (tmp_path / "theirs.yaml").write_text(GOOD, "utf-8")
    for name in ("theirs", "anthropic-2025-06-12-gcp"):
        ours = written(tmp_path, GOOD.replace("times: stated", f"with: [{name}]\ntimes: stated"))
        assert load(ours).with_ == (name,)


def test_an_incident_is_found_by_name_or_file(tmp_path: Path) -> None:
    """A shipped one by its name, a user's by its path; a name that is nearly right is suggested."""
    assert find_incident("mistral-2025-10-16-21-minutes")[1].vendors == ("mistral",)
    assert find_incident(str(written(tmp_path, GOOD)))[0] == "ours"
    with pytest.raises(UsageError, match="did you mean 'mistral-2025-10-16-21-minutes'"):
        find_incident("mistral-2025-10-16-21-minute")
    with pytest.raises(UsageError, match="no such incident"):
        find_incident("../incidents/mistral-2025-10-16-21-minutes")
    with pytest.raises(UsageError, match="there is no such file"):
        find_incident(str(tmp_path / "none.yaml"))


def test_all_mistakes_of_a_folder_are_shown_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of each file, with its name."""
    (tmp_path / "a.yaml").write_text(GOOD.replace("on: openai", "on: openia"), "utf-8")
    (tmp_path / "b.yaml").write_text(GOOD.replace("at: 0s", "at: 1s"), "utf-8")
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    with pytest.raises(UsageError) as caught:
        library.all_incidents()
    assert "a.yaml:5" in str(caught.value)
    assert "b.yaml:1" in str(caught.value)


def _mutated(text: str, rng: random.Random) -> str:
    """Return a file as a slip of the hand might leave it."""
    lines = text.splitlines()
    at = rng.randrange(len(lines))
    line = lines[at]
    place = rng.randrange(len(line)) if line else 0
    other = rng.randrange(len(lines))
    kinds = {
        "drop": lines[:at] + lines[at + 1 :],
        "double": [*lines[:at], line, line, *lines[at + 1 :]],
        "swap": [lines[other] if n == at else line if n == other else each for n, each in enumerate(lines)],
        "indent": [*lines[:at], rng.choice(("", " ", "   ", "\t")) + line.lstrip(), *lines[at + 1 :]],
        "sign": [
            *lines[:at],
            line[:place] + rng.choice("[]{}:,%'\"*&!|>-0aÄ\x00\u2028") + line[place + 1 :],
            *lines[at + 1 :],
        ],
        "value": [
            *lines[:at],
            line.partition(":")[0]
            + ": "
            + rng.choice(("", "[]", "{}", "[[]]", "null", "-1", "1e400", "2025-01-01", "x")),
            *lines[at + 1 :],
        ],
        "cut": [*lines[:at], line[:place]],
    }
    return "\n".join(kinds[rng.choice(sorted(kinds))]) + "\n"


@pytest.mark.parametrize("seed", range(20))
def test_no_slip_ends_in_a_traceback(tmp_path: Path, seed: int) -> None:
    """Two slips in each of many shipped files: an incident, or an error that names the file and a line."""
    rng = random.Random(seed)
    files = sorted(library.FOLDER.glob("*.yaml"))
    for _ in range(20):
        text = _mutated(_mutated(rng.choice(files).read_text("utf-8"), rng), rng)
        path = written(tmp_path, text)
        try:
            assert isinstance(load(path), Incident)
        except UsageError as error:
            for said in str(error).split("\nerror: "):
                assert re.match(rf"{re.escape(str(path))}:\d+|\d+ more mistakes", said), said
