"""The dashboard asks only for what is exposed."""

from __future__ import annotations

import json
import re

from harness.watch.instruments import INSTRUMENTS, RUN_LABELS
from tests.dashboard import DASHBOARD, known, names, panels, queries


def test_every_metric_of_a_query_is_declared() -> None:
    """By the harness, or by LiteLLM."""
    asked = {name for query in queries() for name in names(query)}
    assert asked <= known()
    assert {name for name in asked if name.startswith("litellm_")}


def test_every_instrument_is_on_the_dashboard() -> None:
    """Each is there to be looked at."""
    asked = " ".join(queries())
    assert [each.name for each in INSTRUMENTS if each.name not in asked] == []


def test_every_label_of_a_query_is_declared() -> None:
    """A label that nobody sets gives an empty panel, and no error."""
    labels = {each.name: {*each.labels, *RUN_LABELS, "le"} for each in INSTRUMENTS}
    for query in queries():
        named = {label.strip() for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(",")}
        named |= {label for group in re.findall(r"\{([^}]*)\}", query) for label in re.findall(r"(\w+)[!=]", group)}
        for name in names(query):
            if name.startswith("harness_"):
                assert named <= labels[name.removesuffix("_bucket")], query


def test_the_file_is_what_grafana_provisions() -> None:
    """The data source is the provisioned one, panels have ids of their own, and none lies on another."""
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert [each["name"] for each in board["templating"]["list"]] == [*RUN_LABELS]
    ids = [panel["id"] for panel in board["panels"]]
    assert len({*ids}) == len(ids)
    cells: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in board["panels"]):
        own = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & own
        assert max(x for x, _ in own) < 24
        cells |= own
    assert {panel["datasource"]["uid"] for panel in panels()} == {"prometheus"}
