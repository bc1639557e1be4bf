"""A chain as a list in JupyterLab: reordered, switched and failed by hand, probed at once, and written on a click."""

from __future__ import annotations

import os
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import traitlets

from harness.errors import HarnessError
from harness.experiment.chain_files.reordering import ChainPlace
from harness.lab.bench import FAILURES, Bench
from harness.lab.widget import LabWidget, module
from harness.scenario.shipped import existing


class ChainWidget(LabWidget):
    """The list, what it was probed to, and what would be written.

    Args:
        bench: The chain.
    """

    _esm = module("chain")
    places = traitlets.List(traitlets.Dict()).tag(sync=True)
    failures = traitlets.Dict().tag(sync=True)
    facts = traitlets.Dict().tag(sync=True)
    said = traitlets.Unicode().tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)
    difference = traitlets.Unicode().tag(sync=True)
    wrong = traitlets.Unicode().tag(sync=True)
    answers = traitlets.Int().tag(sync=True)

    def __init__(self, bench: Bench) -> None:
        super().__init__()
        self._bench = bench
        self.failures = {title: list(kinds) for title, kinds in FAILURES.items()}
        self._show_file({})
        self.on_msg(self._asked)

    def _show_file(self, failing: dict[str, str]) -> None:
        """Show the order that the file holds."""
        ordered = self._bench.ordered
        self.facts = {
            "file": str(ordered.path),
            "name": ordered.chain.name,
            "driver": ordered.chain.driver,
            "fixed": ordered.fixed,
            "notes": list(ordered.notes),
            "models": ordered.models,
        }
        self.places = [{**place._asdict(), "failure": failing.get(place.name, "")} for place in ordered.places]

    def _asked(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        """Do what the page asks for, and show what was wrong in words."""
        known: dict[str, Callable[[], None]] = {"probe": self._probe, "compare": self._compare, "write": self._write}
        self.wrong = ""
        try:
            known[content["do"]]()
        except HarnessError as error:
            self.wrong = str(error)
        except OSError as error:
            self.wrong = str(HarnessError.wrapping(error, where=str(self._bench.ordered.path)))
        finally:
            self.answers += 1

    def _order(self) -> list[ChainPlace]:
        return [ChainPlace(str(each["name"]), on=bool(each["on"])) for each in self.places]

    def _failing(self) -> dict[str, str]:
        return {str(each["name"]): str(each["failure"]).strip() for each in self.places}

    def _probe(self) -> None:
        self.said = self.picture = ""
        found = self._bench.probe(self._order(), self._failing())
        self.said, self.picture = found.said, found.html

    def _compare(self) -> None:
        self.difference = ""
        self.difference = self._bench.difference(self._order())
        if not self.difference:
            self.said = f"{self._bench.ordered.path} holds this order already"

    def _write(self) -> None:
        try:
            self.said = self._bench.write()
        finally:
            self.difference = ""
        self._show_file(self._failing())

    def static(self) -> str:
        """Return the order that the list has."""
        rows = (f"<li>{escape(place.name)}{'' if place.on else ' (switched off)'}</li>" for place in self._order())
        return f"<p><code>{escape(str(self._bench.ordered.path))}</code></p><ol>{''.join(rows)}</ol>"


def chain(path: str | os.PathLike[str]) -> ChainWidget:
    """Show a chain as a list that can be reordered; nothing is written without a click.

    Args:
        path: A chain file, or a configuration of LiteLLM's; a shipped one by its name, as `chains/reference.yaml`.

    Raises:
        UsageError: It is neither, or its order is written elsewhere.
    """
    return ChainWidget(Bench(existing(Path(path))))
