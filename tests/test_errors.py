"""The errors for users."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError, SeveralErrors, UsageError, raise_errors, tried


@given(st.text(), st.text(), st.text())
def test_an_error_can_be_printed(problem: str, where: str, hint: str) -> None:
    """Whatever its words were taken from: nothing in it moves a terminal's cursor."""
    text = str(UsageError(problem, where=where, known=where, hint=hint))
    assert all(line.isprintable() for line in text.split("\n"))


def test_one_mistake_is_raised_as_it_is() -> None:
    """Several as one, each once and in their order; none not at all."""
    one, two = UsageError("one"), UsageError("two")
    raise_errors([])
    with pytest.raises(UsageError, match="one") as caught:
        raise_errors([one])
    assert caught.value is one
    with pytest.raises(SeveralErrors) as several:
        raise_errors([one, SeveralErrors([two, one])])
    assert several.value.errors == (one, two)
    assert str(several.value) == "one\nerror: two"


def test_hundreds_of_mistakes_are_cut_short() -> None:
    """Nobody reads them; programs get them all."""
    error = SeveralErrors([UsageError(str(number)) for number in range(300)])
    assert str(error).splitlines()[-1] == "error: 280 more mistakes"
    assert len(error.errors) == 300


def test_only_the_users_mistakes_are_collected() -> None:
    """A failure of the harness ends everything at once."""
    mistakes: list[HarnessError] = []
    assert tried(mistakes, lambda: 5) == 5
    assert tried(mistakes, lambda: raise_errors([UsageError("one")])) is None
    assert [str(error) for error in mistakes] == ["one"]
    with pytest.raises(HarnessError, match="two"):
        tried(mistakes, lambda: raise_errors([HarnessError("two")]))
