"""A `litellm-config.yaml` as it is: its deployments are the providers, its fallbacks the order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from harness.chain.litellm_check import Takes, aliases, check, group_of, section, takes
from harness.chain.litellm_names import names
from harness.chain.litellm_reading import applied, guess
from harness.chain.policy import Retry
from harness.chain.spec import Chain, ChainError
from harness.document.spelling import did_you_mean
from harness.provider.spec import Provider

if TYPE_CHECKING:
    from harness.document import Document

_REFERENCE = "os.environ/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One deployment of a LiteLLM configuration that is a provider of its chain.

    Attributes:
        name: The provider's name.
        group: Its `model_name`.
        provider: As it is mocked.
        params: Its `litellm_params` as written.
        raw: The whole entry as written.
    """

    name: str
    group: str
    provider: Provider
    params: Mapping[str, Any]
    raw: Mapping[str, Any]


def chain(document: Document, environ: Mapping[str, str], *, model: str | None = None) -> Chain:
    """Return the chain that a LiteLLM configuration describes, as LiteLLM usually reads it.

    Args:
        document: The configuration.
        environ: Where `os.environ/NAME` leads.
        model: What callers ask for; the first `model_name` whose deployments take chat completions if None, or that embeds texts
            if there is none.

    Raises:
        UsageError: Naming the line that is wrong or that the harness cannot host.
    """
    check(document)
    notes = [f"line {document.lines.get(place, 1)}: {text}" for place, text in document.surprises]
    config = _with_models(document.data, environ, notes)
    groups = list(dict.fromkeys(raw["model_name"] for raw in config["model_list"]))
    usable = [raw["model_name"] for kind in get_args(Takes) for raw in config["model_list"] if takes(raw) == kind]
    named = [name for name in usable or groups if "*" not in name]  # callers cannot ask for a wildcard
    entry = (named or usable or groups)[0] if model is None else model
    if model is None and "*" in entry:
        place = ("model_list", groups.index(entry), "model_name")
        hint = "name one model with --model, or with `model:` in the scenario"
        raise document.error(f"callers cannot ask for {entry!r}", place, hint=hint)
    if group_of(entry, groups, aliases(config)) is None:
        known = [*groups, *aliases(config)]
        problem = f"no model_name is {entry[:80]!r}"
        raise document.unfit(problem, ("model_list",), known=", ".join(known), hint=did_you_mean(entry, known))
    if not usable:
        problem = "no deployment takes chat completions, or embeds texts"
        raise document.error(problem, ("model_list",), hint="images, speech and the like are not tested yet")
    base = Chain(
        name=document.path.stem[:100] or "litellm-config",
        driver="litellm-router",
        providers={},
        order=(),
        retry=_retry(document),
        timeout=_timeout_ns(document),
        litellm=config,
        model=entry,
        notes=tuple(notes),
    )
    try:
        return applied(base, guess(base))
    except ChainError as error:
        raise document.error(error.problem, error.place, known=error.known, hint=error.hint) from None


def _with_models(config: Mapping[str, Any], environ: Mapping[str, str], notes: list[str]) -> dict[str, Any]:
    """Return a configuration whose models are names, not references to the environment."""
    variables = {**environ, **{name: str(value) for name, value in section(config, "environment_variables").items()}}
    listed = []
    for raw in config["model_list"]:
        written = raw["litellm_params"]["model"]
        model = written
        if written.startswith(_REFERENCE):
            name = written.removeprefix(_REFERENCE)
            model = variables.get(name)
            if not model:
                vendor = name.partition("_")[0].lower()
                model = f"{vendor if vendor in _VENDORS else 'openai'}/{name.lower()}"
                notes.append(f"{raw['model_name']}: the model comes from {name}, which is not set; taken for {model}")
        listed.append(raw if model == written else {**raw, "litellm_params": {**raw["litellm_params"], "model": model}})
    return {**config, "model_list": listed}


_VENDORS = ("azure", "openai", "anthropic", "gemini")


def deployments(chain: Chain) -> tuple[Deployment, ...]:
    """Return the deployments that are providers of a configuration's chain, in the configuration's order."""
    listed = (chain.litellm or {})["model_list"]
    return tuple(
        Deployment(
            name=name,
            group=raw["model_name"],
            provider=chain.providers[name],
            params=raw["litellm_params"],
            raw=raw,
        )
        for name, raw in zip(names(chain.litellm or {}), listed, strict=True)
        if name in chain.providers
    )


def _retry(document: Document) -> Retry | None:
    router, module = section(document.data, "router_settings"), section(document.data, "litellm_settings")
    stated = router.get("num_retries", module.get("num_retries"))
    return None if stated is None else Retry(attempts=stated + 1)


def _timeout_ns(document: Document) -> int | None:
    router, module = section(document.data, "router_settings"), section(document.data, "litellm_settings")
    stated = module.get("request_timeout") or router.get("timeout")
    return None if not stated else round(stated * 10**9)
