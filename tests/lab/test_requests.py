"""Requests as points and their widget, without a browser."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from harness import lab
from harness.extras import LAB
from harness.judge import RunData
from harness.lab.points import NOBODY, OUTCOMES, points
from harness.lab.request_widget import RequestWidget
from harness.report import JudgedRun, open_run, show
from tests.histories import framed

SAMPLES = Path(__file__).parents[2] / "reports" / "samples"


@pytest.fixture(scope="module")
def run() -> JudgedRun:
    """Return a saved run in which a provider fails."""
    return open_run(SAMPLES / "primary-429")


@pytest.fixture
def widget(run: JudgedRun) -> RequestWidget:
    """Return the widget of that run."""
    made = lab.requests(run)
    assert isinstance(made, RequestWidget)
    return made


def test_each_request_is_a_point(run: JudgedRun) -> None:
    """When it was due, how long it took, who served it and what came of it are those of the tables."""
    found = points(run)
    journeys = run.journeys.set_index("request_id")
    assert set(found.ids) == set(run.journeys["request_id"])
    assert found.seconds.shape == (len(found.ids), 2)
    latencies = journeys.loc[list(found.ids), "latency_ns"].to_numpy(dtype=float) / 1e9
    assert np.allclose(found.seconds[:, 1], latencies, rtol=1e-5)
    assert (np.diff(found.seconds[:, 0]) >= 0).all()
    served = [found.served[code] for code in found.codes[:, 0]]
    requests = run.requests.set_index("request_id").loc[list(found.ids)]
    expected = requests["served_by"].astype(object).where(requests["complete"].astype(bool), NOBODY)
    assert served == expected.tolist()
    assert [OUTCOMES[code] == "complete answer" for code in found.codes[:, 1]] == requests["complete"].tolist()


def test_a_route_names_who_was_asked(run: JudgedRun) -> None:
    """Attempts that ended alike at one provider are counted, and steps have arrows."""
    found = points(run)
    assert len(found.served) == len(found.colours)
    route = found.routes[found.codes[found.ids.index(_fallen_back(run)), 4]]
    assert route.startswith("openai 429 ×")
    assert " → azure" in route
    assert "nan" not in "".join(found.routes)


def _fallen_back(run: JudgedRun) -> str:
    journeys = run.journeys
    return str(journeys.loc[journeys["by_fallback"].astype(bool) & (journeys["attempts"] > 2), "request_id"].iloc[0])


def test_what_callers_got_has_a_shape_each(run: JudgedRun) -> None:
    """Who left, got an error or half an answer, or never went out is told apart, and nobody served them."""
    records = run.history.requests.copy()
    outcomes = ["truncated", "error", "deadline", "dropped"]
    records = records.astype({"outcome": object, "complete": bool})
    records.loc[records.index[-4:], "outcome"] = outcomes
    records.loc[records.index[-4:], "complete"] = False
    found = points(JudgedRun.of(RunData.of(run.plan, framed(run.history, requests=records))))
    ids = records["request_id"].iloc[-4:].tolist()
    codes = {name: code for name, code in zip(found.ids, found.codes.tolist(), strict=True) if name in ids}
    assert [OUTCOMES[codes[name][1]] for name in ids] == ["incomplete answer", "error", "caller left", "never sent"]
    assert {found.served[codes[name][0]] for name in ids} == {NOBODY}


def test_a_run_without_requests_has_no_points(run: JudgedRun) -> None:
    """It is no error: the figure says that no request ended."""
    history = framed(run.history, requests=run.history.requests.iloc[:0], attempts=run.history.attempts.iloc[:0])
    found = points(JudgedRun.of(RunData.of(run.plan, history)))
    assert found.ids == ()
    assert found.codes.shape == (0, 5)


def test_an_opened_request_shows_its_waterfall(widget: RequestWidget, run: JudgedRun) -> None:
    """A click names a request; the kernel draws it. What is no request shows nothing."""
    request = _fallen_back(run)
    widget.opened = request
    assert f"{request}: served by azure after" in widget.picture
    widget.opened = "<script>"
    assert widget.picture == ""


def test_the_page_gets_numbers_as_bytes(widget: RequestWidget, run: JudgedRun) -> None:
    """Twenty-eight bytes for each request, so that 60,000 stay small."""
    count = len(run.journeys)
    assert len(widget.seconds) == 8 * count
    assert len(widget.codes) == 20 * count
    assert len(widget.names["ids"]) == count


def test_where_nothing_can_be_operated_a_picture_is_shown(
    widget: RequestWidget, run: JudgedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output has a static picture beside the widget; without the library there is that picture alone."""
    overview = show.pictures(run, "overview").html
    data, _metadata = widget._repr_mimebundle_()
    assert data["text/html"] == overview
    assert "application/vnd.jupyter.widget-view+json" in data
    monkeypatch.setattr(type(LAB), "missing", lambda _: ("anywidget",))
    alone = lab.requests(run)
    assert isinstance(alone, show.Block)
    assert LAB.command in alone.html
    assert overview in alone.html
