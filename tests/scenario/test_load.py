"""Scenario files: what is accepted, and how mistakes are reported."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from harness.errors import UsageError
from harness.experiment.prepare import load

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "scenarios" / "primary-429.yaml"
SCENARIOS = sorted((ROOT / "scenarios").glob("*.yaml"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_every_scenario_of_ours_loads(path: Path) -> None:
    """A scenario's file has its name, and explains what a good chain does."""
    assert load(path).plan.name == path.stem
    assert "good chain" in " ".join(path.read_text().split()).replace("# ", "")


def written(tmp_path: Path, old: str, new: str, load: str = "") -> Path:
    """Write the demo with one thing changed, and a further word about its load; return the file."""
    text = DEMO.read_text().replace("chains/", f"{ROOT}/scenarios/chains/")
    assert old in text
    text = text.replace(old, new, 1)
    path = tmp_path / "outage.yaml"
    path.write_text(text.replace("rate: 10/s", f"rate: 10/s, {load}", 1) if load else text)
    return path


def changed(tmp_path: Path, old: str, new: str, more: str = "") -> UsageError:
    """Load the demo with one thing changed; return the error."""
    with pytest.raises(UsageError) as caught:
        load(written(tmp_path, old, new, more))
    return caught.value


@pytest.mark.parametrize(
    ("old", "new", "field", "problem", "hint"),
    [
        ("on: primary", "on: opnai", "faults[0].on", "unknown provider 'opnai'", "did you mean 'openai'?"),
        ("during: fault", "during: falt", "faults[0].during", "unknown phase 'falt'", "did you mean 'fault'?"),
        ("during: fault", "at: 60s\n    for: 9s", "faults[0].at", "6 s after the last phase", "shorten `for`"),
        ("during: fault", "at: 60s", "faults[0]", "`at` and `for` go together", "at: 25s with for: 10s"),
        ("retry_after", "retry_aftr", "faults[0].inject.retry_aftr", "unknown key", "did you mean 'retry_after'?"),
        ("status: 429,", "connection: reset,", "faults[0].inject", "'error' does not go with 'connection: reset'", ""),
        ("status: 429,", "", "faults[0].inject", "expected one kind of fault", ""),
        ("fault: 40s", "fault: 40", "phases.fault", "expected a duration, found 40", "write 40s"),
        ("rate: 10/s", "rate: 10", "load.rate", "expected a rate, found 10", "write 10/s"),
        ("rate: 10/s, ", "", "load", "expected `rate`, or `shape`", "rate: 10/s"),
        ("rate: 10/s", "rate: 900000/s", "load.rate", "requests", "lower the rate"),
        ("poisson", "poison", "load.arrivals", "unknown value 'poison'", "did you mean 'poisson'?"),
        ("success_rate", "sucess_rate", "expect[0]", "unknown metric", "did you mean 'success_rate'?"),
        (">= 98%", ">= 98", "expect[0]", "expected a share", "ends in %"),
        ("p95 fallback", "fallback", "expect[1]", "needs a quantile", "p95 fallback_overhead"),
        ("p95 fallback", "maximum fallback", "expect[1]", "unknown statistic 'maximum'", "did you mean 'max'?"),
        ("p95 fallback", "mean fallback", "expect[1]", "unknown statistic 'mean'", "p95 fallback_overhead"),
        ("amplification", "attempts", "expect[2]", "needs a quantile or 'max'", "max attempts"),
        ("amplification", "max amplification", "expect[2]", "does not go with", "write amplification alone"),
        ("no retry_after_ignored", "no retry_after_ignord", "expect[4]", "unknown finding", "did you mean"),
        ("chains/gpt4-azure-claude", "chains/gpt4-azure-cloude", "chain", "no such chain file", "did you mean"),
        ("seed: 1", "sed: 1", "sed", "unknown key", "did you mean 'seed'?"),
    ],
)
def test_a_mistake_names_line_field_and_a_hint(
    tmp_path: Path, old: str, new: str, field: str, problem: str, hint: str
) -> None:
    """Each mistake is reported at its place, with what was found and what to write."""
    error = changed(tmp_path, old, new)
    file, line, place = str(error.where).rsplit("/", 1)[-1].split(":")
    assert (file, place.strip()) == ("outage.yaml", field)
    assert int(line) > 4
    assert problem in error.problem
    assert hint in (error.hint or "")


