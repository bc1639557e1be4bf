"""What can be wrong with faults on the gateway or its database."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from harness.chain import Chain
from harness.chain.driver import DRIVERS, driver_of
from harness.document import Document
from harness.document.places import Place
from harness.errors import UsageError
from harness.provider.legs import DATABASE, LEGS, Leg
from harness.scenario.schema import Fault, Scenario


def leg_errors(document: Document, scenario: Scenario, chain: Chain, known: Collection[str]) -> Iterator[UsageError]:
    """Yield faults on a leg that cannot act there, or whose chain has no such leg, and those of a process at a provider.

    Args:
        document: The scenario's file.
        scenario: Its fields.
        chain: The chain.
        known: What stands for providers after `on`: a provider that is called like a leg comes first.
    """
    for number, fault in enumerate(scenario.faults):
        place: Place = ("faults", number)
        legs = [LEGS[name] for name in fault.names if name in LEGS and name not in known]
        if not legs:
            if fault.inject.fault_kind.of_process:
                problem = f"`process: {fault.inject.process}` acts on the gateway alone"
                yield document.error(problem, (*place, "on"), hint="on: gateway")
            continue
        if len(fault.names) > 1:
            problem = f"{legs[0].name!r} goes with no other name"
            yield document.error(problem, (*place, "on"), hint="write a fault for each")
            continue
        yield from _unable(document, place, fault, legs[0])
        yield from _lacking(document, place, fault, legs[0], chain)


def _unable(document: Document, place: Place, fault: Fault, leg: Leg) -> Iterator[UsageError]:
    """Yield what no chain can do on a leg."""
    kind = fault.inject.fault_kind
    if kind.kind not in leg.faults:
        problem = f"`{kind.written[0]}` cannot act on {leg.what}"
        yield document.error(problem, (*place, "inject"), known=", ".join(leg.written))
    elif fault.selectors:
        problem = f"`{fault.selectors[0]}` does not go with a fault on {leg.what}, which hits all that passes"
        yield document.error(problem, (*place, fault.selectors[0]))


def _lacking(document: Document, place: Place, fault: Fault, leg: Leg, chain: Chain) -> Iterator[UsageError]:
    """Yield what a chain lacks for a fault on a leg."""
    driver, endpoint = driver_of(chain), chain.endpoint
    where = (*place, "on")
    if driver.in_process is not None:
        names = [name for name, each in DRIVERS.own.items() if each.in_process is None]
        problem = f"`driver: {chain.driver}` has no gateway: the chain runs in a process of the harness"
        yield document.unfit(problem, where, hint=f"a chain with `driver: {' or '.join(names)}` has one")
    elif leg is DATABASE:
        if chain.keys is None:
            hint = "keys: {database: env/DATABASE_URL} in a chain with `driver: litellm-proxy`"
            yield document.unfit("the gateway of this chain has no database", where, hint=hint)
    elif fault.inject.fault_kind.of_process:
        if endpoint is not None and endpoint.command is None:
            problem = "the harness does not start this gateway, so it cannot end it"
            yield document.unfit(problem, where, hint="give the command that starts it: `command` in `endpoint`")
    elif endpoint is not None and urlsplit(endpoint.base_url).scheme == "https":
        problem = "callers reach this gateway by https, which leaves no room for a proxy in front of it"
        yield document.unfit(problem, where, hint="give the http address of one on this machine as `base_url`")
