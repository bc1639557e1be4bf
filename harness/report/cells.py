"""The cells of a notebook: read from its file, run by IPython in this process, written as HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

from harness.errors import UsageError

_NAME_MAX = 60
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotebookCell:
    """A cell of a notebook, and what came of it.

    Attributes:
        number: Its place among all cells, counted from 1.
        markdown: It is prose; else it is code.
        source: As written.
        parameters: What values of parameters follow on.
        outputs: What it showed, in order, each as text (Base64 for PNG) by its media type.
        printed: What it wrote to standard output and standard error.
        problem: Why it did not come to its end, in a line; empty if it did.
    """

    number: int
    markdown: bool
    source: str
    parameters: bool = False
    outputs: tuple[Mapping[str, str], ...] = ()
    printed: str = ""
    problem: str = ""

    @property
    def name(self) -> str:
        """Its number, and its first line of code."""
        lines = (line.strip() for line in self.source.splitlines())
        first = next((line for line in lines if line and not line.startswith("#")), "")
        shown = first if len(first) <= _NAME_MAX else f"{first[: _NAME_MAX - 1]}…"
        return f"cell {self.number}" + (f", `{shown}`" if shown else "")

    @property
    def empty(self) -> bool:
        """It shows nothing."""
        return not (self.outputs or self.printed or self.problem)

    def html(self) -> str:
        """Return what a page shows of it: prose, or outputs without the code."""
        if self.markdown:
            return f'<div class="prose">{_prose(self.source)}</div>'
        parts = [f'<pre class="printed" tabindex="0">{escape(self.printed)}</pre>'] if self.printed.strip() else []
        parts += [_richest(output) for output in self.outputs]
        if self.problem:
            text = f"This part could not be made: {self.name}: {self.problem}"
            parts.append(f'<p class="broken"><strong>{escape(text)}</strong></p>')
        return "\n".join(parts)


def read_cells(path: Path) -> tuple[NotebookCell, ...]:
    """Return the cells of a notebook's file, whatever outputs it holds left out.

    Raises:
        UsageError: It cannot be read, or is not a notebook.
    """
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        if written["nbformat"] != 4:
            raise UsageError(
                f"a notebook of format {written['nbformat']!r}; this version reads format 4", where=str(path)
            )
        return tuple(_cell(number, cell) for number, cell in enumerate(written["cells"], start=1))
    except OSError as error:
        raise UsageError(f"cannot read the notebook: {error.strerror}", where=str(path)) from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"not a notebook: {error}", where=str(path)) from None
    except (AttributeError, KeyError, TypeError) as error:
        raise UsageError(f"not a notebook: {type(error).__name__}: {error}", where=str(path)) from None


def _cell(number: int, written: Mapping[str, Any]) -> NotebookCell:
    source = written["source"]
    return NotebookCell(
        number=number,
        markdown=written["cell_type"] != "code",
        source=source if isinstance(source, str) else "".join(source),
        parameters="parameters" in written["metadata"].get("tags", ()),
    )


def run_cells(cells: Iterable[NotebookCell], scratch: Path, begun: Callable[[int], object]) -> list[NotebookCell]:
    """Run the code of cells in this process, one after the other, and return them with what they showed.

    A cell that raises has a problem; those after it run all the same.

    Args:
        cells: In their order.
        scratch: An empty folder for IPython's own files.
        begun: Called with the number of each cell before it runs.
    """
    from IPython.core.displayhook import CapturingDisplayHook  # noqa: PLC0415 - a third of a second, for pages alone
    from IPython.core.displaypub import CapturingDisplayPublisher  # noqa: PLC0415
    from IPython.core.interactiveshell import InteractiveShell  # noqa: PLC0415
    from IPython.utils.capture import capture_output  # noqa: PLC0415
    from traitlets.config import Config  # noqa: PLC0415

    settings = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell.instance(config=settings, ipython_dir=str(scratch))
    shell.display_pub = CapturingDisplayPublisher()
    html = shell.display_formatter.formatters["text/html"]
    html.for_type_by_name(
        "harness.report.show.block", "Block", lambda block: block.html
    )  # the page has the style, once
    done = []
    for cell in cells:
        if cell.markdown:
            done.append(cell)
            continue
        begun(cell.number)
        results: list[dict[str, Any]] = []
        shell.display_pub.outputs = []
        shell.display_trap.hook = CapturingDisplayHook(shell=shell, outputs=results)
        with capture_output(display=False) as printed:
            ended = shell.run_cell(cell.source, store_history=True)
        error = ended.error_before_exec or ended.error_in_exec
        shown = [*shell.display_pub.outputs, *results]
        text = printed.stdout + printed.stderr
        done.append(
            replace(
                cell,
                outputs=tuple(_texts(output["data"]) for output in shown),
                printed="" if error else _ANSI.sub("", text),
                problem=_line(error) if error else "",
            )
        )
    return done


def _texts(data: Mapping[str, Any]) -> dict[str, str]:
    """Return those forms of an output that are text: widgets have others, which need a kernel."""
    return {kind: value for kind, value in data.items() if isinstance(value, str)}


def _line(error: BaseException) -> str:
    """Return an error in a line."""
    first = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__


def body(cells: Sequence[NotebookCell]) -> str:
    """Return the HTML of a page: what its cells show, without the code."""
    return "\n".join(part for cell in cells if (part := cell.html()))


def _richest(output: Mapping[str, str]) -> str:
    """Return the richest form of an output as HTML."""
    plain = output.get("text/plain", "")
    if html := output.get("text/html") or output.get("image/svg+xml"):
        return html
    if png := output.get("image/png"):
        return f'<img alt="{escape(plain)}" src="data:image/png;base64,{escape("".join(png.split()))}">'
    return f'<pre class="printed" tabindex="0">{escape(plain)}</pre>' if plain else ""


def _prose(text: str) -> str:
    """Return Markdown as HTML; HTML in it is shown as text."""
    from markdown_it import MarkdownIt  # noqa: PLC0415 - for pages alone

    return str(MarkdownIt("commonmark", {"html": False}).enable("table").render(text))
