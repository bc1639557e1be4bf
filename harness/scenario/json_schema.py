"""JSON Schemas of the files that people write, for their editors.

`python -m harness.scenario.json_schema DIR` writes `scenario.schema.json` and `chain.schema.json`.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.chain import spec
from harness.scenario import schema

_HIDDEN = {"Chain": spec.DERIVED}


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each kind of file, by file name."""
    return {
        "scenario.schema.json": _schema(schema.Scenario, "A scenario of the LLM fallback harness", schema),
        "chain.schema.json": _schema(spec.Chain, "A fallback chain of the LLM fallback harness", spec),
    }


def _schema(shape: type, title: str, module: Any) -> dict[str, Any]:
    written = TypeAdapter(shape).json_schema()
    for name, definition in [(shape.__name__, written), *written.get("$defs", {}).items()]:
        _describe(definition, getattr(module, name), hidden=_HIDDEN.get(name, frozenset()))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **written, "title": title}


def _describe(definition: dict[str, Any], shape: type, *, hidden: frozenset[str]) -> None:
    """Move a class's field descriptions from its docstring into its schema, and drop what nobody writes."""
    texts = _attributes(shape)
    properties: dict[str, Any] = definition.get("properties", {})
    for name in hidden:
        properties.pop(name, None)
    for name, field in properties.items():
        field.pop("title", None)
        field["description"] = texts.get(name) or texts[f"{name}_"]
    definition["description"] = inspect.cleandoc(shape.__doc__ or "").split("\n", 1)[0]


def _attributes(shape: type) -> dict[str, str]:
    texts: dict[str, str] = {}
    name = ""
    for line in inspect.cleandoc(shape.__doc__ or "").splitlines():
        if match := re.match(r"^ {4}(?P<name>\w+): (?P<text>.+)$", line):
            name = match["name"]
            texts[name] = match["text"]
        elif name and line.startswith(" " * 8):
            texts[name] += " " + line.strip()
    return texts


def main(folder: Path) -> None:
    """Write the schemas into a folder."""
    for name, written in schemas().items():
        (folder / name).write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
