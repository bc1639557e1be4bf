"""Files of which incidents can be made: what each is shows in it, and no damage ends in a traceback."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UsageError
from harness.experiment.replays.recording import recorded
from harness.export.otlp import as_json, as_protobuf
from harness.export.spans import Span
from harness.incident.imports import ImportedHistory
from harness.incident.library import load
from harness.incident.writing import incident_text

START_NS = 1_780_000_000 * 10**9
S = 10**9
DAMAGES = 200
CALLS = [(number * 2, 503 if 120 <= number < 180 and number % 2 else 200) for number in range(240)]
"""Each with its second and its status: half of some sixty fail."""


def spans(*, nested: bool = False) -> list[Span]:
    """Return the calls as spans, below requests if wanted."""
    found = []
    for number, (at_s, status) in enumerate(CALLS):
        own = Span(
            trace_id=number.to_bytes(16),
            span_id=(2 * number + 2).to_bytes(8),
            parent_id=(2 * number + 1).to_bytes(8),
            name="chat gpt-4o",
            start_ns=START_NS + at_s * S,
            end_ns=START_NS + at_s * S + S,
            error=status != 200,
            attributes={
                "gen_ai.provider.name": "openai",
                "gen_ai.request.model": "gpt-4o",
                "http.response.status_code": status,
            },
        )
        found += [own] if not nested else [
            Span(trace_id=own.trace_id, span_id=own.parent_id, parent_id=b"", name="request", start_ns=own.start_ns,
                 end_ns=own.end_ns, error=False, attributes=own.attributes | {"http.response.status_code": 200}), own]  # fmt: skip
    return found


def table(time: Callable[[int], object], *, separator: str = ",", names: str = "time,provider,status_code") -> str:
    """Return the calls as CSV."""
    rows = [f"{time(at_s)}{separator}openai{separator}{status}" for at_s, status in CALLS]
    return "\n".join([names.replace(",", separator), *rows]) + "\n"


def objects(**others: object) -> str:
    """Return the calls as lines of JSON."""
    rows = ({"start_time": START_NS / 1e9 + at_s, "provider": "openai", "status": status} for at_s, status in CALLS)
    return "".join(json.dumps(row | others) + "\n" for row in rows)


def _iso(at_s: int) -> str:
    return datetime.fromtimestamp(START_NS / S + at_s, UTC).isoformat()


def _later(unit: int) -> Callable[[int], int]:
    return lambda at_s: (START_NS + at_s * S) // unit


LITELLM = "".join(
    json.dumps(
        {
            "startTime": "2026-05-28 21:00:00.5",
            "custom_llm_provider": "openai",
            "model": "gpt-4o",
            "status": "success" if status == 200 else "failure",
            "metadata": json.dumps(
                {"error_information": {"error_code": str(status), "error_class": "ServiceUnavailableError"}}
            ),
        }
        | {"startTime": f"2026-05-28 21:{at_s // 60:02}:{at_s % 60:02}.5"}
    )
    + "\n"
    for at_s, status in CALLS
)
FORMS: dict[str, bytes] = {
    "otlp.json": as_json({}, spans()) + b"\n",
    "lines.json": as_json({}, spans()[:100]) + b"\n" + as_json({}, spans()[100:]) + b"\n",
    "pretty.json": json.dumps(json.loads(as_json({}, spans())), indent=1).encode(),
    "nested.jsonl": as_json({}, spans(nested=True)),
    "traces.pb": as_protobuf({}, spans()),
    "framed.pb": b"".join(len(raw).to_bytes(4) + raw for raw in (as_protobuf({}, spans()[:90]), as_protobuf({}, spans()[90:]))),
    "seconds.csv": table(_later(S)).encode(),
    "millis.csv": table(_later(10**6), separator=";").encode("utf-8-sig"),
    "micros.csv": table(_later(1000), separator="\t").replace("\n", "\r\n").encode("utf-16"),
    "nanos.txt": table(_later(1)).encode(),
    "zoned.csv.gz": gzip.compress(table(_iso, names="Timestamp,Vendor,HTTP Status").encode()),
    "calls.jsonl": objects().encode(),
    "list.json": json.dumps([json.loads(line) for line in objects(extra={"a": 1}).splitlines()]).encode(),
    "litellm.jsonl": LITELLM.encode(),
}  # fmt: skip


def read(raw: bytes, folder: Path, name: str = "calls", vendor: str | None = None) -> ImportedHistory:
    """Return what a file of these bytes holds."""
    path = folder / name
    path.write_bytes(raw)
    return recorded(path, vendor)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_known_by_its_content(form: str, tmp_path: Path) -> None:
    """All of them hold the same calls, so the same window, whatever the file is called."""
    (incident,) = read(FORMS[form], tmp_path).incidents.values()
    (window,) = incident.windows
    assert (window.on, window.inject[0].status, window.note.partition(";")[0]) == (("openai",), 503, "30 of 59 calls")
    assert window.for_ == pytest.approx(118 * S, abs=2 * S)
    assert ("start" in incident.assumed) == (form == "litellm.jsonl")


@pytest.mark.parametrize("form", FORMS)
def test_an_incident_can_be_saved_and_read_again(form: str, tmp_path: Path) -> None:
    """What `--save` writes is the same incident."""
    (incident,) = read(FORMS[form], tmp_path).incidents.values()
    path = tmp_path / "saved.yaml"
    path.write_text(incident_text(incident), "utf-8")
    assert load(path) == incident


def test_errors_name_what_was_found(tmp_path: Path) -> None:
    """A file whose columns are not known, one without calls, and one of other signals."""
    wrong: Mapping[bytes, str] = {
        b"": "the file is empty",
        b"a,b\n1,2\n": "no column for time, provider, status; its columns: a, b",
        b'{"a": 1}\n{"a": 2}\n': "no column for time, provider, status; its columns: a",
        b"time,status\n2026-01-01T00:00:00Z,200\n": "no column for provider",
        b"time,provider,status\nyesterday,openai,200\n": "1 of 1 calls cannot be read; the first: the time is none",
        b"time,provider,status\n2026-01-01T00:00:00Z,ours,200\n": "whose providers these are is not known: ours",
        b'{"resourceLogs": []}\n': "resourceLogs, and no traces",
        b'{"resourceSpans": []}\n': "no calls of providers are in it",
        b"\x0a\xff\xff\x00": "neither text nor traces in protobuf",
        b"\x1f\x8b\x08\x00": "cannot read the file",
        b'{"incidents": ': "not JSON",
    }
    for raw, problem in wrong.items():
        with pytest.raises(UsageError) as caught:
            read(raw, tmp_path)
        assert problem in caught.value.problem
        assert (caught.value.where or "").startswith(str(tmp_path / "calls"))


def test_a_vendor_is_that_of_unknown_providers(tmp_path: Path) -> None:
    """`--vendor` names whose calls they are where a file does not."""
    raw = FORMS["seconds.csv"].replace(b",openai,", b",ours,")
    assert [each.vendors for each in read(raw, tmp_path, vendor="mistral").incidents.values()] == [("mistral",)]


def test_what_was_left_out_is_named(tmp_path: Path) -> None:
    """Providers that are not known, rows that cannot be read, and a latency without a unit."""
    raw = FORMS["seconds.csv"].replace(b"status_code", b"status_code,latency") + b"1780000000,ours,200,1\n1780000000\n"
    left_out = read(raw, tmp_path).left_out
    path = tmp_path / "calls"
    assert [key.removesuffix(f" ({path})") for key in left_out] == ["1 calls", "ours", "column latency"]


_JUNK = (None, True, 0, -1, 1e300, "", "x", "2026-13-01", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2026-05-28T21:00:00", [], [[]], {}, "\ud800", "NaN", "1" * 400, 10**30)  # fmt: skip


def _places(data: Any) -> list[tuple[Any, Any]]:
    keys = data.keys() if isinstance(data, dict) else range(len(data)) if isinstance(data, list) else ()
    return [place for key in keys for place in ((data, key), *_places(data[key]))]


def _damaged_values(raw: bytes, chance: random.Random) -> bytes:
    """Return lines of JSON with junk in their places."""
    lines = [json.loads(line) for line in raw.splitlines()]
    for _ in range(chance.randint(1, 300)):
        holder: Any = chance.choice(lines)
        for _ in range(chance.randint(0, 12)):
            inner = [
                each
                for each in (holder.values() if isinstance(holder, dict) else holder)
                if isinstance(each, dict | list) and each
            ]
            if not inner:
                break
            holder = chance.choice(inner)
        if not holder:
            continue
        key = chance.choice(list(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
        if chance.random() < 0.3:
            del holder[key]
        else:
            holder[key] = chance.choice(_JUNK)
    return b"".join(json.dumps(line).encode() + b"\n" for line in lines)


def _damaged_bytes(raw: bytes, chance: random.Random) -> bytes:
    """Return a file that is torn, repeated, in another encoding, with fields exchanged or bytes changed."""
    how = chance.randrange(7)
    if how == 0:
        return raw[: chance.randrange(len(raw))]
    if how == 1:
        return raw[chance.randrange(len(raw)) :]
    if how == 2:
        return raw + raw
    if how == 3:
        return raw.decode("latin-1").encode(chance.choice(["utf-16", "utf-16-le", "utf-8-sig", "utf-32"]))
    if how == 4:
        return gzip.compress(raw)[: chance.randrange(20, 2000)]
    if how == 5:
        field = chance.choice([each for each in raw[:400].replace(b"\n", b",").split(b",") if each])
        return raw.replace(field, str(chance.choice(_JUNK)).encode("utf-8", "replace"))
    changed = bytearray(raw)
    for _ in range(chance.randint(1, 200)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


PAGES = {
    path.name: json.dumps(json.loads(path.read_text("utf-8"))).encode()
    for path in (Path(__file__).parents[2] / "incident" / "imports" / "examples").glob("*.json")
}


@pytest.mark.parametrize("form", [*FORMS, *PAGES])
def test_no_damage_ends_in_a_traceback(form: str, tmp_path: Path) -> None:
    """Two hundred damages of each form: an error of ours that names the file, or incidents that can be saved and read."""
    for seed in range(DAMAGES):
        chance = random.Random(f"{form} {seed}")
        whole = (FORMS | PAGES)[form]
        by_value = form in ("otlp.json", "lines.json", "calls.jsonl", "litellm.jsonl", "list.json", *PAGES) and seed % 2
        raw = _damaged_values(whole, chance) if by_value else _damaged_bytes(whole, chance)
        try:
            found = read(raw, tmp_path)
        except UsageError as error:
            assert str(error).startswith(str(tmp_path / "calls")), seed
            continue
        for incident in found.incidents.values():
            path = tmp_path / "saved.yaml"
            path.write_text(incident_text(incident), "utf-8")
            assert load(path) == incident
