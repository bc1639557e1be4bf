"""What can be wrong with the kinds of request in a scenario: files of prompts, headers, and what a chain cannot carry."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic_core import PydanticCustomError

from harness.chain import Chain
from harness.chain.driver import DRIVERS, driver_of
from harness.chain.keys import TENANT
from harness.chain.scrub import names_secret, scrub
from harness.chain.spec import ChainError
from harness.chain.targets import lacks_role, targets
from harness.document import Document
from harness.document.places import Place
from harness.errors import HarnessError, UsageError, tried
from harness.provider.dialects import dialect_of
from harness.provider.spec import Provider
from harness.scenario.mix import MixPart
from harness.scenario.orders import Order, order_of, own_fields
from harness.scenario.plan import LoadFiles
from harness.scenario.prompts import PromptFile, prompt_file
from harness.scenario.schema import Load, Scenario
from harness.scenario.trace import TraceRow, read_trace

T = TypeVar("T")

_BY_ENV = "authorization: env/TENANT_KEY"


def load_files(document: Document, load: Load, errors: list[HarnessError]) -> LoadFiles:
    """Return what the files hold that a load names; mistakes are added to `errors`."""

    def read(place: Place, written: str, reader: Callable[[Path], T]) -> T:
        try:
            return reader(document.path.parent / written)
        except UsageError as error:
            line = (error.where or "").rpartition(":")[2]
            at = f"{written}, line {line}" if line.isdecimal() else written
            raise document.error(f"{at}: {error.problem}", place, known=error.known, hint=error.hint) from None

    prompts: list[PromptFile | None] = []
    for number, part in enumerate(load.mix):
        place: Place = ("load", "mix", number, "prompts")
        file = part.prompts
        prompts.append(None if file is None else tried(errors, partial(read, place, file, prompt_file)))
    rows: tuple[TraceRow, ...] = ()
    if load.trace is not None:
        reader = partial(read_trace, kinds=[part.kind for part in load.parts])
        rows = tried(errors, partial(read, ("load", "trace"), load.trace, reader)) or ()
    return LoadFiles(tuple(prompts), rows)


def header_errors(document: Document, scenario: Scenario) -> Iterator[UsageError]:
    """Yield headers that hold a secret in plain sight; a run keeps what a scenario says."""
    for number, part in enumerate(scenario.load.mix):
        for name, value in part.headers.items():
            if value.startswith(("env/", TENANT)):
                continue
            if names_secret(name) or name.lower() == "authorization" or scrub(value) != value:
                yield document.error(
                    "may hold a secret, and a run keeps its scenario",
                    ("load", "mix", number, "headers", name),
                    hint=_BY_ENV,
                )


def mix_errors(document: Document, scenario: Scenario, chain: Chain) -> Iterator[UsageError]:
    """Yield what a chain cannot carry of a scenario's requests."""
    driver = driver_of(chain)
    for number, part in enumerate(scenario.load.mix):
        if part.kind not in driver.kinds:
            able = [name for name, each in DRIVERS.own.items() if part.kind in each.kinds]
            yield document.unfit(
                f"`driver: {chain.driver}` cannot carry {part.kind}",
                ("load", "mix", number, "kind"),
                known=", ".join(sorted(driver.kinds)),
                hint=f"a chain with `driver: {' or '.join(able)}` can",
            )
        if (tenant := part.tenant) is not None and (chain.keys is None or tenant not in chain.keys.tenants):
            known = ", ".join(chain.keys.tenants) if chain.keys is not None else ""
            yield document.unfit(
                f"the chain has no tenant {tenant!r}",
                ("load", "mix", number, "headers"),
                known=known or None,
                hint=f"keys: {{database: env/DATABASE_URL, tenants: {{{tenant}: {{budget: 1}}}}}} in a chain with `driver: litellm-proxy`",
            )
            continue
        if part.headers and driver.in_process is not None:
            yield document.unfit(
                f"`driver: {chain.driver}` takes no headers from callers: it is hosted without a gateway",
                ("load", "mix", number, "headers"),
                hint="a chain with `driver: endpoint or litellm-proxy` does",
            )
        if lacking := [name for name in part.chain or () if lacks_role(chain, name)]:
            known = ", ".join(targets(chain))[:500]
            yield document.unfit(f"the chain has no {lacking[0]}", ("load", "mix", number, "chain"), known=known)
            continue
        try:
            order = order_of(part, chain)
            own_fields(part, chain)
        except PydanticCustomError as error:
            context = error.context or {}
            at, mistake = ("model", document.unfit) if part.chain is None else ("chain", document.error)
            place = ("load", "mix", number, at)
            yield mistake(error.message(), place, known=context.get("known"), hint=context.get("hint"))
            continue
        except ChainError as error:
            yield document.unfit(error.problem, ("load", "mix", number, "chain"), known=error.known, hint=error.hint)
            continue
        unable = _unable(document, number, part, chain, order)
        yield from () if unable is None else (unable,)
    if not scenario.load.mix and chain.embeds:
        problem = f"{chain.entry_model!r} embeds texts and answers no chats"
        yield document.unfit(problem, ("load",), hint="write `mix: [{kind: embeddings}]` in it")


def _unable(document: Document, number: int, part: MixPart, chain: Chain, order: Order) -> UsageError | None:
    """Return an error for the first provider of an order that cannot answer what it is asked; None if all can."""
    embeds = part.kind == "embeddings"
    reasons = {name: _reason(chain.providers[name], embeds=embeds, inputs=part.inputs) for name in order}
    name = next((name for name, reason in reasons.items() if reason is not None), None)
    if name is None:
        return None
    able = [each for each, reason in reasons.items() if reason is None]
    hint = f"write `chain: [{', '.join(able)}]` beside it" if able else None
    if chain.litellm is not None:
        hint = f"write the `model:` of a group beside it that {'embeds texts' if embeds else 'answers chats'}"
    return document.unfit(f"{name} {reasons[name]}", ("load", "mix", number, "kind"), hint=hint)


def _reason(provider: Provider, *, embeds: bool, inputs: int) -> str | None:
    """Return why a provider cannot embed texts, or cannot answer chats; None if it can."""
    form = dialect_of(provider).embed
    if embeds and form is None:
        return f"has no embeddings: its dialect is {provider.dialect}"
    if embeds and inputs > 1 and form is not None and not form.batches(provider.model):
        return f"embeds one text in each call, not {inputs}: its model is {provider.model}"
    if provider.embeds is None or provider.embeds == embeds:
        return None
    able, unable = ("answers chats", "embeds no texts") if embeds else ("embeds texts", "answers no chats")
    return f"{able} and {unable}: its model is {provider.model}"


def named_models(mix: Sequence[MixPart]) -> tuple[str, ...]:
    """Return the models that a mix names, each once."""
    return tuple(dict.fromkeys(part.model for part in mix if part.model is not None))
