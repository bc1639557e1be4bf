"""Figures as inline SVG that takes its ink from the page, says what it shows, and is the same bytes every time."""

from __future__ import annotations

import io
import re
import warnings
from dataclasses import dataclass
from html import escape

import matplotlib as mpl
from matplotlib.figure import Figure

from harness.report.pictures.style import GOOD, HOVER, INK, PAPER, UNKNOWN, WRONG

_PAPER = "var(--paper, var(--jp-layout-color0, Canvas))"
"""The page behind a picture: our own, a notebook's in JupyterLab (whose dark theme leaves `Canvas` white), or any other."""


_SHORTHAND = re.compile(
    r"font: (?:(?P<style>italic|oblique) )?(?:(?P<weight>\d+|bold) )?(?P<size>[\d.]+px) (?P<family>[^;\"]*)"
)
"""How matplotlib before 3.10 writes a text's font."""


@dataclass(frozen=True, slots=True)
class InlineSvg:
    """A figure as it stands in a page.

    Attributes:
        svg: One `<svg>` element.
        label: What it shows, in a sentence.
    """

    svg: str
    label: str

    def _repr_html_(self) -> str:
        return f'<div class="picture">{self.svg}</div>'


def inline_svg(figure: Figure) -> InlineSvg:
    """Return a figure as inline SVG.

    Its label (`Figure.set_label`) becomes the text that a screen reader reads; its gid makes the ids of its parts
    unique in the page. What `style.hover` named has its text as a title, which browsers show at the pointer.
    """
    name = figure.get_gid() or "picture"
    raw = io.StringIO()
    # Text stays text: small, sharp, searchable. It is laid out with a wide font, so that a reader's own fits.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(raw, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    label = str(figure.get_label())
    return InlineSvg(svg=_inline(raw.getvalue(), name, label), label=label)


def _inline(text: str, name: str, label: str) -> str:
    body = text[text.index("<svg") :]
    head, _, rest = body.partition(">")
    rest = re.sub(r"<metadata>.*?</metadata>", "", rest, flags=re.DOTALL)
    rest = re.sub(r'<style type="text/css">.*?</style>', "", rest, flags=re.DOTALL)  # would reach the whole page
    rest = re.sub(rf"<g id=([\"']){HOVER}([^>]*)\1>", r"<g><title>\2</title>", rest)
    rest = _own_ids(rest, name)
    rest = re.sub(r"(?<=[\"\s])(?:d|x|y|transform|points)=\"[^\"]*\"", _rounded, rest)
    rest = _SHORTHAND.sub(_longhand, rest)
    rest = re.sub(r"; font-family: [^;\"]*", "", rest).replace("rotate(-0 ", "rotate(0 ")  # the page's own font
    rest = re.sub(r' transform="rotate\(0 [^"]*"', "", rest)
    rest = re.sub(r"<text [^>]*>", _readable, rest)
    rest = rest.replace(INK, "currentColor").replace(PAPER, _PAPER)
    rest = re.sub(r"\n\s*", "\n", rest)
    box = re.search(r'viewBox="([^"]+)"', head)
    view = box[1] if box else "0 0 1 1"
    width = float(view.split()[2])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{view}" '
        f'width="{width * 4 / 3:.0f}" role="img" aria-label="{escape(label)}" '
        f'stroke-linejoin="round" fill="currentColor">{rest.strip()}'
    )


def _longhand(font: re.Match[str]) -> str:
    """Return the same font as newer versions of matplotlib write it: style, weight and size apart, and the family last."""
    parts = {"font-style": font["style"], "font-weight": font["weight"], "font-size": font["size"]}
    return "".join(f"{name}: {value}; " for name, value in parts.items() if value) + f"font-family: {font['family']}"


def _own_ids(text: str, name: str) -> str:
    """Keep only the ids that something refers to, and make them this picture's own."""
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text))
    text = re.sub(r'\sid="([^"]*)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", text)
    return re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", text)


def _rounded(attribute: re.Match[str]) -> str:
    return re.sub(r"(\.\d{2})\d+", r"\1", attribute[0])


def _readable(text: re.Match[str]) -> str:
    """Give a coloured text the page's own colour for its meaning, which can be read on a light and on a dark page."""
    start = text[0]
    for colour, meaning in ((WRONG, "fail"), (GOOD, "pass"), (UNKNOWN, "inconclusive")):
        start = start.replace(f"fill: {colour.lower()}", f"fill: var(--{meaning}, {colour.lower()})")
    return start
