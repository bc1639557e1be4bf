"""Panels of a picture: nothing outside of it, nothing on something else."""

from __future__ import annotations

import matplotlib as mpl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from harness.report.pictures import layout, style
from harness.report.pictures.letters import fitted, width_pt
from harness.report.svg import inline_svg
from tests.report.pictures.texts import boxes


@pytest.mark.parametrize("text", ["openai", "What happened?", "100 % (95.9 % – 100 %)", "WWW iii", "two\nlines"])
@pytest.mark.parametrize("bold", [False, True])
def test_widths_are_matplotlib_s(text: str, bold: bool) -> None:
    """A text is as wide as it will be drawn, but for rounding to pixels."""
    figure = Figure()
    FigureCanvasAgg(figure)
    drawn = figure.text(0, 0, text, fontsize=90, fontweight="bold" if bold else "normal", fontfamily="DejaVu Sans")
    pixels = drawn.get_window_extent(figure.canvas.get_renderer()).width  # type: ignore[attr-defined] - Agg has one
    assert width_pt(text, 90, bold=bold) == pytest.approx(pixels * 72 / figure.dpi, rel=0.02)


@given(st.text(max_size=60), st.floats(0, 200))
def test_what_is_fitted_fits(text: str, room_pt: float) -> None:
    """Whatever the letters; a text that fits is unchanged, and one that does not keeps its beginning."""
    shown = fitted(text, room_pt)
    assert not shown or width_pt(shown) <= room_pt
    assert shown == text or width_pt(text) > room_pt
    assert "…" not in shown or "…" in text or text.startswith(shown.split("…")[0])


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("title", ["Who?", "What did providers get? (without refused connections)"])
@pytest.mark.parametrize(
    "labels",
    [
        [],
        ["a"],
        ["callers' requests", "95 % interval", "attempts"],
        ["name"] * 14,
        ["of middle length"] * 13,
        ["x" * 70],
    ],
)
def test_legends_have_room(labels: list[str], title: str, count: int) -> None:
    """However many entries a legend has, none leaves the picture or lies on another panel's title."""
    with mpl.rc_context(style.RC):
        panels = layout.panels([0.8] * count)
        for panel in panels:
            panel.title, panel.handles = title, [style.swatch(style.GOOD, label) for label in labels]
        (width, height), found = boxes(inline_svg(layout.placed(panels)).svg)
    for box in found:
        assert box.left >= -1, box
        assert box.right <= width + 1, box
        assert box.top >= -1, box
        assert box.bottom <= height + 1, box
    for place, box in enumerate(found):
        assert not [other for other in found[place + 1 :] if box.covers(other) > 2], box
