"""Text of others stays text wherever it is written."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.report import escape

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
MARKED = st.text(alphabet=st.sampled_from("ab1 .)`*_~[](){}<>!#|&;:/\\+-=$@\"'lt\n\t")) | st.text()


def rendered(source: str) -> str:
    """Return Markdown as HTML, without the spaces of no width that keep mentions apart."""
    return READER.render(source).replace("\u200b", "")


def as_html(text: str) -> str:
    """Return a text as the reader writes it into HTML: if anything in it were markup, this would differ."""
    return escape.html(text, quote=False).replace('"', "&quot;")


def shown(text: str) -> str:
    """Return a text as Markdown shows it: in one line, without what a terminal would obey."""
    return escape.terminal(" ".join(text.split())).replace("\u200b", "")


@given(MARKED)
@example("![x](http://example.org/x.png)")
@example("[x](javascript:alert(1))")
@example("<img src=x onerror=alert(1)>")
@example("&lt;b&gt; `code` **bold** _x_ ~~gone~~ a|b")
@example("1. one")
@example("1) one")
@example("- one")
@example("---")
@example("===")
@example("# one")
@example("\\`")
@example("    indented")
def test_markdown_shows_any_text_as_it_is(text: str) -> None:
    """Alone, in a list and in a table: one paragraph or cell, whose text is the text and which holds no other element."""
    line = shown(text)
    safe = escape.markdown(text)
    if not line:
        return
    assert rendered(safe).strip() == f"<p>{as_html(line)}</p>"
    assert rendered(f"- {safe}").split("\n")[1] == f"<li>{as_html(line)}</li>"
    cells = re.findall(r"<td>(.*?)</td>", rendered(f"| a | b |\n|---|---|\n| {safe} | end |"))
    assert cells == [as_html(line), "end"]


@pytest.mark.parametrize("text", ["see http://example.org/x", "see www.example.org", "$x^2$"])
def test_markdown_breaks_addresses_and_formulas(text: str) -> None:
    """GitHub makes a link of a bare address, and a formula of what is between dollars; neither is CommonMark."""
    safe = escape.markdown(text)
    assert not re.search(r"://|www\.|(?<!\\)\$", safe)
    assert rendered(safe).strip() == f"<p>{text}</p>"


@pytest.mark.parametrize("text", ["@octocat", "by @octo/cats.", "someone@example.org"])
def test_markdown_mentions_nobody(text: str) -> None:
    """GitHub would notify whoever has the name, and make a link of an address."""
    safe = escape.markdown(text)
    assert not re.search(r"@\w", safe)
    assert rendered(safe).strip() == f"<p>{text}</p>"


@pytest.mark.parametrize("text", ["retry_after_ignored: 3 of 5", "p95 is 7.8 s (7.69 s – 7.94 s)", "a-b, c+d = e"])
def test_ordinary_text_is_left_alone(text: str) -> None:
    """The file is also read as it is."""
    assert escape.markdown(text) == text


@given(MARKED)
def test_code_holds_any_text(text: str) -> None:
    """Whatever backticks it has: in a line, and as a block."""
    if line := shown(text):
        assert rendered(f"x {escape.markdown_code(text)} y").strip() == f"<p>x <code>{as_html(line)}</code> y</p>"
    block = escape.terminal(text)
    assert rendered(escape.markdown_block(text)) == f"<pre><code>{as_html(block)}\n</code></pre>\n"


@given(st.lists(MARKED.filter(lambda text: "`" not in text and text.strip()), min_size=1, max_size=5))
def test_a_sentence_has_its_code(pieces: list[str]) -> None:
    """What is between backticks is code, all else is text: nothing else is markup, however often they alternate."""
    source = escape.markdown_prose("x " + "`".join(pieces if len(pieces) % 2 else pieces[:-1]) + " y")
    codes = re.findall(r"<code>(.*?)</code>", rendered(source))
    expected = (pieces if len(pieces) % 2 else pieces[:-1])[1::2]
    assert codes == [as_html(shown(piece)) for piece in expected]
    assert set(re.findall(r"</?(\w+)", rendered(source))) <= {"p", "code"}


@given(st.text())
def test_xml_holds_any_text(text: str) -> None:
    """Whatever a scenario or a provider put into a message, the file can be parsed."""
    element = ET.Element("x")
    element.text = escape.xml(text)
    assert ET.fromstring(ET.tostring(element, encoding="utf-8")).tag == "x"  # noqa: S314 - our own text


@given(st.text())
@example("\x1b[2Jgone\x07")
@example("a\u202eb")
@example("\x9b31m")
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    """No escape sequence, no control character but the end of a line, nothing that turns the reading direction."""
    safe = escape.terminal(text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", safe)
    assert len(safe) == len(text)
    assert escape.terminal(safe) == safe


@given(st.text(alphabet=st.sampled_from("a%:,\r\n")))
def test_a_workflow_command_stays_one_line(text: str) -> None:
    """And GitHub reads back what was written."""
    safe = escape.workflow_property(text)
    assert not set(safe) & set("\r\n:,")
    read = safe.replace("%3A", ":").replace("%2C", ",")
    assert read.replace("%0D", "\r").replace("%0A", "\n").replace("%25", "%") == text
    assert not set(escape.workflow_data(text)) & set("\r\n")
