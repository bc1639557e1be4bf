"""What `run`, `suite` and `serve` show while they last: `--metrics` and the live view."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.report.progress import RunProgress
    from harness.watch.watching import Watch


@contextmanager
def watching(metrics: str | None, *, command: str, quiet: bool) -> Iterator[tuple[RunProgress, Watch | None]]:
    """Show how far the runs of a command are, from entering until leaving.

    Args:
        metrics: Where to serve metrics; nowhere if None.
        command: Its name.
        quiet: Show only warnings.

    Yields:
        Where the command shows how far it is, and what counts; that is None where nobody looks at it.

    Raises:
        UsageError: Nobody can listen there.
    """
    from harness.report.progress import RunProgress  # noqa: PLC0415 - `harness --help` stays quick
    from harness.watch.server import metrics_server  # noqa: PLC0415
    from harness.watch.watching import Watch  # noqa: PLC0415

    looked_at = metrics is not None or (sys.stderr.isatty() and not quiet)
    watch = Watch(command) if looked_at else None
    with metrics_server(watch, metrics) as url, RunProgress(watch=watch, quiet=quiet) as progress:
        if url is not None:
            progress.say(f"metrics: {url}")
        yield progress, watch
