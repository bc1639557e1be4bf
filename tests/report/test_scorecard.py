"""The scorecard as Markdown, HTML, JUnit and on the terminal."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from rich.console import Console

from harness.judge import Score, ScorecardNumbers
from harness.report.scorecard import Cell, CellRun, LeftOut, Scorecard, html, junit, markdown
from harness.report.scorecard.texts import GLYPHS, cell_texts
from harness.report.terminal import print_scorecard

EXITS = {Score.PASS: 0, Score.INCONCLUSIVE: 3, Score.PARTIAL: 1, Score.SAFE: 1, Score.FAIL: 1}


def tally(success: float = 0.98, gap_s: float = 2.4) -> ScorecardNumbers:
    """Return numbers."""
    return ScorecardNumbers(
        requests=100,
        success=success,
        gave_up=0,
        attempts={"openai": 120, "azure": 30},
        affected=40,
        first_gap_ns=gap_s * 1e9,
        total_p50_ns=7.3e9,
        total_p95_ns=7.9e9,
    )


def run(score: Score | None, seed: int = 1, *, folder: Path | None = None, **fields: object) -> CellRun:
    """Return a run."""
    defaults: dict[str, object] = {
        "seed": seed,
        "digest": f"digest-{seed}",
        "length_s": 30.0,
        "command": f"harness run one.yaml --seed {seed}",
        "run": str(folder or f"/reports/one/run-{seed}"),
        "ended": True,
        "score": score,
        "exit_code": 0 if score is None else EXITS[score],
        "reasons": () if score is Score.PASS else (f"reason | of <seed> {seed}",),
        "tally": tally(),
    }
    return CellRun(**(defaults | fields))  # type: ignore[arg-type]


def cell(scenario: str, *runs: CellRun, chain: str = "router") -> Cell:
    """Return a cell."""
    return Cell(scenario=scenario, title=f"What <{scenario}> does", file=f"{scenario}.yaml", chain=chain, runs=runs)


def card(*cells: Cell, path: Path = Path("/reports/suites/now")) -> Scorecard:
    """Return a scorecard."""
    return Scorecard(path=str(path), started="2026-11-21T00:00:00+00:00", command="harness suite .", cells=cells)


EVERY = card(
    *(cell(f"is-{score}", run(score)) for score in Score),
    *(cell(f"is-{score}", run(Score.PASS), chain="<proxy>") for score in Score),
)


class Page(HTMLParser):
    """The parts of a page that tests ask for."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Take text."""
        self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of all such tags."""
        return [attributes for name, attributes in self.tags if name == tag]


def test_each_score_has_a_symbol_of_its_own() -> None:
    """No reader needs to distinguish colours."""
    assert len(set(GLYPHS.values())) == len(Score)


@pytest.mark.parametrize("score", Score)
def test_each_cell_shows_colour_symbol_and_word(score: Score) -> None:
    """In the page, the Markdown and on the terminal alike."""
    page = html(EVERY)
    assert f'<span class="status {score}">{GLYPHS[score]} {score.value}</span>' in page
    assert f"| is-{score} | {GLYPHS[score]} {score.value} |" in markdown(EVERY)
    out = io.StringIO()
    print_scorecard(EVERY, Console(file=out, width=160))
    assert re.search(rf"{re.escape(GLYPHS[score])} {score.value} +is-{score}", out.getvalue())


def test_the_page_needs_nothing_but_itself() -> None:
    """No script, font or picture from elsewhere; light and dark; fits a phone; all text escaped."""
    text = html(EVERY)
    page = Page(text)
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.tags}
    assert "url(" not in text
    assert "prefers-color-scheme: dark" in text
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in page.all("meta")
    assert "<proxy>" not in text
    assert "<is-pass>" not in text
    assert "What <is-pass> does" in page.texts


def test_the_page_is_a_real_table() -> None:
    """One matrix, and one table for each chain; each cell of it named for phones; its links lead to its rows."""
    page = Page(html(EVERY))
    assert len(page.all("table")) == 1 + 2
    assert len(page.all("tr")) == 3 + 3 * len(Score)
    assert all(cell.get("data-name") for cell in page.all("td"))
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    links = [attributes["href"] or "" for attributes in page.all("a")]
    assert {link[1:] for link in links if link.startswith("#")} <= ids
    assert sum(link.startswith("#") for link in links) == 2 * len(Score)


def test_links_lead_to_the_runs(tmp_path: Path) -> None:
    """To the page of a run that has one, else to its folder; relative, so that all can be moved together."""
    bare, full, suite = tmp_path / "one" / "a", tmp_path / "one" / "b", tmp_path / "suites" / "now"
    for folder in (bare, full, suite):
        folder.mkdir(parents=True)
    (full / "report.html").write_text("")
    text = html(card(cell("one", run(Score.PASS, folder=bare), run(Score.PASS, 2, folder=full)), path=suite))
    assert [link["href"] for link in Page(text).all("a")] == ["../../one/a", "../../one/b/report.html"]


def test_of_many_runs_the_links_are_folded_up() -> None:
    """Thirty seeds would make a row as long as a page; each link has its score."""
    many = card(cell("one", *(run(Score.PASS, seed) for seed in range(1, 30)), run(Score.FAIL, 30)))
    text = html(many)
    assert "<summary>30 runs</summary>" in text
    assert ">✓ seed 1</a>" in text
    assert ">✗ seed 30</a>" in text
    assert "<details>" not in html(card(cell("one", run(Score.PASS), run(Score.PASS, 2))))


def test_the_markdown_says_first_what_did_not_pass() -> None:
    """The answer, the scores that occur, what is wrong; then all numbers."""
    text = markdown(card(cell("bad", run(Score.FAIL)), cell("good", run(Score.PASS))))
    assert text.startswith("# Scorecard\n\n**✗ fail** — 2 results: ")
    assert "◇ safe" not in text
    assert text.index("What did not pass") < text.index("## router")


def test_a_failing_cell_prints_the_command_that_repeats_it() -> None:
    """Of the first run that shows the cell's score; everywhere."""
    shown = card(cell("one", run(Score.PASS), run(Score.FAIL, 2), run(Score.FAIL, 3)))
    out = io.StringIO()
    print_scorecard(shown, Console(file=out, width=160))
    for text in (html(shown), markdown(shown), junit(shown).decode(), out.getvalue()):
        assert "harness run one.yaml --seed 2" in text
        assert "--seed 3" not in text
    assert "1 of 3 passed" in markdown(shown)


