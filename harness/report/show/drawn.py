"""Pictures under their questions."""

from __future__ import annotations

from html import escape

from harness.report.judged_run import JudgedRun
from harness.report.pictures import Picture, pictures_of
from harness.report.show.block import Block
from harness.report.svg import inline_svg


def pictures(run: JudgedRun, place: str) -> Block:
    """Show the pictures of one place, each under its question; where there is nothing to draw, why.

    Args:
        run: The run.
        place: `overview` or `details` of the report, or a notebook's name.
    """
    return Block("".join(_picture(run, picture) for picture in pictures_of(place)))


def _picture(run: JudgedRun, picture: Picture) -> str:
    head = f'<h2 id="{escape(picture.name)}-title">{escape(picture.question)}</h2>'
    if why := picture.nothing(run):
        return f'{head}<p class="nothing">{escape(why)}</p>'
    svg = inline_svg(picture.figure(run)).svg
    return f'{head}<p class="reading">{escape(picture.reading)}</p><div class="picture" tabindex="0">{svg}</div>'
