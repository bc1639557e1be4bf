"""A finished run for other programs."""

from __future__ import annotations

import csv
import gzip
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1 import trace_pb2

from harness.errors import HarnessError, UsageError
from harness.experiment.exporting import ExportFormat, export
from harness.export import otlp, spans
from harness.export.otlp import TraceEndpoint
from harness.history import AttemptRecord, RequestRecord
from harness.history.frames import dtypes
from harness.judge import RunData
from harness.scenario import Fault, Inject
from harness.store import RunFolder
from tests.judge.histories import Book, Try, fails, plan_of

PLAN = plan_of(faults=[Fault(on="openai", during="fault", inject=Inject(status=503))])
ORIGIN = 1_700_000_000_000_000_000


def book() -> Book:
    """Return a request that fell back, and one that failed."""
    made = Book()
    made.request(12, fails(503), fails(503, after_s=1), Try(at="azure", more={"tokens_in": 7, "tokens_out": 9}))
    made.request(
        13, fails(429, told_s=2.0), outcome="error", status=429, complete=False, served_by=None, served_attempt=None
    )
    return made


def run() -> RunData:
    """Return them as a run."""
    return book().run(PLAN)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The folder of a saved run, with a warm-up call."""
    folder = RunFolder.create(tmp_path, PLAN)
    history = run().columns.history
    folder.write_history(replace(history, plan_digest=PLAN.digest))
    folder.write_environment({"started": "2023-11-14T22:13:20+00:00", "engine": "sim"})
    return folder.path


class Collector:
    """An endpoint that keeps what it is sent."""

    def __init__(self, status: int) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[Any] = []
        outer = self

        class Taking(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
                outer.headers.append({**self.headers, "path": self.path})
                self.send_response(status)
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Taking)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    @property
    def spans(self) -> list[trace_pb2.Span]:
        """The spans that came as protobuf."""
        messages = [ExportTraceServiceRequest.FromString(body) for body in self.bodies]
        return [
            span
            for each in messages
            for own in each.resource_spans
            for scope in own.scope_spans
            for span in scope.spans
        ]


@contextmanager
def collecting(status: int = 200) -> Iterator[Collector]:
    """Collect, until leaving."""
    collector = Collector(status)
    thread = threading.Thread(target=collector.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield collector
    finally:
        collector.server.shutdown()
        collector.server.server_close()
        thread.join()


def attributes(span: trace_pb2.Span) -> dict[str, Any]:
    """Return the attributes of a span."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "") for each in span.attributes}


