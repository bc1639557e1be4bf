"""Write the page: `python -m tests.provider.sdk docs/reference/sdk-streams.md`."""

from __future__ import annotations

import sys
from pathlib import Path

from .measure import measure, measure_retries
from .page import render

Path(sys.argv[1]).write_text(render(measure(), measure_retries()), encoding="utf-8")
