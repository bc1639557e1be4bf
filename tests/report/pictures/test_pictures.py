"""What holds for every picture, whatever the run was like. A new picture is tested here by being declared."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import matplotlib as mpl
import pytest

from harness.history import History
from harness.judge import RunData
from harness.report import JudgedRun, notebook
from harness.report.pictures import DETAILS, OVERVIEW, Picture, all_pictures, pictures_of, style
from harness.report.svg import InlineSvg, inline_svg
from tests.histories import framed, history, plan_in
from tests.report.pictures.texts import SVG, boxes

LONG = tuple(f"{letter}-a-very-long-deployment-name-in-sweden-central" for letter in "abcdefgh")
TWELVE = tuple(f"provider-{place}" for place in range(12))
SHARED = "  - {{on: {}, at: {}s, for: 20s, inject: {{status: 503}}, share: 70%}}\n"
CASES = {
    "all down": {"faults": "  - {on: all, during: fault, inject: {status: 503}}", "deadline": "6s"},
    "connections": {
        "faults": "  - {on: openai, during: fault, inject: {connection: silent}}\n"
        "  - {on: azure, at: 20s, for: 20s, inject: {connection: reset}, share: 60%}"
    },
    "no fault": {"faults": ""},
    "one request": {"rate": 0.02},
    "long names": {"providers": LONG, "faults": f"  - {{on: {LONG[0]}, during: fault, inject: {{status: 503}}}}"},
    "one provider": {"providers": ("openai",)},
    "twelve providers": {
        "providers": TWELVE,
        "faults": "".join(SHARED.format(name, at) for at, name in enumerate(TWELVE)),
    },
}
EACH = pytest.mark.parametrize("picture", all_pictures(), ids=lambda picture: picture.name)


@pytest.fixture(scope="session", params=CASES)
def odd(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> JudgedRun:
    """Return runs at the edges of what can happen."""
    plan = plan_in(tmp_path_factory.mktemp("odd"), **CASES[request.param])  # type: ignore[arg-type]
    return JudgedRun.of(RunData.of(plan, history(plan)))


def drawn(picture: Picture, run: JudgedRun) -> InlineSvg:
    """Return a picture as a page holds it."""
    return inline_svg(picture.figure(run))


@EACH
def test_a_picture_is_found_where_it_says(picture: Picture) -> None:
    """Its file has its name, it answers a question, and it is in one part of the report; its other places are notebooks."""
    path = Path(__file__).parents[3] / "harness" / "report" / "pictures" / f"{picture.name.replace('-', '_')}.py"
    assert path.is_file()
    assert picture.question.endswith("?")
    assert picture.reading.endswith(".")
    assert ". " not in picture.reading, "one sentence"
    parts, others = {OVERVIEW, DETAILS} & set(picture.places), set(picture.places) - {OVERVIEW, DETAILS}
    assert len(parts) == 1
    for place, book in [*((part, "run-report") for part in parts), *((name, name) for name in others)]:
        assert f'show.pictures(it, \\"{place}\\")' in notebook.find(book).read_text(encoding="utf-8")
        assert picture in pictures_of(place)


def test_pictures_come_in_one_order() -> None:
    """No two share a position, so that a new one has a place of its own."""
    positions = [picture.position for picture in all_pictures()]
    assert positions == sorted(set(positions))


@EACH
def test_every_run_has_every_picture(picture: Picture, odd: JudgedRun) -> None:
    """It is one SVG with an alternative text, the page's ink and ids of its own; or a sentence explains why there is none."""
    if why := picture.nothing(odd):
        assert re.fullmatch(r"[A-Z].+\.", why)
        with pytest.raises(ValueError, match=re.escape(why)):
            picture.figure(odd)
        return
    shown = drawn(picture, odd)
    root = ET.fromstring(shown.svg)  # noqa: S314 - our own text
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert root.get("aria-label") == shown.label == picture.alt(odd)
    assert re.fullmatch(r"[A-Z0-9].*\d.*\.", shown.label), "a sentence with a number of this run"
    assert not re.search(r"\bnan\b|\binf\b|None|[{}]", shown.label)
    assert style.INK not in shown.svg
    assert style.PAPER not in shown.svg
    assert all(element.get("id", picture.name).startswith(picture.name) for element in root.iter())


@EACH
def test_nothing_leaves_a_picture(picture: Picture, odd: JudgedRun) -> None:
    """No text is cut off at a picture's edge, however long a name is."""
    if picture.nothing(odd):
        return
    (width, height), found = boxes(drawn(picture, odd).svg)
    assert found
    for box in found:
        assert box.left >= -1, box
        assert box.right <= width + 1, box
        assert box.top >= -1, box
        assert box.bottom <= height + 1, box


