"""Notebooks, executed; the page of a run, made from one."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from harness import store
from harness.errors import HarnessError, UsageError
from harness.extras import REPORT

_TIMEOUT_S = 120
_START_S = 60
_SOCKET_PATH_MAX = 60
"""A Unix socket's whole path has room for about 100 bytes; the kernel adds a name of its own."""
_PACKAGE = Path(__file__).parents[1]


def find(name: str) -> Path:
    """Return the path of one of our notebooks: in the installed package, else in the checkout.

    Args:
        name: `run-report`, `retry-timing`, `fallback-overhead` or `success-after-fallback`.

    Raises:
        UsageError: There is no such notebook.
    """
    places = [_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"]
    for place in places:
        path = place / f"{name}.ipynb"
        if path.is_file():
            return path
    known = sorted({path.stem for place in places for path in place.glob("*.ipynb")})
    raise UsageError(f"no such notebook: {name!r}", known=", ".join(known) or None)


def execute(name: str, run: Path) -> Any:
    """Run a notebook on a run's folder, and return it with its outputs.

    The kernel is this interpreter, with this package; it talks over Unix sockets and opens no port.

    Raises:
        HarnessError: The kernel died, or a cell raised. The run's folder is untouched.
    """
    import nbformat  # noqa: PLC0415 - a second of imports, for the report alone
    from nbclient import NotebookClient  # noqa: PLC0415
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError  # noqa: PLC0415

    notebook = nbformat.read(find(name), as_version=4)
    _set_parameter(notebook, run)
    short = len(tempfile.gettempdir()) <= _SOCKET_PATH_MAX
    with tempfile.TemporaryDirectory(prefix="harness-nb-", dir=None if short else "/tmp") as scratch:  # noqa: S108
        client = NotebookClient(notebook, km=_kernel(Path(scratch)), timeout=_TIMEOUT_S, startup_timeout=_START_S)
        try:
            client.execute(cleanup_kc=True, env=_environment(scratch), cwd=scratch)
        except (CellExecutionError, CellTimeoutError, DeadKernelError, RuntimeError, OSError) as error:
            last = next((line for line in reversed(str(error).splitlines()) if line.strip()), type(error).__name__)
            hint = f"the run itself is safe; try again with: harness report {run}"
            raise HarnessError(f"the report could not be made: {last}", where=f"{name}.ipynb", hint=hint) from error
    return notebook


def write_report(run: Path) -> Path:
    """Make `report.html` in a run's folder, whole or not at all, and return its path.

    Raises:
        UsageError: What it takes is not installed.
        HarnessError: The notebook did not run to its end. The run's folder is untouched.
        OSError: The page cannot be written.
    """
    REPORT.need()
    folder = store.RunFolder.open(run)
    notebook = execute("run-report", folder.path)
    from nbconvert import HTMLExporter  # noqa: PLC0415 - a second of imports, for the report alone

    exporter = HTMLExporter(
        template_name="template",
        extra_template_basedirs=[str(Path(__file__).parent)],
        exclude_input=True,
        exclude_anchor_links=True,
    )
    page, _ = exporter.from_notebook_node(notebook, resources={"title": folder.plan().title})
    folder.write_report(page)
    return folder.report


def _set_parameter(notebook: Any, run: Path) -> None:
    for cell in notebook.cells:
        if "parameters" in cell.metadata.get("tags", ()):
            cell.source = f"run = {str(run)!r}"
            return
    raise HarnessError("the notebook has no cell tagged `parameters`")


def _kernel(scratch: Path) -> Any:
    """Return a kernel of this very interpreter, whatever kernels are or are not installed on this machine."""
    from jupyter_client.kernelspec import KernelSpec  # noqa: PLC0415
    from jupyter_client.manager import AsyncKernelManager  # noqa: PLC0415

    manager = AsyncKernelManager(transport="ipc", connection_file=str(scratch / "kernel.json"))
    command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    manager._kernel_spec = KernelSpec(argv=command, display_name="Python", language="python")  # noqa: SLF001 - no public way
    return manager


def _environment(scratch: str) -> dict[str, str]:
    """Return the kernel's environment: ours, but its settings live in the scratch folder, its package is this one."""
    path = [str(_PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(part for part in path if part),
        "IPYTHONDIR": scratch,
        "JUPYTER_RUNTIME_DIR": scratch,
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    }
