"""A page without any other file: light and dark, wide and on a phone."""

from __future__ import annotations

from html import escape
from pathlib import Path

_STYLE = Path(__file__).parent / "template" / "style.css"


def page(title: str, body: str, style: str = "") -> str:
    """Return a whole page.

    Args:
        title: As text.
        body: As HTML.
        style: CSS beside that of all pages.
    """
    style = _STYLE.read_text(encoding="utf-8") + style
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="generator" content="llm-fallback-harness">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"{body}\n</main>\n</body>\n</html>\n"
    )
