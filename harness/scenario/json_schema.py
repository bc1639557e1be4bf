"""What people can write in a scenario or chain file, for their editors and for the reference.

`python -m harness.scenario.json_schema DIR` writes `scenario.schema.json`, `chain.schema.json` and `scenario.md`.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter

from harness.chain import keys, policy, spec
from harness.chain.driver import DRIVERS
from harness.document import duration_text, share_text
from harness.provider import inject
from harness.provider import spec as provider
from harness.provider.dialects import DIALECTS
from harness.provider.faults import names_of
from harness.scenario import expectation, schema

_HIDDEN = {"Chain": spec.DERIVED}
_LISTED: dict[tuple[str, str], Callable[[], Iterable[str]]] = {
    ("Chain", "driver"): lambda: DRIVERS.own,
    ("Provider", "dialect"): lambda: DIALECTS.own,
    ("HostedConfig", "driver"): lambda: (
        name for name, known in DRIVERS.own.items() if known.configuration is not None
    ),
    ("Inject", "connection"): lambda: names_of("connection"),
    ("Inject", "stream"): lambda: names_of("stream"),
    ("Inject", "answer"): lambda: names_of("answer"),
    ("Inject", "process"): lambda: names_of("process"),
}
"""Fields that take the name of a declaration: an editor suggests ours, and underlines those of other packages."""
_MODULES = (keys, policy, spec, schema, inject, provider)


def schemas() -> dict[str, dict[str, Any]]:
    """Return the JSON Schema of each kind of file, by file name."""
    return {
        "scenario.schema.json": schema_of(schema.Scenario, "A scenario of the LLM fallback harness"),
        "chain.schema.json": schema_of(spec.Chain | spec.HostedConfig, "A fallback chain of the LLM fallback harness"),
    }


def schema_of(shape: Any, title: str, modules: Iterable[ModuleType] = _MODULES) -> dict[str, Any]:
    """Return the JSON Schema of a kind of file.

    Args:
        shape: What is read from it: a dataclass, or a union of several.
        title: For editors.
        modules: Those that define all dataclasses in it.
    """
    shapes = {name: value for module in modules for name, value in vars(module).items() if isinstance(value, type)}
    written = TypeAdapter(shape).json_schema()
    alone = [(shape.__name__, written)] if isinstance(shape, type) else []
    for name, definition in [*alone, *written.get("$defs", {}).items()]:
        _describe(definition, shapes[name], hidden=_HIDDEN.get(name, frozenset()))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **written, "title": title}


def _describe(definition: dict[str, Any], shape: type, *, hidden: frozenset[str]) -> None:
    """Move a class's field descriptions from its docstring into its schema, and drop what no file contains."""
    texts = _attributes(shape)
    properties: dict[str, Any] = definition.get("properties", {})
    for name in hidden:
        properties.pop(name, None)
    for name, field in properties.items():
        field.pop("title", None)
        if listed := _LISTED.get((shape.__name__, name)):
            field.clear()
            field.update({"type": "string", "enum": list(listed())})
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


def reference() -> str:
    """Return the reference of scenario files, in Markdown: every field with its default and meaning."""
    parts = [_INTRODUCTION]
    shapes = (schema.Scenario, schema.Load, schema.RateStep, schema.Fault, inject.Inject, inject.Limit, schema.Claim)
    parts += (fields_of(shape, _HEADS[shape.__name__]) for shape in shapes)
    parts.append("## Expectations\n\n```\n" + inspect.cleandoc(expectation.__doc__ or "").split("\n\n", 1)[1] + "\n```")
    parts.append("\nThe metrics are in [metrics.md](metrics.md), the findings in [findings.md](findings.md).\n")
    return "\n".join(parts)


def fields_of(shape: type, head: str) -> str:
    """Return a section of a reference page, in Markdown: each field of a dataclass with its default and meaning."""
    texts = _attributes(shape)
    parts = [f"## {head}\n\n{inspect.cleandoc(shape.__doc__ or '').splitlines()[0]}\n"]
    parts.append("| field | default | meaning |\n|---|---|---|")
    fields = TypeAdapter(shape).json_schema()
    for name, field in fields["properties"].items():
        text = (texts.get(name) or texts[f"{name}_"]).replace(", in nanoseconds", "")
        if listed := _LISTED.get((shape.__name__, name)):
            text += f" One of {', '.join(f'`{each}`' for each in listed())}; see [faults.md](faults.md)."
        parts.append(f"| `{name}` | {_default(name, field, fields.get('required', ()))} | {text} |")
    return "\n".join([*parts, ""])


def _default(name: str, field: dict[str, Any], required: Collection[str]) -> str:
    if name in required:
        return "required"
    value = field.get("default")
    if value in (None, "", []):
        return "–"
    if "pattern" in field:
        value = share_text(value) if "%" in field["pattern"] else duration_text(value)
    return f"`{value}`"


_HEADS = {
    "Scenario": "Scenario",
    "Load": "`load`",
    "RateStep": "An entry of `load.shape`",
    "MixPart": "An entry of `load.mix`",
    "Fault": "An entry of `faults`",
    "Inject": "`inject`",
    "Limit": "`limit`",
    "Claim": "`claim`",
}
_INTRODUCTION = """\
# Scenario files

Generated by `make schema` from the code that reads them. Durations are written `500ms`, `20s`, `5m`; rates `10/s`,
`60/min`; shares `30%`. Unknown keys are errors. Paths are relative to the scenario's file. A role (`primary`,
`fallback-1`, …, `fallbacks`, `all`) means the chain's providers in its order, so that one scenario fits every chain. Where the
requests of a mix have different orders, `primary of MODEL` says whose. A role
is a whole set of peers, `primary.1` the first of them. `vendor:openai` means all providers of one vendor. In a LiteLLM
configuration, a model group means all its deployments; a deployment of the same name comes first.
Where faults overlap they compose, as [faults.md](faults.md) says.
"""


def main(folder: Path) -> None:
    """Write the schemas into a folder."""
    for name, written in schemas().items():
        (folder / name).write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    (folder / "scenario.md").write_text(reference(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
