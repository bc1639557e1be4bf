"""The page about incidents, and the JSON Schema that editors use."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from harness.incident import all_incidents
from harness.incident.library import FOLDER
from scripts.incidents import PAGES, page, schemas

SCHEMA = schemas()["incident.schema.json"]


def plain(path: Path) -> dict[str, object]:
    """Return a file as plain data."""
    return dict(YAML(typ="safe", pure=True).load(path.read_text("utf-8")))


def test_what_is_committed_is_what_is_generated() -> None:
    """`make schema` writes both; a new incident or a changed field without it is caught here."""
    assert json.loads((PAGES / "incident.schema.json").read_text("utf-8")) == SCHEMA
    assert (PAGES / "incidents.md").read_text("utf-8") == page()


def test_every_incident_has_a_row_with_its_source() -> None:
    """The oldest first, each with a link to its file and to a source."""
    rows = [line for line in page().splitlines() if line.startswith("| 20")]
    assert len(rows) == len(all_incidents())
    for row, (name, incident) in zip(rows, all_incidents().items(), strict=True):
        assert f"../../incidents/{name}.yaml" in row
        assert f"]({incident.sources[0]})" in row


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_our_incidents_fit_the_schema(path: Path) -> None:
    """What the loader takes, the editor does not underline."""
    # The times are texts to the editor, too: this reader makes dates of them.
    text = {
        key: value.strftime("%Y-%m-%dT%H:%M:%SZ") if hasattr(value, "strftime") else value
        for key, value in plain(path).items()
    }
    jsonschema.validate(text, SCHEMA)


def test_the_schema_underlines_a_mistake() -> None:
    """An unknown key, a bare number and a missing field are wrong in the editor too."""
    good = {**plain(FOLDER / "mistral-2025-10-16-21-minutes.yaml"), "start": "2025-10-16T00:00:00Z"}
    (window,) = good["windows"]  # type: ignore[misc]
    jsonschema.validate(good, SCHEMA)
    for wrong in (
        {**good, "ende": 1},
        {**good, "windows": [{**window, "share": 0.5}]},
        {key: value for key, value in good.items() if key != "sources"},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, SCHEMA)
