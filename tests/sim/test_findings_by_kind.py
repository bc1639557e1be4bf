"""The findings about tools and vectors, on runs of chains that do what they name."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from harness.drivers.reference.host import Reference
from harness.drivers.server import AnswerHeaders
from harness.judge import RunData
from harness.judge.findings import FINDINGS, CheckResult
from harness.judge.result import Status
from harness.provider.kinds import Api, Kind
from harness.quantities import S
from harness.scenario import Fault, Inject, Load, Scenario, compile_plan
from harness.scenario.mix import MixPart
from harness.sim import run
from tests.plans import chain, provider
from tests.sim.planted import hosted

Body = dict[str, Any]
PROVIDERS = {"openai": provider(), "azure": provider("azure", model="gpt-4o")}


class HalfCalls(Reference):
    """Loses the end of the arguments of each call."""

    async def ask(self, api: Api, body: Body) -> AsyncGenerator[str | AnswerHeaders, None]:
        """Ask, and cut the calls in the answer."""
        async for piece in super().ask(api, body):
            data = json.loads(piece) if isinstance(piece, str) else {}
            for call in next(iter(data.get("choices", [{}])), {}).get("message", {}).get("tool_calls") or []:
                call["function"]["arguments"] = call["function"]["arguments"][:9]
            yield json.dumps(data) if isinstance(piece, str) else piece


class OtherIds(Reference):
    """Gives the results of tools other ids than the calls had."""

    async def ask(self, api: Api, body: Body) -> AsyncGenerator[str | AnswerHeaders, None]:
        """Ask, with the ids changed."""
        messages = [
            {**each, "tool_call_id": "call_of_nobody"} if each.get("role") == "tool" else each
            for each in body["messages"]
        ]
        async for piece in super().ask(api, {**body, "messages": messages}):
            yield piece


class TwoModels(Reference):
    """Takes the first vector of a batch from another provider."""

    async def ask(self, api: Api, body: Body) -> AsyncGenerator[str | AnswerHeaders, None]:
        """Ask two providers, and mix their answers."""
        (other,) = [
            each async for each in super().ask(api, {**body, "chain": {"order": ["azure"]}}) if isinstance(each, str)
        ]
        async for piece in super().ask(api, body):
            if isinstance(piece, str):
                data = json.loads(piece)
                data["data"][0]["embedding"] = json.loads(other)["data"][0]["embedding"]
                yield json.dumps(data)
            else:
                yield piece


def found(finding: str, kind: Kind, host: type[Reference]) -> CheckResult:
    """Return what a finding's check finds where the first provider fails from 4 s on."""
    part = MixPart(share=1.0, kind=kind, inputs=3 if kind == "embeddings" else 1)
    scenario = Scenario(
        name="planted",
        seed=1,
        load=Load(rate=5, mix=(part,), deadline=20 * S),
        phases={"calm": 4 * S, "fault": 8 * S},
        faults=(Fault(on="openai", during="fault", inject=Inject(status=503)),),
    )
    plan = compile_plan(scenario, chain("openai", "azure", providers=PROVIDERS), ())
    with hosted(Reference=host):
        history = run(plan, plan.chain).history
    return FINDINGS[finding].check(RunData.of(plan, history))


SPOILT: list[tuple[str, Kind, type[Reference]]] = [
    ("truncated_tool_call", "tools", HalfCalls),
    ("truncated_tool_call", "conversation", HalfCalls),
    ("history_rejected", "conversation", OtherIds),
    ("mixed_vectors", "embeddings", TwoModels),
]
"""The findings about tools and vectors, each with the kind of request and the chain that show it."""


@pytest.mark.parametrize(("finding", "kind", "host"), SPOILT)
def test_a_chain_that_does_it_is_found_out(finding: str, kind: Kind, host: type[Reference]) -> None:
    """And a chain that does not has nothing to hide."""
    shown, clean = found(finding, kind, host), found(finding, kind, Reference)
    assert (shown.status, clean.status) == (Status.FAIL, Status.PASS)
    assert clean.samples >= shown.count > 0