def test_each_request_is_a_span_with_its_attempts_below(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent to a collector as protobuf, with the variables that every exporter reads."""
    with collecting() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url + "/")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20abc, x-other=1")
        done = export(saved, ExportFormat.OTLP)
    assert (done.spans, done.files, done.endpoint) == (6, (), collector.url + "/v1/traces")
    (headers,) = collector.headers
    assert (headers["path"], headers["Authorization"], headers["X-Other"]) == ("/v1/traces", "Bearer abc", "1")
    first, one, two, three, second, last = collector.spans
    assert first.start_time_unix_nano == ORIGIN + 12 * 10**9
    assert {each.parent_span_id for each in (one, two, three)} == {first.span_id}
    assert {each.trace_id for each in (one, two, three)} == {first.trace_id} != {second.trace_id} == {last.trace_id}
    assert (len(first.trace_id), len(first.span_id), first.kind) == (16, 8, trace_pb2.Span.SPAN_KIND_CLIENT)
    assert (first.name, first.status.code, second.status.code) == ("chat gpt-4", 0, trace_pb2.Status.STATUS_CODE_ERROR)
    assert attributes(second)["error.type"] == "429"
    assert attributes(one)["error.type"] == "503"
    found = attributes(three)
    assert found["gen_ai.operation.name"] == "chat"
    assert found["gen_ai.provider.name"] == "openai"  # its dialect
    assert (found["gen_ai.usage.input_tokens"], found["gen_ai.usage.output_tokens"]) == (7, 9)
    assert (found["harness.fallback.from"], found["harness.fallback.trigger"]) == ("openai", "server_error")
    assert found["harness.attempt.provider"] == "azure"
    assert "error.type" not in found
    assert attributes(last)["harness.attempt.retry_after_s"] == 2.0
    message = ExportTraceServiceRequest.FromString(collector.bodies[0])
    assert message.resource_spans[0].schema_url == spans.SCHEMA == "https://opentelemetry.io/schemas/1.41.0"


def test_json_says_the_same_as_protobuf() -> None:
    """The file is what a collector's file exporter writes: hexadecimal ids, and long numbers as text."""
    found = list(spans.spans(run(), "run", ORIGIN))
    shared = spans.resource(run(), "run", "1")
    message = ExportTraceServiceRequest.FromString(otlp.as_protobuf(shared, found))
    written = json.loads(otlp.as_json(shared, found))["resourceSpans"][0]
    assert len(written["resource"]["attributes"]) == len(message.resource_spans[0].resource.attributes) == len(shared)
    for text, binary in zip(
        written["scopeSpans"][0]["spans"], message.resource_spans[0].scope_spans[0].spans, strict=True
    ):
        assert bytes.fromhex(text["traceId"]) == binary.trace_id
        assert bytes.fromhex(text["parentSpanId"]) == binary.parent_span_id
        assert int(text["endTimeUnixNano"]) == binary.end_time_unix_nano
        kinds = {"stringValue": str, "intValue": int, "doubleValue": float, "boolValue": bool}
        pairs = {
            each["key"]: kinds[kind](value) for each in text["attributes"] for kind, value in each["value"].items()
        }
        assert pairs == attributes(binary)
        assert text["status"].get("code", 0) == binary.status.code


def test_a_second_export_is_the_same_trace(saved: Path, tmp_path: Path) -> None:
    """Ids follow from the run and the request; another run of the same seed has others."""
    one, other = tmp_path / "one.jsonl", tmp_path / "other.jsonl"
    for file in (one, other):
        assert export(saved, ExportFormat.OTLP, to=file).files == (file,)
    assert one.read_bytes() == other.read_bytes()
    ids = {span.trace_id for span in spans.spans(run(), "run", ORIGIN)}
    assert ids.isdisjoint(span.trace_id for span in spans.spans(run(), "run-2", ORIGIN))


def test_a_long_run_is_several_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Collectors refuse what is larger than 4 MB."""
    monkeypatch.setattr(otlp, "BATCH", 2)
    with collecting() as collector:
        endpoint = TraceEndpoint.of(
            {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip"}
        )
        assert endpoint is not None
        assert otlp.send(endpoint, {}, spans.spans(run(), "run", ORIGIN)) == 6
    assert len(collector.bodies) == 3
    collector.bodies = [gzip.decompress(body) for body in collector.bodies]
    assert len(collector.spans) == 6


@pytest.mark.parametrize(
    ("environ", "problem"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "localhost:4317"}, "not an address of HTTP"),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "unknown protocol 'grpc'"),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "secret"}, "not a list of NAME=VALUE"),
        ({"OTEL_EXPORTER_OTLP_TIMEOUT": "1s"}, "not a number of milliseconds"),
    ],
)
def test_a_wrong_variable_is_named(environ: dict[str, str], problem: str) -> None:
    """And a header, which may be a key, is not repeated."""
    with pytest.raises(UsageError, match=problem) as caught:
        TraceEndpoint.of({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", **environ})
    assert caught.value.where in environ
    assert "secret" not in str(caught.value)


def test_traces_have_variables_of_their_own() -> None:
    """They come before the general ones, and their address is taken as it is."""
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://one:1",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://user:secret@other:2/here",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json",
    }
    endpoint = TraceEndpoint.of(environ)
    assert endpoint is not None
    assert (endpoint.url, endpoint.protocol) == ("http://user:secret@other:2/here", "http/json")
    assert endpoint.shown == "http://other:2/here"
    assert TraceEndpoint.of({}) is None


def test_an_endpoint_that_refuses_or_is_gone_is_an_error(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that names the endpoint."""
    with collecting(status=403) as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        with pytest.raises(HarnessError, match="answered 403"):
            export(saved, ExportFormat.OTLP)
    with pytest.raises(HarnessError, match="cannot send spans"):
        export(saved, ExportFormat.OTLP)


@pytest.mark.parametrize("form", [ExportFormat.CSV, ExportFormat.JSONL])
def test_the_tables_have_every_field_of_the_records(saved: Path, tmp_path: Path, form: ExportFormat) -> None:
    """And when each row begins."""
    done = export(saved, form, to=tmp_path / "tables")
    assert [file.name for file in done.files] == [f"{name}.{form}" for name in ("requests", "attempts", "fallbacks")]
    read = [
        list(csv.DictReader(lines)) if form is ExportFormat.CSV else [json.loads(line) for line in lines]
        for lines in (file.read_text(encoding="utf-8").splitlines() for file in done.files)
    ]
    requests, attempts, fallbacks = read
    assert [*requests[0]] == ["time", *dtypes(RequestRecord)]
    assert [*attempts[0]] == ["time", *dtypes(AttemptRecord)]
    assert [len(each) for each in read] == [2, 4, 1]
    assert requests[0]["time"] == "2023-11-14T22:13:32.000000Z"
    assert (fallbacks[0]["from_provider"], fallbacks[0]["trigger"], str(fallbacks[0]["status"])) == (
        "openai",
        "server_error",
        "503",
    )


def test_where_nothing_is_said_the_tables_lie_in_the_run(saved: Path) -> None:
    """And nothing of an export that failed is left."""
    done = export(saved, ExportFormat.CSV)
    assert {file.parent for file in done.files} == {saved / "export"}
    with pytest.raises(UsageError, match="not a folder"):
        export(saved, ExportFormat.CSV, to=done.files[0])
