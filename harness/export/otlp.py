"""Spans in OpenTelemetry's protocol: lines of JSON for a file, protobuf or JSON for an endpoint."""

from __future__ import annotations

import gzip
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from harness.errors import HarnessError, UsageError
from harness.export.spans import SCHEMA, Attribute, Span
from harness.extras import OTLP
from harness.store import encode, replaced

BATCH = 2000
"""Spans in one message: collectors take 4 MB."""
CLIENT, ERROR = 3, 2
"""The kind and the status of a span; see OpenTelemetry's `trace.proto`."""
PREFIX = "OTEL_EXPORTER_OTLP_"
PATH = "/v1/traces"
PROTOBUF, JSON = "http/protobuf", "http/json"
TIMEOUT_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceEndpoint:
    """Where spans are sent.

    Attributes:
        url: The address.
        headers: Sent along; may hold a key.
        protocol: `http/protobuf` or `http/json`.
        compressed: By gzip.
        timeout_s: How long one message may take.
    """

    url: str
    headers: Mapping[str, str] = field(repr=False)
    protocol: str
    compressed: bool
    timeout_s: float

    @property
    def shown(self) -> str:
        """The address without a password."""
        found = urlsplit(self.url)
        return found._replace(netloc=found.netloc.rpartition("@")[2], query="").geturl()

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> TraceEndpoint | None:
        """Return the endpoint that OpenTelemetry's variables name; None if they name none.

        Raises:
            UsageError: A variable has a value that is not known here.
        """
        url = environ.get(f"{PREFIX}TRACES_ENDPOINT", "")
        if not url and (base := environ.get(f"{PREFIX}ENDPOINT", "")):
            url = base.rstrip("/") + PATH
        if not url:
            return None
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise UsageError("not an address of HTTP", where=f"{PREFIX}ENDPOINT", hint="such as http://127.0.0.1:4318")
        protocol = _variable(environ, "PROTOCOL") or PROTOBUF
        if protocol not in (PROTOBUF, JSON):
            hint = "collectors listen for HTTP on port 4318"
            raise UsageError(
                f"unknown protocol {protocol!r}", where=f"{PREFIX}PROTOCOL", known=f"{PROTOBUF}, {JSON}", hint=hint
            )
        timeout = _variable(environ, "TIMEOUT")
        if timeout and not timeout.isdecimal():
            raise UsageError(f"not a number of milliseconds: {timeout!r}", where=f"{PREFIX}TIMEOUT")
        return cls(
            url=url,
            headers=_headers(_variable(environ, "HEADERS")),
            protocol=protocol,
            compressed=_variable(environ, "COMPRESSION") == "gzip",
            timeout_s=int(timeout) / 1000 if timeout else TIMEOUT_S,
        )


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(f"{PREFIX}TRACES_{name}") or environ.get(f"{PREFIX}{name}") or ""


def _headers(text: str) -> dict[str, str]:
    """Return the headers in `name=value,name=value`; values are encoded as in a URL."""
    headers = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise UsageError("not a list of NAME=VALUE", where=f"{PREFIX}HEADERS")
        headers[name.strip()] = unquote(value.strip())
    return headers


def _batches(spans: Iterable[Span]) -> Iterator[list[Span]]:
    rest = iter(spans)
    while batch := list(islice(rest, BATCH)):
        yield batch


def write_file(path: Path, resource: Mapping[str, Attribute], spans: Iterable[Span]) -> int:
    """Write spans as a collector's file exporter does, one message a line; return how many.

    Raises:
        OSError: The file cannot be written.
    """
    number = 0
    with replaced(path) as partial, partial.open("wb") as file:
        for batch in _batches(spans):
            file.write(as_json(resource, batch) + b"\n")
            number += len(batch)
    return number


def send(endpoint: TraceEndpoint, resource: Mapping[str, Attribute], spans: Iterable[Span]) -> int:
    """Send spans to an endpoint; return how many.

    Raises:
        UsageError: The extra that protobuf needs is not installed.
        HarnessError: The endpoint cannot be reached, or does not take them.
    """
    if endpoint.protocol == PROTOBUF:
        OTLP.need()
    encoded = as_protobuf if endpoint.protocol == PROTOBUF else as_json
    number = 0
    for batch in _batches(spans):
        _post(endpoint, encoded(resource, batch))
        number += len(batch)
    return number


