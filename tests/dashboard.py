"""The queries of the dashboard."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.watch.exposition import BUILD
from harness.watch.instruments import INSTRUMENTS

DASHBOARD = Path(__file__).parents[1] / "docker" / "grafana" / "dashboards" / "harness.json"
_NAME = re.compile(r"\b(?:harness|litellm)_[a-z_]+\b")
_LABELS = re.compile(r"by \([^)]*\)|\{[^}]*\}")


def panels() -> list[dict[str, Any]]:
    """Return the panels that show something."""
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    return [panel for panel in found if panel["type"] != "row"]


def queries() -> Iterator[str]:
    """Yield every query, with what Grafana puts in the place of its variables."""
    for panel in panels():
        for target in panel["targets"]:
            text = target["expr"].replace("$__rate_interval", "15s")
            yield text.replace("$scenario", ".*").replace("$chain", ".*")


def names(query: str) -> list[str]:
    """Return the metrics that a query asks for."""
    return _NAME.findall(_LABELS.sub("", query))


def known() -> set[str]:
    """Return the names of all samples that the harness and LiteLLM expose."""
    own = {
        name
        for each in INSTRUMENTS
        for name in (
            [f"{each.name}_{part}" for part in ("bucket", "sum", "count")] if each.kind == "histogram" else [each.name]
        )
    }
    return own | {BUILD} | _litellms()


def _litellms() -> set[str]:
    """Return LiteLLM's names, from its file: to import it takes seconds. A counter's gets `_total`, a histogram's `_bucket`."""
    spec = find_spec("litellm")
    assert spec is not None
    assert spec.origin is not None
    text = (Path(spec.origin).parent / "types" / "integrations" / "prometheus.py").read_text(encoding="utf-8")
    _, _, rest = text.partition("DEFINED_PROMETHEUS_METRICS = Literal[")
    names = re.findall(r'"(litellm_\w+)"', rest.partition("]")[0])
    return {name + suffix for name in names for suffix in ("", "_total", "_bucket", "_sum", "_count")}
