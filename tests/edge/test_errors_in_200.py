"""Errors inside a plain 200, for every form of request: what goes over the wire, what is recorded, and what a caller reads."""

from __future__ import annotations

import json
from typing import Any

import pytest

from harness.caller.forms import FORMS
from harness.provider.kinds import API, PATHS, Kind
from harness.scenario import Inject
from tests.errors_in_200 import CODES, IN_200
from tests.plans import quick, window

from .conftest import TOKEN, Open, post

PROMPT = f"hello [[req-000001 {TOKEN}]]"
ASKED: dict[Kind, dict[str, Any]] = {
    "chat": {"messages": [{"role": "user", "content": PROMPT}]},
    "responses": {"input": PROMPT},
    "messages": {"messages": [{"role": "user", "content": PROMPT}], "max_tokens": 9},
}


@pytest.mark.parametrize("kind", IN_200)
async def test_an_error_under_a_200(scene: Open, kind: Kind) -> None:
    """The bytes are the scenario's; the attempt is malformed, with the body's own code; the caller got no answer."""
    dialect = "anthropic" if kind == "messages" else "openai"
    fault = window(Inject(status=200, body=IN_200[kind]))
    async with scene(fault, openai=quick(dialect)) as s:
        body = json.dumps({"model": "gpt-4", **ASKED[kind]}).encode()
        response = await s.ask(post(body, path=f"/v1{PATHS[API[kind]]}"))
        assert (response.status, response.json) == (200, IN_200[kind])
        (record,) = await s.recorded(1)
        assert (record.outcome, record.status, record.error_code) == ("malformed", 200, CODES[kind])
        assert (record.fault_id, record.text_sha256) == (fault.fault_id, None)
    reading = FORMS[API[kind]].plain(response.body)
    assert (reading.outcome, reading.text) == ("error", None)
    assert reading.error is not None
    assert reading.error.startswith("answer of the wrong shape")
