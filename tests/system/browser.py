"""Pages as people meet them: in Debian's Chromium, without a network, by eye, keyboard and axe."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)
WIDE = {"width": 1200, "height": 900}
PHONE = {"width": 500, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium once for the tests of a file; its pages reach this machine and files, nothing else."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - most tests need no browser

    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium on this machine: apt install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        yield running
        running.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open an empty page, light and 1200 px wide: `page.goto(path.as_uri())`. A script that raises in it fails the test.

    `page.emulate_media(color_scheme="dark")` and `page.set_viewport_size(PHONE)` show it to other readers.
    """
    raised: list[str] = []
    with browser.new_context(viewport=WIDE, color_scheme="light") as context:
        opened = context.new_page()
        opened.on("pageerror", lambda error: raised.append(str(error)))
        yield opened
    assert not raised


def violations(page: Page) -> list[str]:
    """Return what axe finds in a page as it is now, a line for each element: rule, element and what is wrong.

    What a closed `<details>` hides is not looked at: open it first.
    """
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - most tests need no browser

    found = Axe().run(page).response["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {' '.join(map(str, node['target']))}: {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]
