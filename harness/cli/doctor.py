"""`harness doctor`: this machine, or the providers of a chain."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.app import app
from harness.cli.options import Json, LiteLLMAt, ModelOption, PythonAt, home_of
from harness.cli.output import show
from harness.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from harness.chain.home import ChainHome
    from harness.experiment.provider_diagnosis import ProviderDiagnosis

_MARKS = {"pass": "ok", "fail": "FAIL", "inconclusive": "?"}
_BELOW = " " * 8


@app.command(epilog="Example: harness doctor litellm-config.yaml --allow-real --models")
def doctor(
    chain: Annotated[
        Path | None,
        typer.Argument(metavar="[CHAIN]", help="Chain file or litellm-config.yaml, whose providers are asked."),
    ] = None,
    *,
    models: Annotated[bool, typer.Option("--models", help="Show the models that each real provider lists.")] = False,
    allow_real: Annotated[
        bool, typer.Option("--allow-real", help="Ask real providers on other machines, for nothing that costs money.")
    ] = False,
    python: PythonAt = None,
    litellm: LiteLLMAt = None,
    model: ModelOption = None,
    as_json: Json = False,
) -> int:
    """Check this machine, or ask the providers of a chain: reachable, key accepted, model there, its price."""
    if chain is not None:
        home = home_of(python, litellm, model)
        return _of_chain(chain, home, models=models, allow_real=allow_real, as_json=as_json)
    if models or allow_real or python or litellm or model:
        raise UsageError("these options go with a chain", hint="harness doctor CHAIN --models")
    return _of_machine(as_json=as_json)


def _of_machine(*, as_json: bool) -> int:
    from harness import experiment  # noqa: PLC0415

    checks = experiment.doctor()
    healthy = not any(check.needed and not check.ok for check in checks)
    if as_json:
        show({"ok": healthy, "checks": [check.as_json() for check in checks]})
    else:
        for line in checks:
            mark = "ok" if line.ok else "MISSING" if line.needed else "--"
            sys.stdout.write(f"{mark:8}{line.name}: {line.detail}\n")
            if line.hint and not line.ok:
                sys.stdout.write(f"{_BELOW}hint: {line.hint}\n")
    return ExitCode.PASS if healthy else ExitCode.HARNESS


def _of_chain(path: Path, home: ChainHome, *, models: bool, allow_real: bool, as_json: bool) -> int:
    from harness import experiment  # noqa: PLC0415

    found = experiment.diagnose(path, home=home, environ=os.environ, allow_real=allow_real)
    if as_json:
        providers = [each.as_json() for each in found.providers]
        show({"ok": found.exit_code == ExitCode.PASS, "chain": found.chain.name, "providers": providers})
        return found.exit_code
    sys.stdout.write(f"{found.chain.name}: {found.chain.drawn} ({found.chain.driver})\n")
    for each in found.providers:
        first, *others = _lines(each, models=models)
        sys.stdout.write(f"{_MARKS[each.status]:8}{first}\n")
        sys.stdout.write("".join(f"{_BELOW}{line}\n" for line in others))
    if not allow_real and found.chain.litellm is not None:
        sys.stderr.write("mocks were asked; --allow-real asks the real providers, for nothing that costs money\n")
    return found.exit_code


def _lines(each: ProviderDiagnosis, *, models: bool) -> Iterator[str]:
    """Yield what a person reads about one provider."""
    from harness.quantities import count, exact, plural  # noqa: PLC0415

    what = f"{each.model} at {each.address}" if each.real else f"mock of {each.model} ({each.vendor})"
    if each.latency_s is not None:
        what += f", answered in {_ms(each.latency_s)}"
    yield f"{each.name}: {what}"
    if each.problem:
        yield each.problem
    if each.hint:
        yield f"hint: {each.hint}"
    yield from each.notes
    facts = []
    if each.key is not None:
        accepted = {True: "is accepted", False: "is refused", None: "was not tried"}[each.key_accepted]
        facts.append(f"key {each.key}{f' from {each.key_from}' if each.key_from else ''} {accepted}")
    elif each.key_from:
        facts.append(f"no key ({each.key_from} is not set{'' if each.real else '; a mock needs none'})")
    if each.models is not None:
        facts.append(plural(len(each.models), "model") + f" listed{', it has this one' if each.has_model else ''}")
    if each.price is not None:
        facts.append(f"{exact(each.price.input, 'usd')} in, {exact(each.price.output, 'usd')} out per million tokens")
    if each.context_window is not None:
        facts.append(f"context window {count(each.context_window)} tokens")
    yield from [", ".join(facts)] if facts else []
    if each.real and each.asked:
        yield f"asked for {each.asked}"
    if models and each.models:
        yield f"models: {', '.join(sorted(each.models))}"


def _ms(seconds: float) -> str:
    from harness.quantities import duration  # noqa: PLC0415

    return duration(seconds * 1e9)
