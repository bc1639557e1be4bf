"""The pages that people get, in a real browser: by axe, by keyboard, in the dark, on a phone and on paper."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from harness import experiment
from harness.engines import Quiet
from harness.experiment import TuneOptions
from harness.incident.numbers import SampledNumber
from harness.incident.outage import Replayed, UncertainNumber
from harness.incident.tuned import Proof
from harness.judge.comparison.behaviour import Effect, Fact
from harness.judge.comparison.changes import Trend
from harness.report import chain_comparison, scorecard
from harness.report.chain_comparison import BehaviourChange, ComparedChains, NotCompared
from harness.report.index.html import html as index_html
from harness.report.pdf import browser as printer
from harness.report.pdf import printed
from harness.report.replay_page import replay_page
from harness.report.tune_page import tune_page
from harness.store import RunFolder, tables
from harness.store.index import entries
from tests.kept import BEGAN, keep_run, keep_suite
from tests.report.test_outage_pages import CHAIN, STALL
from tests.report.test_scorecard import EVERY
from tests.system.browser import PHONE, violations

if TYPE_CHECKING:
    from playwright.sync_api import Page

T = TypeVar("T")
pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "reports" / "samples"
PAGES = ("pass", "fail", "inconclusive", "scorecard", "chains", "index", "replay", "tuning")
REPORTS = PAGES[:3]
OUTLINED = """() => {
    const at = document.activeElement, style = getComputedStyle(at);
    return [style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0, at.outerHTML];
}"""
REACHABLE = """() => [...document.querySelectorAll('a[href], summary, input, select, button, [tabindex="0"]')]
    .filter(each => each.checkVisibility() && !each.disabled).map(each => each.outerHTML)"""
SCROLLING = """() => [...document.querySelectorAll('*')].filter(each =>
    each.scrollWidth > each.clientWidth + 1 && ['auto', 'scroll'].includes(getComputedStyle(each).overflowX)
    && each.checkVisibility() && each.tabIndex < 0).map(each => each.outerHTML.slice(0, 120))"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for pages."""
    return tmp_path_factory.mktemp("pages")


@cache
def made(name: str, folder: Path) -> Path:
    """Return a page of each kind; each is made once."""
    path = folder / f"{name}.html"
    if name in REPORTS:
        return report(name, folder)
    if name == "scorecard":
        path.write_text(scorecard.html(EVERY), encoding="utf-8")
    elif name == "chains":
        path.write_text(chain_comparison.html(compared(path)), encoding="utf-8")
    elif name == "replay":
        path.write_text(replay_page(replayed(folder), 0.999), encoding="utf-8")
    elif name == "tuning":
        path.write_text(tuning(folder), encoding="utf-8")
    else:
        runs = [keep_run(folder / "kept", verdict=verdict, seed=seed) for seed, verdict in enumerate(VERDICTS)]
        keep_suite(folder / "kept", *runs)
        path.write_text(index_html(entries(folder / "kept"), "reports", now_s=BEGAN.timestamp()), encoding="utf-8")
    return path


VERDICTS = ("pass", "fail", "inconclusive", None)


def report(name: str, folder: Path) -> Path:
    """Return the page of a sample run; of one that was cut short where it is to be inconclusive."""
    sample = SAMPLES / ("stream-empty" if name == "fail" else "primary-429")
    run = RunFolder.open(shutil.copytree(sample, folder / name))
    if name == "inconclusive":
        tables.write(run.path, replace(run.history(), complete=False))
    result = experiment.report(run.path, reports=folder, progress=Quiet())
    assert str(result.run.verdict.status) == name
    return run.report


def compared(page: Path) -> ComparedChains:
    """Return two chains that differ for the better, for the worse and otherwise."""
    changes = []
    for number, trend in enumerate((Trend.WORSE, Trend.BETTER, Trend.OTHER)):
        effect = Effect(fact=Fact("outcome", "fault", "ok"), before=0.9, after=0.5 + number / 10, trend=trend)
        scenario = Path(f"reports/compare/{number}.yaml")
        changes.append(
            BehaviourChange(
                effects=(effect,), causes=("openai: 429", "azure: 503"), scenarios=("smoke/refused",), smallest=scenario,
                yaml="name: one\nload: {rate: 1/s}  # " + "a line that is wider than a phone " * 4,
            )
        )  # fmt: skip
    left_out = (NotCompared(what="<embeddings>", why="the chain has no embeddings", fits=False),)
    return ComparedChains(
        page=page,
        before="old <b>",
        after="new",
        chain="gpt4",
        command="harness compare --chain old.yaml --chain new.yaml",
        changes=tuple(changes),
        scenarios=4,
        timelines=12,
        not_compared=left_out,
    )


