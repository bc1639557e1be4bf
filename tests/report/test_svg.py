"""Figures as inline SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import matplotlib as mpl
import pytest

from harness.report.pictures import layout, style
from harness.report.svg import inline_svg

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("text", ["openai: 429", '"a" & <b>$x$</b> 🙂', "two\nlines", "title:"])
def test_a_shape_has_its_text_at_the_pointer(text: str) -> None:
    """As text, whatever it holds, within the group of the shape and nowhere else."""
    with mpl.rc_context(style.RC):
        (panel,) = layout.panels([1.0])
        (bar, other) = panel.axes.bar([0, 1], [1, 2])
        style.hover(bar, text)
        root = ET.fromstring(inline_svg(layout.placed([panel])).svg)  # noqa: S314 - our own text
    titles = [(group, title) for group in root.iter(f"{SVG}g") for title in group.findall(f"{SVG}title")]
    ((group, title),) = titles
    assert title.text == " ".join(text.split())
    assert len(group.findall(f"{SVG}path")) == 1
    assert other.get_gid() is None


def test_coloured_text_takes_the_page_s_colours() -> None:
    """What is red or green on white cannot be read on black; shapes keep their colour."""
    with mpl.rc_context(style.RC):
        (panel,) = layout.panels([1.0])
        panel.axes.text(0, 0, "FAIL", color=style.WRONG)
        panel.axes.bar([0], [1], color=style.WRONG)
        svg = inline_svg(layout.placed([panel])).svg
    assert f"fill: var(--fail, {style.WRONG.lower()})" in svg
    assert f'style="fill: {style.WRONG.lower()}' in svg
