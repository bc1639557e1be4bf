"""The load process at its work: it keeps the plan, and records what came back."""

import hashlib
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from harness.history.records import WARMUP
from harness.messages import Begin, LoadDone, LoadReady, WarmupResult
from harness.scenario.schema import Load
from tests.live.load_child import (
    PATIENCE_S,
    STREAM_END,
    STREAM_HEAD,
    Answer,
    Server,
    arrivals,
    child,
    chunk,
    delta,
    say_ok,
    serving,
    warmup,
)
from tests.polling import until

pytestmark = pytest.mark.system


def test_every_arrival_is_sent_once_and_recorded(tmp_path: Path) -> None:
    """Each request names itself, goes out no earlier than planned, and is recorded with what came back."""
    with serving(Server(say_ok, keep=True)) as server, child(tmp_path, server.base_url, arrivals(200)) as load:
        origin_ns = load.begin()
        done = load.message(LoadDone)
        assert load.end() == 0
    records = load.requests()
    assert done == LoadDone(sent=200, ok=200, truncated=0, error=0, deadline=0, dropped=0)
    assert [record.request_id for record in records] == [f"req-{place:06d}" for place in range(1, 201)]
    text = "<<req-000001.openai.1>> hello"
    first = records[0]
    assert (first.outcome, first.status, first.phase, first.sources) == (
        "ok",
        200,
        "baseline",
        ("req-000001.openai.1",),
    )
    assert (first.text_chars, first.tokens_in, first.tokens_out) == (len(text), 7, 3)
    assert first.text_sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert [record.scheduled_ns - origin_ns for record in records] == [place * 10**6 for place in range(200)]
    assert all(r.scheduled_ns <= (r.start_ns or 0) < (r.end_ns or 0) for r in records)


def test_requests_carry_headers_marker_and_size(tmp_path: Path) -> None:
    """A request is what an OpenAI client would send, with the run's and the scenario's additions."""
    load = Load(rate=1, prompt_tokens=200, max_tokens=55)
    headers = {"Authorization": "Bearer sk-secret-1", "x-team": "chaos"}
    settings: dict[str, Any] = {"load": load, "headers": headers}
    with serving(Server(say_ok)) as server, child(tmp_path, server.base_url, arrivals(1), **settings) as running:
        command = Path(f"/proc/{running.process.pid}/cmdline")
        argv = command.read_bytes() if command.exists() else b""
        running.begin()
        running.message(LoadDone)
        assert running.end() == 0
        assert running.process.stderr is not None
        log = running.process.stderr.read()
    (head,) = server.heads
    lines = {line.lower() for line in head.splitlines()}
    assert head.startswith("POST /v1/chat/completions HTTP/1.1")
    assert {"x-harness-request: req-000001", "x-harness-run: abcd1234", "x-team: chaos"} <= lines
    assert "authorization: bearer sk-secret-1" in lines
    (body,) = server.bodies
    prompt = body["messages"][0]["content"]
    assert prompt.endswith("[[req-000001 abcd1234]]")
    assert 180 <= len(prompt.split()) <= 200
    assert (body["model"], body["max_tokens"], "stream" in body) == ("gpt-4", 55, False)
    captured = (tmp_path / "load.jsonl").read_bytes()
    assert all(b"sk-secret-1" not in place for place in (argv, log, captured))
    assert b"Aggregated" in log  # Locust's own table


def test_streams_are_read_as_they_come(tmp_path: Path) -> None:
    """The first token is stamped while the rest of the answer is still to come."""
    went_on_ns: list[int] = []

    def answer(_request_id: str, body: dict[str, Any]) -> Answer:
        assert body["stream"]
        assert body["stream_options"] == {"include_usage": True}
        usage = b'data: {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}\n\n'
        yield from (STREAM_HEAD, chunk(b": hi\n\n" + delta("")), chunk(delta("<<a.b.1>> one ")))
        yield 1.0
        went_on_ns.append(time.monotonic_ns())
        yield from (chunk(delta("two") + usage + b"data: [DONE]\n\n"), STREAM_END)

    requests = arrivals(1, streaming=True)
    with serving(Server(answer, keep=True)) as server, child(tmp_path, server.base_url, requests) as load:
        load.run()
    (record,) = load.requests()
    assert (record.outcome, record.streaming, record.sources) == ("ok", True, ("a.b.1",))
    assert (record.text_chars, record.tokens_in, record.tokens_out) == (len("<<a.b.1>> one two"), 9, 2)
    assert record.first_token_ns is not None
    assert record.end_ns is not None
    assert record.first_token_ns < went_on_ns[0] < record.end_ns


@pytest.mark.parametrize("streaming", [False, True])
def test_a_caller_leaves_at_its_deadline(tmp_path: Path, streaming: bool) -> None:
    """The deadline counts from the intended start; the connection is closed, and what had come is kept."""
    hold = threading.Event()
    begun = [STREAM_HEAD, chunk(delta("<<a.b.1>> half"))] if streaming else []
    load = Load(rate=1, deadline=10**9)
    requests = arrivals(1, streaming=streaming)
    with (
        serving(Server(lambda _id, _body: [*begun, hold])) as server,
        child(tmp_path, server.base_url, requests, load=load) as running,
    ):
        done = running.run()
        assert server.left.wait(PATIENCE_S)
        hold.set()
    (record,) = running.requests()
    assert done.deadline == 1
    assert (record.outcome, record.client_left) == ("deadline", True)
    assert record.end_ns is not None
    assert record.end_ns - record.scheduled_ns >= 10**9
    assert record.text_chars == (len("<<a.b.1>> half") if streaming else None)
    assert record.status == (200 if streaming else None)


