"""What can be operated in JupyterLab: widgets that call the functions of other rooms."""

from typing import TYPE_CHECKING

from harness.lazy import lazy_names

if TYPE_CHECKING:
    from harness.lab.chain_widget import chain
    from harness.lab.index_widget import index
    from harness.lab.request_figure import requests

__all__ = ["chain", "index", "requests"]

__getattr__ = lazy_names(__name__, {"chain": "chain_widget", "index": "index_widget", "requests": "request_figure"})
