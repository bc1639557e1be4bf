"""The load and odd gateways: interim answers are skipped, nothing ends the load, and no record holds a key."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.history.records import RequestRecord
from harness.live.load.caller import Caller, PlannedCall
from harness.messages import Begin, LoadDone, LoadReady, LoadStart
from harness.scenario.schema import Load
from tests.live.load_child import (
    STREAM_END,
    STREAM_HEAD,
    TOKEN,
    Answer,
    Server,
    arrivals,
    child,
    chunk,
    http,
    plain,
    serving,
    warmup,
)

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>; rel=preload\r\n\r\n"


@pytest.mark.system
@pytest.mark.parametrize("interim", [CONTINUE, HINTS, CONTINUE + HINTS], ids=["continue", "hints", "both"])
@pytest.mark.parametrize("pause_s", [0.0, 0.1], ids=["at once", "later"])
def test_interim_answers_are_skipped(tmp_path: Path, interim: bytes, pause_s: float) -> None:
    """By every HTTP client, on connections that serve again, and whoever else wants one meanwhile."""

    def answer(request_id: str, _body: dict[str, Any]) -> Answer:
        text = plain(f"<<{request_id}.openai.1>> hello")
        return [interim, pause_s, text] if pause_s else [interim + text]

    with (
        serving(Server(answer, keep=True)) as server,
        child(tmp_path, server.base_url, arrivals(30, every_ms=10)) as load,
    ):
        assert load.run().ok == 30
    for record in load.requests():
        text = f"<<{record.request_id}.openai.1>> hello"
        assert (record.status, record.error) == (200, None)
        assert record.text_sha256 == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.system
def test_a_connection_that_owes_an_answer_is_not_used_again(tmp_path: Path) -> None:
    """A caller who leaves between the interim answer and the real one must not leave that to the next caller."""
    hold = threading.Event()

    def answer(request_id: str, _body: dict[str, Any]) -> Answer:
        text = plain(f"<<{request_id}.openai.1>> hello")
        return [CONTINUE, hold, text] if request_id == "req-000001" else [text]

    load = Load(rate=1, deadline=300_000_000)
    with (
        serving(Server(answer, keep=True)) as server,
        child(tmp_path, server.base_url, arrivals(2, every_ms=500), load=load) as running,
    ):
        done = running.run()
        hold.set()
    assert (done.deadline, done.ok) == (1, 1)
    assert server.connections == 2


class Client:
    """A client whose every request ends in an error that nobody expects."""

    _connection_pool = SimpleNamespace(return_socket=None, _is_socket_alive=None)

    def request(self, *_args: object, **_options: object) -> None:
        """Fail as a library does whose state is not what it takes it for."""
        raise AssertionError("This socket is already used by another greenlet: key sk-0123456789abcdef")


def test_a_request_that_breaks_the_load_is_dropped() -> None:
    """It is no fault of the chain's, and the run is inconclusive; the other requests go on."""
    found: list[RequestRecord] = []
    client = SimpleNamespace(
        base_url="http://127.0.0.1:9/v1",
        auth_header=None,
        client=SimpleNamespace(clientpool=SimpleNamespace(get_client=lambda _url: Client())),
    )
    start = LoadStart(token=TOKEN, base_url="http://127.0.0.1:9/v1", model="m", load=Load(rate=1))
    caller = Caller(start, SimpleNamespace(client=client), found.append)
    now_ns = time.monotonic_ns()
    call = PlannedCall(request_id="req-000001", phase="p", scheduled_ns=now_ns, deadline_ns=now_ns + 60 * 10**9)
    caller.call(call)
    (record,) = found
    assert record.outcome == "dropped"
    assert record.error == "the load failed: AssertionError"


KNOWN = "plum-jam-and-toast"


@pytest.mark.system
@pytest.mark.parametrize("key", [KNOWN, "caller-key", "sk-0123456789abcdefghij"])
@pytest.mark.parametrize("streaming", [False, True])
def test_no_record_holds_a_key(tmp_path: Path, key: str, streaming: bool) -> None:
    """A gateway may quote one where an error's code belongs: a key of the run, the caller's, or any other."""
    error = json.dumps({"error": {"message": "no", "code": key}}).encode()
    script = (
        [STREAM_HEAD, chunk(b"data: " + error + b"\n\n"), STREAM_END] if streaming else [http(error, status="401 No")]
    )
    headers = {"authorization": "Bearer caller-key"}
    settings: dict[str, Any] = {"headers": headers, "secrets": frozenset({KNOWN}), "warmup": warmup(1)}
    with (
        serving(Server(lambda _id, _body: script)) as server,
        child(tmp_path, server.base_url, arrivals(1, streaming=streaming), **settings) as load,
    ):
        ready = load.message(LoadReady)
        load.send(Begin(origin_ns=time.monotonic_ns()))
        load.message(LoadDone)
        assert load.end() == 0
        assert load.process.stderr is not None
        log = load.process.stderr.read().decode()
    assert "(hidden)" in (load.requests()[-1].error or "")
    assert key not in (tmp_path / "load.jsonl").read_text() + repr(ready) + log
