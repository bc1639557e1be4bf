"""The errors that a user sees: what is wrong, where, what is known, and a hint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import IntEnum
from typing import TypeVar

T = TypeVar("T")
_SHOWN_MAX = 20


class ExitCode(IntEnum):
    """What a command's exit status means; see docs/reference/exit-codes.md."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    HARNESS = 4
    INTERRUPTED = 130


class HarnessError(Exception):
    """A problem to show to the user without a traceback.

    Attributes:
        problem: What is wrong, in one sentence.
        where: File, line and field (`outage.yaml:14: faults[0].on`), or the part that failed.
        known: The values that would have been right.
        hint: What to do about it.
        exit_code: The status that the command ends with.
    """

    exit_code = ExitCode.HARNESS

    def __init__(
        self, problem: str, *, where: str | None = None, known: str | None = None, hint: str | None = None
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where
        self.known = known
        self.hint = hint

    @classmethod
    def wrapping(cls, problem: Exception, *, where: str | None = None) -> HarnessError:
        """Return the error for any exception: one of the operating system's has its words, any other is a bug.

        Args:
            problem: What was raised; an error of ours is returned as it is.
            where: The file or part that failed, unless the exception names a file.
        """
        if isinstance(problem, HarnessError):
            return problem
        if isinstance(problem, OSError):
            return cls(problem.strerror or str(problem), where=str(problem.filename or where))
        return cls(f"{type(problem).__name__}: {problem}", where=where, hint="a bug of the harness")

    @property
    def headline(self) -> str:
        """Where it is and what is wrong, without known values and hint."""
        return f"{self.where}: {self.problem}" if self.where else self.problem

    def hide(self, scrub: Callable[[str], str]) -> None:
        """Remove what nobody may read from its texts.

        Args:
            scrub: Returns a text without it.
        """
        self.problem = scrub(self.problem)
        self.known, self.hint = self.known and scrub(self.known), self.hint and scrub(self.hint)

    def as_json(self) -> dict[str, str | None]:
        """Return it for other programs."""
        return {"problem": self.problem, "where": self.where, "hint": self.hint}

    def __str__(self) -> str:
        lines = [self.headline]
        if self.known:
            lines.append(f"  known: {self.known}")
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return _printable("\n".join(lines))


class UsageError(HarnessError):
    """The user's own mistake: a bad argument, scenario or chain."""

    exit_code = ExitCode.USAGE


class Unfit(UsageError):  # noqa: N818 - it is what a scenario is on a chain
    """A chain lacks what a scenario needs, although each of them is right by itself: a suite leaves the scenario out."""


class SeveralErrors(UsageError):  # noqa: N818 - it holds errors
    """Several mistakes, shown together, so that a file can be corrected in one go.

    Attributes:
        errors: Each of them.
    """

    def __init__(self, errors: Sequence[HarnessError]) -> None:
        super().__init__("; ".join(str(error).replace("\n ", ",") for error in errors), where=errors[0].where)
        self.errors = tuple(errors)

    def __str__(self) -> str:
        shown = [str(error) for error in self.errors[:_SHOWN_MAX]]
        more = len(self.errors) - len(shown)
        return "\nerror: ".join([*shown, *([f"{more} more mistakes"] if more else [])])


def tried(mistakes: list[HarnessError], call: Callable[[], T]) -> T | None:
    """Return what a function returns; None if it finds a mistake, which is added to the others."""
    try:
        return call()
    except UsageError as error:
        mistakes.append(error)
        return None


def raise_errors(errors: Iterable[HarnessError]) -> None:
    """Raise what is wrong, if anything: one error as it is, several as one."""
    distinct = list({str(single): single for error in errors for single in each_error(error)}.values())
    if len(distinct) > 1:
        raise SeveralErrors(distinct)
    if distinct:
        raise distinct[0]


def each_error(error: HarnessError) -> tuple[HarnessError, ...]:
    """Return the errors that an error holds; itself if it holds no others."""
    return error.errors if isinstance(error, SeveralErrors) else (error,)


def _printable(text: str) -> str:
    """Return a text whose lines can be written to a terminal: what a file holds must not move its cursor or clear it."""
    return "".join(
        sign if sign.isprintable() or sign == "\n" else sign.encode("unicode_escape").decode() for sign in text
    )
