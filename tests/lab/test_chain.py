"""The chain on the bench and its widget, without a browser: what the page asks for, and what it is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness import lab
from harness.errors import UsageError
from harness.experiment.chain_files.reordering import ChainPlace
from harness.experiment.failing import written
from harness.lab.bench import FAILURES, Bench
from harness.lab.chain_widget import ChainWidget
from harness.scenario.load import read_scenario
from tests.experiment.chain_files.files import beside

CHAIN = """\
name: two
driver: reference
providers:
  openai: {dialect: openai, model: gpt-4}
  azure: {dialect: azure, model: gpt-4}
order: [openai, azure]  # as agreed
retry: {attempts: 1}
"""
ORDER = [ChainPlace("openai", on=True), ChainPlace("azure", on=True)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a chain file."""
    path = tmp_path / "two.yaml"
    path.write_text(CHAIN)
    return path


@pytest.fixture
def widget(path: Path) -> ChainWidget:
    """Return the widget of that file."""
    return lab.chain(path)


def ask(widget: ChainWidget, what: str, places: list[dict[str, Any]] | None = None) -> None:
    """Do what the page does: set an order, and ask for something."""
    if places is not None:
        widget.places = places
    answers = widget.answers
    widget._handle_custom_msg({"do": what}, [])
    assert widget.answers == answers + 1


def place(name: str, *, on: bool = True, failure: str = "") -> dict[str, Any]:
    """Return a row of the list."""
    return {"name": name, "on": on, "failure": failure}


@pytest.mark.parametrize("kind", [kind for kinds in FAILURES.values() for kind in kinds])
def test_every_failure_can_be_written(kind: str) -> None:
    """Each choice is one that `harness probe --fail` takes, with the value that it needs."""
    assert read_scenario(written([f"openai={kind}"], streaming="100%")).errors == ()


def test_a_failure_is_that_of_who_is_on(path: Path) -> None:
    """The first provider fails and the second one serves; a failure of one that is switched off is left out."""
    bench = Bench(path)
    found = bench.probe(ORDER, {"openai": "429", "azure": ""})
    assert found.said.startswith("openai → azure: served by azure after")
    assert "<svg" in found.html
    off = bench.probe([ChainPlace("openai", on=False), ORDER[1]], {"openai": "429"})
    assert off.said.startswith("azure: served by azure after")
    assert path.read_text() == CHAIN


def test_a_failure_of_streams_asks_for_a_stream(path: Path) -> None:
    """Without a stream it could not happen; the sentence says that one was asked for."""
    found = Bench(path).probe(ORDER, {"openai": "cut"})
    assert found.said.endswith("asked for a stream, because a failure of streams was chosen")


def test_the_page_probes_and_writes_on_a_click(widget: ChainWidget, path: Path) -> None:
    """The order is probed in memory, shown as a difference, and written with a backup; then the file is read again."""
    moved = [place("azure", failure="500"), place("openai")]
    ask(widget, "probe", moved)
    assert widget.said.startswith("azure → openai: served by openai after")
    assert "<svg" in widget.picture
    ask(widget, "compare")
    assert "+order: [azure, openai]" in widget.difference
    assert path.read_text() == CHAIN
    ask(widget, "write")
    assert path.read_text() == CHAIN.replace("[openai, azure]", "[azure, openai]")
    assert widget.said.startswith(f"{path} is in place; what it held is in two.yaml.")
    assert widget.difference == ""
    assert widget.places == moved
    assert len(beside(path)["backups"]) == 1
    ask(widget, "compare")
    assert widget.said == f"{path} holds this order already"


def test_mistakes_are_shown_in_words(widget: ChainWidget, path: Path) -> None:
    """What cannot be is said, without a traceback, and the next thing that can be is done."""
    ask(widget, "probe", [place("openai", failure="429,retry=1"), place("azure")])
    assert "retry" in widget.wrong
    assert "Traceback" not in widget.wrong
    assert widget.picture == ""
    ask(widget, "compare", [place("openai", on=False), place("azure", on=False)])
    assert "every provider is switched off" in widget.wrong
    ask(widget, "compare", [place("azure"), place("openai")])
    assert widget.wrong == ""
    path.write_text(CHAIN + "# theirs\n")
    ask(widget, "write")
    assert "was changed by somebody else" in widget.wrong
    assert path.read_text() == CHAIN + "# theirs\n"


def test_a_chain_is_found_among_the_shipped_ones() -> None:
    """A notebook of an installed package has no checkout around it."""
    assert lab.chain("chains/gpt4-azure-claude.yaml").facts["driver"] == "litellm-router"
    with pytest.raises(UsageError, match="no such file"):
        lab.chain("chains/nothing.yaml")


def test_the_code_of_the_page_asks_nobody_else() -> None:
    """Neither script nor style has an address, so the widget works without a network."""
    files = [path for path in Path(lab.__file__).parent.iterdir() if path.suffix in (".js", ".css")]
    assert len(files) >= 2
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "://" not in text
        assert "import " not in text