def test_a_table_in_markdown_stays_one() -> None:
    """A bar or a line's end in a reason does not break it; every row has the same cells."""
    odd = card(cell("one", run(Score.FAIL, reasons=("a | b\nc",))))
    text = markdown(odd)
    assert "a \\| b c" in text
    assert not re.search(r"(?<!\\)<", markdown(EVERY))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {row.replace("\\|", "").count("|") for row in rows} == {8}


def test_junit_has_a_case_for_each_cell() -> None:
    """All but passes are red: a failure, or an error for inconclusive ones. None is skipped."""
    suite = ET.fromstring(junit(EVERY)).find("testsuite")  # noqa: S314 - our own
    assert suite is not None
    cases = {(case.get("classname"), case.get("name")): [child.tag for child in case] for case in suite}
    assert len(cases) == len(EVERY.cells) == int(suite.get("tests", ""))
    for score in Score:
        tag = {Score.PASS: [], Score.INCONCLUSIVE: ["error"]}.get(score, ["failure"])
        assert cases["router", f"is-{score}"] == [*tag, "system-out"]
    assert (suite.get("failures"), suite.get("errors"), suite.get("skipped")) == ("3", "1", "0")


def test_what_does_not_fit_a_chain_is_named_and_does_not_count() -> None:
    """With the reason, everywhere; in JUnit it is the only thing that is skipped. The answer is that of the others."""
    lacking = LeftOut(scenario="smoke/vectors.yaml", chain="chats.yaml", why="<claude> has no embeddings")
    shown = replace(card(cell("one", run(Score.PASS))), left_out=(lacking,))
    out = io.StringIO()
    print_scorecard(shown, Console(file=out, width=160))
    told = "smoke/vectors.yaml was not run on chats.yaml: <claude> has no embeddings"
    assert told in out.getvalue()
    assert told in " ".join(Page(html(shown)).texts)
    assert told.replace("<", "\\<") in markdown(shown)
    assert "1 result: 1 pass; 1 left out" in markdown(shown)
    assert (shown.status, shown.exit_code) == (Score.PASS.status, 0)
    assert shown.as_json()["left_out"] == [{"scenario": lacking.scenario, "chain": lacking.chain, "why": lacking.why}]
    suite = ET.fromstring(junit(shown)).find("testsuite")  # noqa: S314 - our own
    assert suite is not None
    assert [child.get("message") for child in suite.iter("skipped")] == [lacking.why]
    assert (suite.get("tests"), suite.get("errors"), suite.get("skipped")) == ("2", "0", "1")


def test_junit_holds_whatever_a_reason_holds() -> None:
    """Even characters that XML cannot hold."""
    odd = card(cell("one", run(Score.FAIL, reasons=("\x00\ud800",))))
    assert ET.fromstring(junit(odd)) is not None  # noqa: S314 - our own


@pytest.mark.parametrize(
    ("gaps_s", "expected"),
    [
        ([2.4], "2.4 s"),
        ([2.0, 3.0], "2.5 s (2 s – 3 s)"),
        ([1.0, 2.0, 3.0, 4.0, 5.0], "3 s (1.04 s – 4.96 s)"),
        ([2.0] * 5, "2 s"),
    ],
)
def test_over_repeats_the_run_is_the_unit(gaps_s: list[float], expected: str) -> None:
    """The range of a few runs, Student's interval of five; no interval where there is no spread."""
    runs = [run(Score.PASS, seed, tally=tally(gap_s=gap)) for seed, gap in enumerate(gaps_s)]
    assert cell_texts(cell("one", *runs)).first_gap == expected


def test_a_cell_without_numbers_shows_none() -> None:
    """It never ran: its numbers are dashes, not zeros, and it is inconclusive."""
    never = run(None, ended=False, tally=None, reasons=(), run=None)
    shown = card(cell("one", never))
    assert (shown.status, shown.exit_code) == ("inconclusive", 3)
    assert "| one | ? inconclusive | – | – | – | – | – |" in markdown(shown)
    assert "not run" in html(shown)


def test_what_the_harness_failed_comes_first() -> None:
    """A failure of the harness is no answer about the chain: exit 4, listed before the verdict's reasons."""
    broke = run(Score.INCONCLUSIVE, error="edge: died", exit_code=4, reasons=("edge: died", "too few"))
    shown = card(cell("one", broke), cell("two", run(Score.FAIL)))
    assert shown.exit_code == 4
    assert "? inconclusive\n  - edge: died\n  - too few\n" in markdown(shown)
