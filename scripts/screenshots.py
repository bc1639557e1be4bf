"""Makes the pictures of the documents from the sample runs, in this machine's Chromium: `make screenshots`."""
# ruff: noqa: INP001  -- a script, in no package

from __future__ import annotations

import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from harness.report.pdf import browser

ROOT = Path(__file__).parents[1]
WIDTH = 1100
PICTURES = {
    "docs/report.png": ("reports/samples/stream-empty/report.html", "#expectations"),
    "docs/scorecard.png": ("reports/samples/two-chains/scorecard.html", "h2"),
}
"""By picture, its page, and what on it comes below the picture."""


def main() -> int:
    """Make all pictures."""
    flags = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=flags)
        for picture, (page_file, below) in PICTURES.items():
            page = chromium.new_page(viewport={"width": WIDTH, "height": 800}, color_scheme="light")
            page.goto((ROOT / page_file).as_uri())
            box = page.locator(below).first.bounding_box()
            assert box is not None
            page.screenshot(
                path=ROOT / picture, full_page=True, clip={"x": 0, "y": 0, "width": WIDTH, "height": box["y"] - 8}
            )
            page.close()
        chromium.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
