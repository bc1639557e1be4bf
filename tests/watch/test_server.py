"""`/metrics` and `/health` over HTTP."""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness.errors import UsageError
from harness.watch import exposition
from harness.watch import instruments as names
from harness.watch.counts import Counts
from harness.watch.exposition import RunCounts
from harness.watch.instruments import INSTRUMENTS, RUN_LABELS
from harness.watch.server import MetricsAddress, metrics_server
from harness.watch.watching import Watch

ODD = 'a "quoted" \\ name,\nof two lines {x="1"} é'


def get(url: str, **headers: str) -> tuple[str, Any]:
    """Return the body and the headers of an answer."""
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - of this test's own server
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
        return answer.read().decode(), answer.headers


def counted() -> RunCounts:
    """Return one value of every instrument, of things with odd names."""
    counts = Counts()
    for instrument in INSTRUMENTS:
        labels = [ODD for _ in instrument.labels]
        if instrument.kind == "histogram":
            counts.observe_all(instrument, *labels, seconds=[0.001, 0.3, 1e9])
        else:
            counts.add(instrument, *labels, amount=2.5)
    return RunCounts(scenario=ODD, chain="chain", counts=counts)


def test_a_scrape_before_anything_has_begun_is_answered() -> None:
    """Prometheus scrapes as soon as the port is open; it wants 200 and a format that it can read."""
    with metrics_server(Watch(), "0") as url:
        assert url is not None
        assert url.startswith("http://127.0.0.1:")
        body, headers = get(url)
        assert headers["Content-Type"].startswith("text/plain; version=0.0.4")
        families = {family.name for family in text_string_to_metric_families(body)}
        assert {each.name.removesuffix("_total") for each in INSTRUMENTS} <= families
        assert headers["Content-Length"] == str(len(body.encode()))


def test_every_value_survives_an_odd_name() -> None:
    """Quotes, backslashes and line feeds in labels are escaped, so that what is read is what was counted."""
    one = counted()
    (found,) = exposition.parsed(exposition.text([one]).decode())
    assert (found.scenario, found.chain) == (one.scenario, one.chain)
    assert dict(found.counts.numbers) == dict(one.counts.numbers)
    assert dict(found.counts.histograms) == dict(one.counts.histograms)


def test_a_scraper_that_asks_for_openmetrics_gets_it() -> None:
    """Prometheus does by default."""
    watch = Watch()
    watch.add(counted())
    with metrics_server(watch, "0") as url:
        assert url is not None
        body, headers = get(url, Accept="application/openmetrics-text;version=1.0.0")
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")


def test_health_names_the_command_and_its_runs() -> None:
    """For a container's health check."""
    with metrics_server(Watch("suite"), "127.0.0.1:0") as url:
        assert url is not None
        body, _ = get(url.replace("/metrics", "/health"))
        assert json.loads(body) == {"status": "ok", "command": "suite", "runs": [], "problems": []}
        with pytest.raises(urllib.error.HTTPError, match="404"):
            get(url.replace("/metrics", "/other"))


def test_a_port_in_use_is_an_error_with_a_hint() -> None:
    """Two runs with the same port: the second one begins nothing."""
    with metrics_server(Watch(), "0") as url:
        assert url is not None
        port = url.split(":")[2].split("/")[0]
        with pytest.raises(UsageError, match="cannot listen on") as caught, metrics_server(Watch(), port):
            pass
        assert "another port" in str(caught.value)
    with metrics_server(Watch(), port) as again:  # it is free once the first one has ended
        assert again == url


@pytest.mark.parametrize("where", ["", "x", ":9464", "host:", "127.0.0.1:99999", "1.5", "127.0.0.1:-1", "[::1]"])
def test_what_is_no_address_is_an_error(where: str) -> None:
    """Above all `:PORT`, which elsewhere means all interfaces."""
    with pytest.raises(UsageError, match="not an address"):
        MetricsAddress.parse(where)


def test_nothing_listens_on_anything_but_the_loopback_unless_asked() -> None:
    """A port alone is on the loopback."""
    assert MetricsAddress.parse("9464") == ("127.0.0.1", 9464)
    assert MetricsAddress.parse("0.0.0.0:9464") == ("0.0.0.0", 9464)  # noqa: S104 - asked for
    assert MetricsAddress.parse("[::1]:9464") == ("::1", 9464)
    with metrics_server(None, "0") as nowhere, metrics_server(Watch(), None) as unasked:
        assert nowhere is unasked is None


def test_a_client_that_sends_nothing_holds_nobody_up() -> None:
    """Others are answered, and the command ends."""
    with metrics_server(Watch(), "0") as url:
        assert url is not None
        address = url.split("/")[2].split(":")
        with socket.create_connection((address[0], int(address[1]))) as idle:
            idle.sendall(b"GET /met")
            assert get(url)[0]


def test_names_obey_the_rules_of_prometheus() -> None:
    """Base units, `_total` for what only grows and for nothing else, and labels that no run's own label hides."""
    assert len({each.name for each in INSTRUMENTS}) == len(INSTRUMENTS)
    for each in INSTRUMENTS:
        assert each.name.startswith("harness_")
        assert each.name.endswith("_total") == (each.kind == "counter")
        assert bool(each.buckets) == (each.kind == "histogram")
        assert not {*each.labels} & {*RUN_LABELS, "job", "instance", "le"}
        assert each.meaning.endswith(".")


def test_the_names_of_the_contract_are_there() -> None:
    """Dashboards ask for them."""
    labels = {each.name: each.labels for each in INSTRUMENTS}
    assert labels["harness_requests_total"] == ("outcome", "served_by", "kind")
    assert labels["harness_attempts_total"] == ("provider", "outcome", "status")
    assert labels["harness_fallbacks_total"] == ("from", "to", "trigger")
    assert labels["harness_provider_state"] == ("provider", "state")
    assert labels["harness_process_resident_bytes"] == ("process",)
    assert names.CAPTURE_FLUSH.name == "harness_capture_last_flush_seconds"
    assert {
        "harness_request_duration_seconds",
        "harness_attempt_duration_seconds",
        "harness_dispatch_lag_seconds",
        "harness_capture_buffered_rows",
        "harness_capture_unflushed_bytes",
        "harness_tokens_total",
        "harness_cost_usd_total",
    } <= labels.keys()
