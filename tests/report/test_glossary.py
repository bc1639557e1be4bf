"""Words that explain themselves."""

from __future__ import annotations

import pytest

from harness.report import glossary


def test_a_term_explains_itself_on_hover_and_in_the_list() -> None:
    """With the same words; what a file brought is text in both."""
    term = glossary.explained("a <b>", 'x "quoted" & `code`')
    assert term == '<abbr tabindex="0" title="x &quot;quoted&quot; &amp; code">a &lt;b&gt;</abbr>'
    assert "<dt>a &lt;b&gt;</dt><dd>x &quot;quoted&quot; &amp; code</dd>" in glossary.definitions(
        f"<p>{term} {term}</p>"
    )


def test_two_terms_of_one_meaning_are_both_listed() -> None:
    """A metric and its column mean the same."""
    page = glossary.explained("a", "Same.") + glossary.explained("b", "Same.")
    assert glossary.definitions(page).count("<dt>") == 2


def test_a_page_without_terms_has_no_list() -> None:
    """And no heading over nothing."""
    assert glossary.definitions("<p>plain</p>") == ""


def test_no_term_is_without_a_meaning() -> None:
    """A term that is neither in the glossary nor brings its meaning fails where it is written."""
    with pytest.raises(KeyError):
        glossary.explained("unheard of")


@pytest.mark.parametrize("term", glossary.TERMS)
def test_meanings_are_sentences(term: str) -> None:
    """Short ones."""
    meaning = glossary.TERMS[term]
    assert not meaning[0].islower()
    assert meaning.endswith(".")
    assert len(meaning) < 160