@pytest.mark.parametrize(("text", "found"), [("", "nothing"), ("- a\n", "a list"), ("words\n", "'words'")])
def test_a_file_without_fields_is_one_mistake(tmp_path: Path, text: str, found: str) -> None:
    """No missing field is reported as well."""
    path = tmp_path / "outage.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert str(caught.value) == f"{path}:1: expected a mapping of fields, found {found}"


def test_a_share_of_a_refused_provider_is_refused(tmp_path: Path) -> None:
    """What hits the whole provider has no share."""
    error = changed(
        tmp_path, "{status: 429, error: rate_limit, retry_after: 2s}", "{connection: refused}\n    share: 30%"
    )
    assert "hits the whole provider" in error.problem


def test_a_role_finds_its_provider(tmp_path: Path) -> None:
    """One scenario fits every chain: roles are the chain's order; a role it lacks is a mistake."""
    text = DEMO.read_text().replace("chains/", f"{ROOT}/scenarios/chains/")
    path = tmp_path / "roles.yaml"
    for role, names in [("fallback-2", ["anthropic"]), ("fallbacks", ["azure", "anthropic"]), ("azure", ["azure"])]:
        path.write_text(text.replace("on: primary", f"on: {role}"))
        assert [window.provider for window in load(path).plan.timeline.windows] == names
    assert "the chain has no fallback-3" in changed(tmp_path, "on: primary", "on: fallback-3").problem


_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["10s", "5/s", "30%", "primary", "fault", "p95 latency < 3s", "no hang", "-1s", "1e999s"])
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return every place of a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, item in inner for place in places(item, (*at, key)))]


@st.composite
def broken(draw: st.DrawFn) -> Any:
    """Draw the demo with some of its places removed, renamed or replaced by anything."""
    document = copy.deepcopy(YAML(typ="safe", pure=True).load(DEMO.read_text()))
    document["chain"] = str(ROOT / "scenarios" / "chains" / "gpt4-azure-claude.yaml")
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.sampled_from(places(document)))
        if not place:
            return draw(_VALUES)
        owner = document
        for part in place[:-1]:
            owner = owner[part]
        how = draw(st.sampled_from(["replace", "remove", "rename"]))
        if how == "remove":
            del owner[place[-1]]
        elif how == "rename" and isinstance(owner, dict):
            owner[draw(st.text(max_size=10))] = owner.pop(place[-1])
        else:
            owner[place[-1]] = draw(_VALUES)
    return document


@given(document=broken())
def test_a_malformed_scenario_is_an_error_with_its_line(
    tmp_path_factory: pytest.TempPathFactory, document: Any
) -> None:
    """Whatever a scenario holds, it loads or is an error with file and line: never a traceback."""
    path = tmp_path_factory.mktemp("malformed") / "malformed.yaml"
    with path.open("w", encoding="utf-8", errors="surrogatepass") as file:
        YAML(typ="safe", pure=True).dump(document, file)
    try:
        assert load(path).plan.digest
    except UsageError as error:
        head = str(error.where)
        assert head.startswith(str(path)) or "chains" in head
        assert int(head.removeprefix(str(path)).split(":")[1]) >= 1 if head.startswith(str(path)) else True
        assert error.problem


INJECT = "inject: {status: 429, error: rate_limit, retry_after: 2s}"


