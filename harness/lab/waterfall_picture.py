"""The waterfall of single requests as HTML, with what came of each in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import matplotlib as mpl

from harness.report.judged_run import JudgedRun
from harness.report.pictures import style
from harness.report.pictures.representatives import Representative
from harness.report.pictures.single_requests import drawn
from harness.report.svg import inline_svg
from harness.report.waterfall import sentence, stories


def waterfall_html(run: JudgedRun, ids: Sequence[str], reason: str, gid: str) -> str:
    """Return the waterfall of some requests.

    Args:
        run: Their run.
        ids: Of the requests.
        reason: Why they are shown.
        gid: Makes the ids within the picture unique in the page.
    """
    with mpl.rc_context(style.RC):
        figure = drawn(run, [Representative(name, (reason,)) for name in ids])
    figure.set_gid(gid)
    said = "; ".join(f"{story.request_id}: {sentence(story)}" for story in stories(run, ids))
    figure.set_label(said)
    return f'<div class="picture">{inline_svg(figure).svg}</div><p>{escape(said)}</p>'
