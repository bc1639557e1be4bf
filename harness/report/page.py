"""A page without any other file: light and dark, wide and on a phone."""

from __future__ import annotations

from html import escape
from pathlib import Path

_STYLE = Path(__file__).parent / "template" / "style.css"
_THEME = _STYLE.with_name("theme.css")


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


def in_jupyterlab(body: str) -> str:
    """Return a piece of a page that looks in JupyterLab as on its page, in the colours of JupyterLab's theme.

    Its style reaches nothing else: it is nested in the rule of one element.
    """
    style = f"{_THEME.read_text(encoding='utf-8')}.harness-block {{\n{_STYLE.read_text(encoding='utf-8')}}}"
    return f'<div class="harness-block"><style>\n{style}\n</style>\n{body}\n</div>'