def _post(endpoint: TraceEndpoint, body: bytes) -> None:
    kind = "application/x-protobuf" if endpoint.protocol == PROTOBUF else "application/json"
    headers = {"Content-Type": kind, "User-Agent": "llm-fallback-harness", **endpoint.headers}
    if endpoint.compressed:
        body, headers["Content-Encoding"] = gzip.compress(body, compresslevel=1), "gzip"
    request = urllib.request.Request(endpoint.url, data=body, headers=headers)  # noqa: S310 - checked to be HTTP
    where = endpoint.shown
    try:
        with urllib.request.urlopen(request, timeout=endpoint.timeout_s) as answer:  # noqa: S310
            answer.read()
    except urllib.error.HTTPError as refused:
        refused.close()
        raise HarnessError(
            f"the endpoint answered {refused.code}", where=where, hint=f"see {PREFIX}ENDPOINT and {PREFIX}HEADERS"
        ) from None
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "reason", problem)
        raise HarnessError(f"cannot send spans: {reason}", where=where, hint="does the collector run?") from None


def as_json(resource: Mapping[str, Attribute], spans: Iterable[Span]) -> bytes:
    """Return spans as one message in JSON: ids in hexadecimal, and 64-bit numbers as text."""
    scope = {
        "scope": {"name": "llm-fallback-harness"},
        "spans": [_span_json(span) for span in spans],
        "schemaUrl": SCHEMA,
    }
    resources = {"resource": {"attributes": _json(resource)}, "scopeSpans": [scope], "schemaUrl": SCHEMA}
    return encode({"resourceSpans": [resources]})


def _span_json(span: Span) -> dict[str, Any]:
    written: dict[str, Any] = {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_id.hex(),
        "name": span.name,
        "kind": CLIENT,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _json(span.attributes),
        "status": {"code": ERROR} if span.error else {},
    }
    return written


def _json(attributes: Mapping[str, Attribute]) -> list[dict[str, Any]]:
    return [_pair(name, value) for name, value in attributes.items()]


@lru_cache(maxsize=10_000, typed=True)  # most pairs of a run are the same few; typed, for True is 1
def _pair(name: str, value: Attribute) -> dict[str, Any]:
    return {"key": name, "value": {_KIND[type(value)]: _value(value)}}


_KIND = {bool: "boolValue", int: "intValue", float: "doubleValue", str: "stringValue"}


def _value(value: Attribute) -> Attribute:
    return str(value) if type(value) is int else value


def as_protobuf(resource: Mapping[str, Attribute], spans: Iterable[Span]) -> bytes:
    """Return spans as one message in protobuf."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: PLC0415
    from opentelemetry.proto.common.v1.common_pb2 import KeyValue  # noqa: PLC0415

    def pairs(attributes: Mapping[str, Attribute]) -> Iterator[KeyValue]:
        for name, value in attributes.items():
            pair = KeyValue(key=name)
            setattr(pair.value, _FIELD[type(value)], value)
            yield pair

    message = ExportTraceServiceRequest()
    own = message.resource_spans.add(schema_url=SCHEMA)
    own.resource.attributes.extend(pairs(resource))
    scope = own.scope_spans.add(schema_url=SCHEMA)
    scope.scope.name = "llm-fallback-harness"
    for span in spans:
        added = scope.spans.add(
            trace_id=span.trace_id,
            span_id=span.span_id,
            parent_span_id=span.parent_id,
            name=span.name,
            kind=CLIENT,
            start_time_unix_nano=span.start_ns,
            end_time_unix_nano=span.end_ns,
        )
        added.attributes.extend(pairs(span.attributes))
        if span.error:
            added.status.code = ERROR
    raw: bytes = message.SerializeToString()
    return raw


def from_protobuf(raw: bytes) -> dict[str, Any]:
    """Return a message in protobuf as JSON has it, but with ids in Base64.

    Raises:
        UsageError: It is none, or the extra that protobuf needs is not installed.
    """
    OTLP.need()
    from google.protobuf.json_format import MessageToDict  # noqa: PLC0415 - of the extra
    from google.protobuf.message import DecodeError  # noqa: PLC0415
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: PLC0415

    try:
        found: dict[str, Any] = MessageToDict(ExportTraceServiceRequest.FromString(raw))
    except (DecodeError, UnicodeDecodeError, RecursionError):
        raise UsageError("neither text nor traces in protobuf") from None
    return found


_FIELD = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
