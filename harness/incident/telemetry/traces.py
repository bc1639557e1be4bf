"""Calls as spans of OpenTelemetry: `TracesData` in the JSON of its protocol, as a collector's file exporter writes it.

A span counts as a call if it names a provider, as the semantic conventions for generative AI do. Of spans within each other only the
innermost counts: the outer one is a request, which may have made several calls.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from harness.incident.imports.reading import JsonItem, item, items
from harness.incident.imports.story import Unusable
from harness.incident.telemetry.calls import NO_LATENCY, CallTable, ending, instant_ns
from harness.judge.tables.columns import Bools

_PROVIDER = ("gen_ai.provider.name", "gen_ai.system")
_STATUS = ("http.response.status_code", "http.status_code")
_ERROR = ("error.type", "error.code", "error_code", "exception.type")
_NO_CALLS = ("execute_tool", "invoke_agent", "create_agent", "invoke_workflow")
_SPAN_ERROR = (2, "2", "STATUS_CODE_ERROR")


def read_traces(messages: Iterable[tuple[int, Any]], where: str, table: CallTable) -> Bools:
    """Add the calls of traces to a table; return for each whether it is an innermost one.

    Args:
        messages: Each with the line that it is on; an exception in the place of a message is why there is none.
        where: The file's name.
        table: Empty.
    """
    own, parents = array("q"), array("q")
    for line, message in messages:
        here = f"{where}:{line}"
        try:
            found = list(_spans(message))
        except Unusable as reason:
            table.refuse(here, str(reason))
            continue
        for span in found:
            try:
                attributes = _attributes(span)
                provider = next((attributes[name] for name in _PROVIDER if attributes.get(name)), None)
                if provider is None or attributes.get("gen_ai.operation.name") in _NO_CALLS:
                    continue
                if not _added(span, attributes, str(provider), table):
                    continue
            except Unusable as reason:
                table.refuse(here, str(reason))
                continue
            own.append(_number(span.get("traceId"), span.get("spanId")))
            parents.append(_number(span.get("traceId"), span.get("parentSpanId")))
    return ~np.isin(np.array(own, dtype=np.int64), np.array(parents, dtype=np.int64))


def _spans(message: Any) -> Iterator[JsonItem]:
    if isinstance(message, Unusable):
        raise message
    message = item(message, "a line")
    for resource in items(message, "resourceSpans"):
        for scope in items(resource, "scopeSpans"):
            yield from items(scope, "spans")


def _attributes(span: JsonItem) -> dict[str, Any]:
    """Return what a span and the exceptions within it say; 64-bit numbers are texts."""
    held = [*items(span, "attributes")]
    for event in items(span, "events") if span.get("events") else ():
        held += items(event, "attributes")
    found: dict[str, Any] = {}
    for each in held:
        value = each.get("value")
        if isinstance(value, dict) and value:
            plain = next(iter(value.values()))
            if isinstance(plain, str | int | float):
                found.setdefault(str(each.get("key")), plain)
    return found


def _added(span: JsonItem, attributes: Mapping[str, Any], provider: str, table: CallTable) -> bool:
    begin = instant_ns(span.get("startTimeUnixNano"))
    status = next((attributes[name] for name in _STATUS if name in attributes), None)
    error = next((attributes[name] for name in _ERROR if attributes.get(name)), None)
    state = span.get("status")
    failed = isinstance(state, dict) and state.get("code") in _SPAN_ERROR
    if error is None and failed and (status is None or str(status).startswith("2")):
        error = "error"
    try:
        length = instant_ns(span.get("endTimeUnixNano"))[0] - begin[0]
    except Unusable:
        length = NO_LATENCY
    end = ending("ok" if status is None and error is None else status, error)
    model = str(attributes.get("gen_ai.request.model", ""))
    return table.add(begin, provider, model, end, length if length >= 0 else NO_LATENCY)


def _number(trace: object, span: object) -> int:
    """Return a number for a span; one of its own for a span without an id."""
    return hash((str(trace), str(span))) if span else hash(object())