@pytest.mark.parametrize(
    ("fault", "streaming", "field", "problem", "hint"),
    [
        ("inject: {stream: end}", "0%", "inject.stream", "'stream: end' never fires", "load: {streaming: 100%}"),
        (
            "inject: {stream: no_done}",
            "0%",
            "inject.stream",
            "'stream: no_done' never fires",
            "load: {streaming: 100%}",
        ),
        ("inject: {stream: end}\n    streaming: false", "50%", "streaming", "leaves them out", "streaming: true"),
        ("inject: {status: 500}\n    streaming: true", "0%", "streaming", "no request streams", "100%"),
        ("inject: {stream: cut}\n    streaming: true", "0%", "streaming", "no request streams", "100%"),
        ("inject: {delay: 1s}\n    streaming: false", "100%", "streaming", "every request streams", "0%"),
    ],
)
def test_a_fault_that_could_never_fire_is_reported(
    tmp_path: Path, fault: str, streaming: str, field: str, problem: str, hint: str
) -> None:
    """Before the run, not after it: what needs streams where nobody streams, and the other way round."""
    error = changed(tmp_path, INJECT, fault, f"streaming: {streaming}")
    assert f"faults[0].{field}" in str(error)
    assert problem in error.problem
    assert error.hint is not None
    assert hint in error.hint


@pytest.mark.parametrize(
    ("fault", "streaming"),
    [
        ("inject: {stream: cut}", "0%"),
        ("inject: {stream: reset}", "0%"),
        ("inject: {stream: stall}\n    streaming: false", "0%"),
        ("inject: {stream: end}", "5%"),
        ("inject: {stream: end}\n    streaming: true", "100%"),
        ("inject: {delay: 1s}\n    streaming: false", "50%"),
    ],
)
def test_a_fault_that_can_fire_is_taken(tmp_path: Path, fault: str, streaming: str) -> None:
    """Cuts, resets and stalls need no stream, and a few streams are enough."""
    (window,) = load(written(tmp_path, INJECT, fault, f"streaming: {streaming}")).plan.timeline.windows
    assert window.inject.kind in ("stream_cut", "stream_reset", "stream_stall", "stream_end", "delay")


@pytest.mark.parametrize("headers", ["{'x y': a}", '{x: "a\\r\\nb: c"}', "{x: é}", "{'': a}"])
def test_headers_that_cannot_be_sent_are_reported(tmp_path: Path, headers: str) -> None:
    """One that is more than a line, or no name, would break the answer on the wire."""
    error = changed(tmp_path, INJECT, f"inject: {{status: 500, headers: {headers}}}")
    assert "faults[0].inject.headers" in str(error)


@pytest.mark.parametrize(
    "name", ["content-length", "Content-Length", "transfer-encoding", "Connection", "trailer", "upgrade"]
)
@pytest.mark.parametrize("fault", ["status: 503", "status: 503, body: hello"])
def test_headers_that_frame_an_answer_are_refused(tmp_path: Path, name: str, fault: str) -> None:
    """A wrong one would break this answer, or the next on its connection."""
    error = changed(tmp_path, INJECT, f"inject: {{{fault}, headers: {{{name}: '2'}}}}")
    assert f"the header '{name}' is set by the harness" in str(error)


def test_what_breaks_is_never_left_out_by_accident(tmp_path: Path) -> None:
    """The error for a scenario without `faults` names what to write; an empty list is valid."""
    path = tmp_path / "calm.yaml"
    head = f"name: calm\nchain: {ROOT / 'scenarios' / 'chains' / 'reference.yaml'}\nload: {{rate: 1/s}}\nphases: {{only: 5s}}\n"
    path.write_text(head)
    with pytest.raises(UsageError) as caught:
        load(path)
    assert (caught.value.problem, caught.value.where) == ("missing", f"{path}:1: faults")
    assert caught.value.hint == "write `faults: []` to measure a steady state"
    path.write_text(head + "faults: []\n")
    assert load(path).plan.timeline.windows == ()
