"""What our widgets share: their style, and what is shown where nothing can be operated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget

_HERE = Path(__file__).parent


def module(name: str) -> str:
    """Return the script of a widget as one module: without a server of ours, none can import another."""
    return "\n".join((_HERE / each).read_text(encoding="utf-8") for each in ("elements.js", f"{name}.js"))


class LabWidget(anywidget.AnyWidget):
    """A widget whose output has a static form too, for pages and for viewers without a kernel."""

    _css = _HERE / "lab.css"

    def static(self) -> str:
        """Return the static form as HTML."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        made = super()._repr_mimebundle_(**kwargs)
        data, metadata = made if isinstance(made, tuple) else (made or {}, {})
        return {**data, "text/html": self.static()}, metadata
