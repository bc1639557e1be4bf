"""A page on paper, printed by the Chromium or Chrome of this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from harness.errors import HarnessError, UsageError

_TIMEOUT_S = 120
_NAMES = (
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-pdf-header-footer",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND",  # a page needs nothing, and what prints it reaches nobody
)


def browser() -> str:
    """Return the path of a browser that can print.

    Raises:
        UsageError: There is none.
    """
    named = os.environ.get("CHROME")
    for name in [named] if named else _NAMES:
        if path := shutil.which(name):
            return path
    if named:
        raise UsageError(f"no such program: {named!r}", where="$CHROME", hint="name a Chromium or Chrome")
    hint = "install Chromium, or name a Chromium or Chrome: CHROME=/path/to/it"
    raise UsageError("a PDF needs Chromium or Chrome, and there is none here", known=", ".join(_NAMES[:4]), hint=hint)


def printed(page: Path, browser: str) -> bytes:
    """Return a page as PDF.

    Args:
        page: Its file.
        browser: The path of what prints it.

    Raises:
        HarnessError: The browser did not print it.
    """
    with tempfile.TemporaryDirectory(prefix="harness-pdf-", ignore_cleanup_errors=True) as scratch:
        pdf = Path(scratch) / "page.pdf"
        # A browser's sandbox refuses to work for root.
        flags = [*_FLAGS, *(["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else [])]
        command = [browser, *flags, f"--user-data-dir={scratch}/profile", f"--print-to-pdf={pdf}", page.as_uri()]
        try:
            ended = subprocess.run(
                command, capture_output=True, timeout=_TIMEOUT_S, check=False, stdin=subprocess.DEVNULL
            )
        except subprocess.TimeoutExpired:
            raise HarnessError(f"took longer than {_TIMEOUT_S} s to print the page", where=browser) from None
        raw = pdf.read_bytes() if pdf.is_file() else b""
        if ended.returncode or not raw.startswith(b"%PDF-"):
            last = ended.stderr.decode(errors="replace").strip().splitlines()[-1:]
            problem = f"printed no PDF (exit code {ended.returncode})" + "".join(f": {line}" for line in last)
            raise HarnessError(problem, where=browser, hint=f"the page itself is there: {page}")
        return raw