def test_a_full_pool_drops_arrivals_and_says_so(tmp_path: Path) -> None:
    """With two requests in flight at most, a third arrival is recorded as dropped, never queued."""
    hold = threading.Event()
    settings: dict[str, Any] = {"pool": 2, "load": Load(rate=1, deadline=2 * 10**9)}
    with (
        serving(Server(lambda _id, _body: [hold])) as server,
        child(tmp_path, server.base_url, arrivals(5), **settings) as load,
    ):
        done = load.run()
        hold.set()
    records = load.requests()
    assert [record.outcome for record in records] == ["deadline"] * 2 + ["dropped"] * 3
    assert (done.sent, done.dropped) == (2, 3)
    assert all(record.start_ns is None and record.end_ns is None for record in records[2:])
    assert len(server.bodies) == 2


def test_a_stall_shows_in_latency(tmp_path: Path) -> None:
    """Requests keep going out while the server stalls, and each one's latency shows how long it hung: open model."""
    stalled = threading.Event()
    with (
        serving(Server(lambda request_id, body: [stalled, *say_ok(request_id, body)])) as server,
        child(tmp_path, server.base_url, arrivals(20, every_ms=10)) as load,
    ):
        load.begin()
        until(lambda: len(server.bodies) == 20)
        stalled.set()
        assert load.message(LoadDone).ok == 20
        assert load.end() == 0
    records = load.requests()
    last_start = max(record.start_ns or 0 for record in records)
    assert all((record.end_ns or 0) > last_start for record in records)
    latencies = [(record.end_ns or 0) - record.scheduled_ns for record in records]
    assert latencies[0] >= 190_000_000  # it hung for as long as the other 19 took to arrive


def test_an_origin_in_the_past_makes_late_arrivals(tmp_path: Path) -> None:
    """A generator that starts late records how late each request was."""
    with serving(Server(say_ok, keep=True)) as server, child(tmp_path, server.base_url, arrivals(50)) as load:
        load.begin(in_s=-5)
        load.message(LoadDone)
        assert load.end() == 0
    lags = [(record.start_ns or 0) - record.scheduled_ns for record in load.requests()]
    assert len(lags) == 50
    assert min(lags) >= 4_900_000_000


def test_an_arrival_past_its_deadline_never_goes_out(tmp_path: Path) -> None:
    """A request that could not go out in time was dropped by the generator; the chain is not to blame."""
    settings = {"load": Load(rate=1, deadline=10**9)}
    with serving(Server(say_ok)) as server, child(tmp_path, server.base_url, arrivals(2), **settings) as load:
        load.begin(in_s=-5)
        done = load.message(LoadDone)
        assert load.end() == 0
    assert (done.dropped, server.bodies) == (2, [])
    assert "past its deadline" in (load.requests()[0].error or "")


def test_refused_connections_are_recorded(tmp_path: Path) -> None:
    """A chain that is not there gives errors without a status, and the load goes on to its end."""
    with serving(Server(say_ok)) as gone:
        pass
    with child(tmp_path, gone.base_url, arrivals(30), warmup=warmup(1)) as load:
        ready = load.message(LoadReady)
        load.send(Begin(origin_ns=time.monotonic_ns()))
        done = load.message(LoadDone)
        assert load.end() == 0
    assert ready.warmup == (WarmupResult(model="model-1", ok=False, error="connection refused"),)
    assert (done.sent, done.error) == (30, 30)
    assert [record.phase for record in load.requests()] == [WARMUP] + ["baseline"] * 30
    assert {(r.outcome, r.status, r.error) for r in load.requests()} == {("error", None, "connection refused")}


def test_warmup_comes_before_ready(tmp_path: Path) -> None:
    """Warm-up calls ask for their own models, one after the other, and are recorded in their own phase."""
    with (
        serving(Server(say_ok, keep=True)) as server,
        child(tmp_path, server.base_url, (), warmup=warmup(2)) as load,
    ):
        ready = load.message(LoadReady)
        load.send(Begin(origin_ns=0))
        done = load.message(LoadDone)
        assert load.end() == 0
    assert ready.warmup == tuple(WarmupResult(model=f"model-{place}", ok=True, status=200) for place in (1, 2))
    assert [body["model"] for body in server.bodies] == ["model-1", "model-2"]
    assert server.connections == 1  # it is used again
    assert [record.phase for record in load.requests()] == [WARMUP, WARMUP]
    assert done == LoadDone(sent=0, ok=0, truncated=0, error=0, deadline=0, dropped=0)


def test_more_arrivals_than_it_can_send(tmp_path: Path) -> None:
    """However many arrivals are planned, each has one record, sent or dropped."""
    planned = arrivals(4_000, every_ms=0.2)
    with serving(Server(say_ok, keep=True)) as server, child(tmp_path, server.base_url, planned) as load:
        done = load.run()
    assert done.sent + done.dropped == 4_000
    assert len({record.request_id for record in load.requests()}) == len(load.requests()) == 4_000
    assert load.health()