@EACH
def test_no_text_is_on_another(picture: Picture, odd: JudgedRun) -> None:
    """Names, numbers and legends have places of their own."""
    if picture.nothing(odd):
        return
    _, found = boxes(drawn(picture, odd).svg)
    for place, box in enumerate(found):
        assert not [other for other in found[place + 1 :] if box.covers(other) > 2], box


@EACH
def test_a_phone_shows_all_of_it(picture: Picture, demo: JudgedRun) -> None:
    """Shrunk to a page of 500 pixels its smallest letters can still be read, and its text is short to load."""
    svg = drawn(picture, demo).svg
    (width, _), found = boxes(svg)
    assert min(box.size for box in found) * (500 - 2 * 16) / width >= 8
    assert len(svg) < 150_000


@EACH
def test_an_empty_history_is_no_error(picture: Picture, tmp_path: Path) -> None:
    """A run without a record has a sentence in place of the picture, or a picture of shares that are 0 %."""
    plan = plan_in(tmp_path)
    run = JudgedRun.of(RunData.of(plan, History.of(plan.digest)))
    if why := picture.nothing(run):
        assert why.startswith("No ")
    else:
        assert re.search("0 ?%", drawn(picture, run).label)


@EACH
def test_an_interrupted_run_has_its_pictures(picture: Picture, demo: JudgedRun) -> None:
    """A phase that never began has no numbers, and no text on another."""
    history, until_ns = demo.history, 12 * 10**9
    cut = framed(
        history,
        requests=history.requests[history.requests["scheduled_ns"] < until_ns].reset_index(drop=True),
        attempts=history.attempts[history.attempts["start_ns"] < until_ns].reset_index(drop=True),
        complete=False,
    )
    run = JudgedRun.of(RunData.of(demo.plan, cut))
    if not picture.nothing(run):
        shown = drawn(picture, run)
        assert not re.search(r"\bnan\b|\binf\b", shown.svg)
        (width, _), found = boxes(shown.svg)
        assert all(box.left >= -1 and box.right <= width + 1 for box in found)


@EACH
def test_same_run_same_bytes(picture: Picture, demo: JudgedRun) -> None:
    """A picture of the same run is the same, byte by byte, and leaves matplotlib's settings alone."""
    before = dict(mpl.rcParams)
    assert drawn(picture, demo).svg == drawn(picture, demo).svg
    assert dict(mpl.rcParams) == before


@EACH
def test_references_stay_inside_the_picture(picture: Picture, demo: JudgedRun) -> None:
    """Every reference of a picture points at an id of that very picture."""
    text = drawn(picture, demo).svg
    ids = re.findall(r'\sid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', text)) <= set(ids)


@EACH
def test_names_are_text_never_markup(picture: Picture, tmp_path: Path) -> None:
    """A dollar or a tag in a provider's name is shown as it is, or not at all."""
    plan = plan_in(tmp_path)
    name = "$x^2$<script>&"
    providers = {name if key == "openai" else key: value for key, value in plan.chain.providers.items()}
    chain = replace(plan.chain, providers=providers, order=(name, *plan.chain.order[1:]))
    windows = tuple(replace(window, provider=name) for window in plan.timeline.windows)
    plan = replace(plan, chain=chain, orders=(), timeline=replace(plan.timeline, windows=windows))
    run = JudgedRun.of(RunData.of(plan, history(plan)))
    root = ET.fromstring(drawn(picture, run).svg)  # noqa: S314 - our own text
    texts = [text.text or "" for text in root.iter(f"{SVG}text")]
    assert not list(root.iter(f"{SVG}script"))
    assert not [text for text in texts if "script" in text and name not in text]
    if picture.name in {"timeline", "single-requests"}:
        assert any(name in text for text in texts)


def test_colours_are_stable_by_place(demo: JudgedRun) -> None:
    """A provider's colour depends on its place in the chain alone, and eight have eight."""
    colours = style.colours(demo.plan)
    assert list(colours) == ["openai", "azure", "anthropic"]
    assert list(colours.values()) == list(style.PROVIDERS[:3])
    assert len(set(style.PROVIDERS)) == 8


def test_no_two_providers_look_alike(tmp_path: Path) -> None:
    """Colour and texture together are a provider's own, the ninth one's too."""
    looks = style.looks(plan_in(tmp_path, providers=tuple(f"provider-{place}" for place in range(40)))).values()
    assert len({(look["facecolor"], look["hatch"]) for look in looks}) == 40
    assert len({look["hatch"] for look in list(looks)[:6]}) == 6


def test_failures_have_a_colour_of_their_own() -> None:
    """No provider's colour is that of a failure."""
    assert style.WRONG not in style.PROVIDERS
