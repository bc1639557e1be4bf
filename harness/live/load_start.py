"""What the load process is to do: the plan's arrivals, what callers send along, and the calls that warm the chain up."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from harness.drivers.endpoint import given_headers
from harness.messages import LoadStart, LoadTarget, WarmupCall
from harness.provider.kinds import API
from harness.scenario import Plan


def load_start(
    plan: Plan,
    target: LoadTarget,
    *,
    token: str,
    environ: Mapping[str, str],
    secrets: frozenset[str],
    capture: Path,
    web_ui: bool = False,
) -> LoadStart:
    """Return the start message of the load process.

    Args:
        plan: The run's.
        target: Where the chain answers.
        token: The run's.
        environ: Where the headers of a kind of request are looked up.
        secrets: Texts that no record may hold.
        capture: The folder for its rows.
        web_ui: See `LoadStart`.
    """
    return LoadStart(
        token=token,
        base_url=target.base_url,
        model=target.model,
        load=plan.load,
        arrivals=plan.arrivals,
        phases=plan.phases,
        prompts=plan.prompts,
        extras=plan.extras,
        headers=target.headers,
        own_headers=tuple(given_headers(part.headers, environ, target.tenants) for part in plan.parts),
        tenants=frozenset(number for number, part in enumerate(plan.parts) if part.tenant is not None),
        warmup=tuple(_numbered(_warmup(plan, target))),
        secrets=secrets,
        capture=str(capture),
        web_ui=web_ui,
    )


def _numbered(calls: Iterable[tuple[str, int]]) -> Iterator[WarmupCall]:
    for place, (model, part) in enumerate(dict.fromkeys(calls), start=1):
        yield WarmupCall(request_id=f"warmup-{place:06d}", model=model, part=part)


def _warmup(plan: Plan, target: LoadTarget) -> Iterator[tuple[str, int]]:
    """Yield the model and the kind of each call: one to each provider in each form that is asked of it."""
    parts = plan.parts
    if not plan.load.mix:
        yield from ((model, 0) for model in target.addressable.values())
        return
    first = {API[part.kind]: number for number, part in reversed([*enumerate(parts)])}
    for part, order in zip(parts, plan.orders, strict=True):
        if plan.chain.endpoint is not None:
            yield part.model or target.model, first[API[part.kind]]
            continue
        for provider in order:
            if provider in target.addressable:
                yield target.addressable[provider], first[API[part.kind]]
