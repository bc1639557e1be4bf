"""The real JupyterLab on a free port of the loopback, with a token; ended by its number."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import ProxyHandler, build_opener

import pytest

from tests.polling import until

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
_START_S = 90
_RUN_MS = 120_000


@dataclass(frozen=True, slots=True)
class Lab:
    """A running JupyterLab.

    Attributes:
        address: Without a path.
        token: Lets a browser in.
        folder: Its root.
    """

    address: str
    token: str
    folder: Path

    def open(self, page: Page, notebook: str) -> None:
        """Open a notebook as the only one, and run all of its cells."""
        page.goto(f"{self.address}/lab/workspaces/{Path(notebook).stem}/tree/{notebook}?reset&token={self.token}")
        page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(timeout=_RUN_MS)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=_RUN_MS)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def outputs(page: Page) -> str:
    """Return the text of all outputs once every cell has run."""
    page.wait_for_function(_ALL_RUN, timeout=_RUN_MS)
    return "\n".join(page.locator(".jp-OutputArea-output").all_inner_texts())


_ALL_RUN = """() => {
  const prompts = [...document.querySelectorAll(".jp-CodeCell .jp-InputPrompt")].map((each) => each.textContent.trim());
  return prompts.length > 0 && prompts.every((text) => /^\\[\\d+\\]:$/.test(text));
}"""


@contextmanager
def running(folder: Path, home: Path, **environ: str) -> Iterator[Lab]:
    """Start JupyterLab on a folder as `make lab` does, and end it and its kernels.

    Args:
        folder: Its root.
        home: Where it may keep files of its own.
        environ: Further environment variables.
    """
    for module in ("anywidget", "jupyterlab"):
        if find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install 'llm-fallback-harness[lab]'")
    if shutil.which("chromium") is None:
        pytest.skip("there is no chromium on this machine: apt install chromium")
    runtime = home / "runtime"
    own = {
        "JUPYTER_CONFIG_DIR": str(home / "config"),
        "JUPYTER_DATA_DIR": str(home / "data"),
        "JUPYTER_RUNTIME_DIR": str(runtime),
        "IPYTHONDIR": str(home / "ipython"),
        "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces"),
    }
    home.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "jupyter", "lab", *options(folder), "--no-browser", "--ServerApp.port=0"]
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **own, **environ}, stdout=log, stderr=log, start_new_session=True
        )
    try:
        yield until(lambda: _lab(runtime, folder, process), within_s=_START_S, what="JupyterLab answers")
    finally:
        process.send_signal(signal.SIGTERM)  # which asks nothing, and ends the kernels too
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def options(folder: Path) -> list[str]:
    """Return the options with which `make lab` starts JupyterLab."""
    line = next(line for line in (ROOT / "Makefile").read_text().splitlines() if "jupyter lab " in line)
    written = line.partition("jupyter lab ")[2].partition(" notebooks/")[0].replace("$(CURDIR)", str(folder))
    return [*written.replace('"', "").split(), *(["--allow-root"] if os.geteuid() == 0 else [])]


def _lab(runtime: Path, folder: Path, process: subprocess.Popen[bytes]) -> Lab | None:
    assert process.poll() is None, "JupyterLab has ended"
    for path in runtime.glob("jpserver-*.json"):
        if not path.read_text().endswith("}"):
            return None
        found = json.loads(path.read_text())
        lab = Lab(address=f"http://127.0.0.1:{found['port']}", token=found["token"], folder=folder)
        assert found["hostname"] in ("localhost", "127.0.0.1")
        assert lab.token
        try:
            with build_opener(ProxyHandler({})).open(f"{lab.address}/api?token={lab.token}", timeout=5):
                return lab
        except OSError:
            return None
    return None
