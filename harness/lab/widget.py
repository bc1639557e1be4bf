"""What our widgets share: their style, and what is shown where nothing can be operated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anywidget

HERE = Path(__file__).parent


class LabWidget(anywidget.AnyWidget):
    """A widget whose output has a static form too, for pages and for viewers without a kernel."""

    _css = HERE / "lab.css"

    def static(self) -> str:
        """Return the static form as HTML."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **kwargs: Any) -> Any:
        made = super()._repr_mimebundle_(**kwargs)
        data, metadata = made if isinstance(made, tuple) else (made or {}, {})
        return {**data, "text/html": self.static()}, metadata
