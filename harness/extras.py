"""What is installed only for those who ask for it: each extra with what it is for and its modules.

The core never imports one of these modules before somebody asks for what it is for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from harness.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Extra:
    """One of the extras in `pyproject.toml`.

    Attributes:
        name: In square brackets after the name of the package.
        purpose: What cannot be done without it; begins a sentence.
        modules: The modules that it brings and that we import.
    """

    name: str
    purpose: str
    modules: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command that installs it."""
        return f"pip install 'llm-fallback-harness[{self.name}]'"

    def missing(self) -> tuple[str, ...]:
        """Return those of its modules that are not installed."""
        return tuple(module for module in self.modules if not _is_installed(module))

    def need(self) -> None:
        """Return if it is installed.

        Raises:
            UsageError: It is not.
        """
        if self.missing():
            raise UsageError(f"{self.purpose} needs the extra [{self.name}]: {self.command}")


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even the package above it
        return False


LIVE = Extra(name="live", purpose="a live run", modules=("httpx", "locust", "requests", "toxiproxy", "uvloop"))
REPORT = Extra(
    name="report",
    purpose="the page of a run",
    modules=("IPython", "markdown_it", "matplotlib"),
)
PROXY = Extra(name="proxy", purpose="LiteLLM's proxy", modules=("litellm", "litellm_proxy_extras", "uvicorn"))
OTLP = Extra(name="otlp", purpose="sending spans as protobuf", modules=("opentelemetry.proto",))
DASK = Extra(name="dask", purpose="simulating on a cluster", modules=("distributed",))
TUNE = Extra(name="tune", purpose="searching for better settings", modules=("optuna",))
LAB = Extra(name="lab", purpose="opening the notebooks", modules=("anywidget", "jupyterlab"))

EXTRAS: Mapping[str, Extra] = {extra.name: extra for extra in (LIVE, REPORT, PROXY, OTLP, DASK, TUNE, LAB)}
"""By name."""