def replayed(folder: Path) -> Replayed:
    """Return three incidents on a chain, in which callers went unserved, perhaps did, and did not, and one that misses it."""
    chain, incident = written(folder)
    found = aside(lambda: experiment.replay(chain, [str(incident), "deepseek-2025-01-25-ddos"]))
    [outage] = found.outages
    open_end, kept = (UncertainNumber(least=0.0, low=0.0, high=0.0, most=most) for most in (60e9, 0.0))
    return replace(found, outages=(outage, *(replace(outage, unserved_ns=each) for each in (open_end, kept))))


def tuning(folder: Path) -> str:
    """Return the page of a tuning that found a better setting, with what its samples leave open and what it came to on real parts."""
    chain, incident = written(folder)
    options = TuneOptions(against=[str(incident)], rate=1.0, trials=1)
    found, kept = aside(lambda: experiment.tune(chain, folder / "reports", options))
    vague = tuple(replace(each, toll=replace(each.toll, noise_ns=20e9)) for each in found.cloud)
    number = SampledNumber(value=0.0, low=0.0, high=5e9)
    proof = Proof(values={}, incident="stall", simulated=number, live=number, run=None, error="")
    return tune_page(replace(found, cloud=vague, proofs=(proof,)), kept)


def aside(work: Callable[[], T]) -> T:
    """Return what some work comes to in a thread of its own: the browser has an event loop in this one."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(work).result()


def written(folder: Path) -> tuple[Path, Path]:
    """Return a chain file and an incident's, in a folder."""
    chain, incident = folder / "chain.yaml", folder / "stall.yaml"
    chain.write_text(CHAIN, encoding="utf-8")
    incident.write_text(STALL, encoding="utf-8")
    return chain, incident


def opened(page: Page, path: Path) -> None:
    """Open a page with all that it folds up."""
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(name: str, page: Page, folder: Path) -> None:
    """Neither in light nor in dark colours, wide or narrow, with all that is folded up; and a phone scrolls up and down alone."""
    opened(page, made(name, folder))
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(page) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]
    assert violations(page) == []


@pytest.mark.parametrize("name", PAGES)
def test_keys_alone_reach_everything(name: str, page: Page, folder: Path) -> None:
    """Tab stops at every link, field, explained word and whatever scrolls sideways, and where it stops is seen."""
    opened(page, made(name, folder))
    assert page.evaluate(SCROLLING) == []
    page.set_viewport_size(PHONE)
    assert page.evaluate(SCROLLING) == []
    left: list[str] = page.evaluate(REACHABLE)
    assert left
    for _ in range(len(left)):
        page.keyboard.press("Tab")
        outlined, element = page.evaluate(OUTLINED)
        if element not in left:
            break
        left.remove(element)
        assert outlined, element
    assert left == []


@pytest.mark.parametrize("name", REPORTS)
def test_what_is_folded_up_opens_by_a_key(name: str, page: Page, folder: Path) -> None:
    """Enter opens it, and Enter closes it."""
    page.goto(made(name, folder).as_uri())
    assert page.locator("details").count() > 0
    for summary in page.locator("details > summary").all():
        summary.focus()
        for is_open in (True, False):
            page.keyboard.press("Enter")
            assert summary.evaluate("each => each.parentElement.open") is is_open


def test_a_page_is_printed_with_what_it_folds_up(page: Page, folder: Path) -> None:
    """On paper nobody can open it; and what is printed is a PDF."""
    path = made("fail", folder)
    page.goto(path.as_uri())
    tables = page.locator("details table")
    assert not any(each.evaluate("each => each.checkVisibility()") for each in tables.all())
    page.emulate_media(media="print")
    assert all(each.evaluate("each => each.checkVisibility()") for each in tables.all())
    assert printed(path, printer()).startswith(b"%PDF-")


def test_axe_finds_what_is_wrong(page: Page, tmp_path: Path) -> None:
    """A page that has faults is reported with rule and element: silence means that there are none."""
    path = tmp_path / "bad.html"
    path.write_text("<html><title>bad</title><main><h1>x</h1><img src='x.png'></main></html>")
    page.goto(path.as_uri())
    assert {line.partition(" ")[0] for line in violations(page)} == {"html-has-lang", "image-alt"}


def test_pages_reach_no_network(page: Page, tmp_path: Path) -> None:
    """What a page asks of another machine fails, by name and by address."""
    path = tmp_path / "page.html"
    path.write_text("<html lang='en'><title>page</title></html>")
    page.goto(path.as_uri())
    for address in ("http://example.com/", "http://192.0.2.1/"):
        script = "address => fetch(address, {mode: 'no-cors'}).then(() => 'answered', error => 'failed')"
        with page.expect_event("requestfailed") as failed:
            assert page.evaluate(script, address) == "failed"
        assert failed.value.failure == "net::ERR_NAME_NOT_RESOLVED"
