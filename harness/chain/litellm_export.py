"""A chain file as a configuration of LiteLLM's proxy, alone or within one that exists.

Pure. What the Router is to be made of comes from `router_settings`, as when the chain is hosted; here addresses and keys are
those of production.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.chain.litellm_check import aliases, section
from harness.chain.litellm_router import api_base, litellm_names, router_settings
from harness.chain.litellm_settings import ROUTER
from harness.chain.spec import Chain
from harness.errors import UsageError
from harness.provider.dialects import dialect_of
from harness.provider.spec import Provider

if TYPE_CHECKING:
    from harness.document import Document

_MODULE = {"timeout": "request_timeout"}
"""What `litellm_settings` call a setting of the Router, where they have another name for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedDeployment:
    """A provider as an entry of `model_list`.

    Attributes:
        name: Its `model_name`: the provider's name.
        named: Parameters that the chain file decides.
        usual: Those that it leaves open, as they usually are: where the key and the address come from.
    """

    name: str
    named: Mapping[str, Any]
    usual: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiteLLMExport:
    """What a chain file means to LiteLLM's proxy.

    Attributes:
        deployments: The providers, in the chain's order.
        router: What belongs into `router_settings`.
        warnings: What LiteLLM does differently, in sentences.
    """

    deployments: tuple[ExportedDeployment, ...]
    router: Mapping[str, Any]
    warnings: tuple[str, ...]

    def configuration(self) -> dict[str, Any]:
        """Return it as a configuration of its own."""
        listed = [
            {"model_name": each.name, "litellm_params": {**each.named, **each.usual}} for each in self.deployments
        ]
        return {"model_list": listed, **({"router_settings": dict(self.router)} if self.router else {})}

    def within(self, existing: Document) -> dict[str, Any]:
        """Return what a configuration holds once it has what this names, and all else as it was.

        Raises:
            UsageError: It cannot have both.
        """
        data = existing.data or {}
        if "include" in data:
            hint = "name the file that holds the models, or write one file of them"
            raise existing.error("includes other files, which may hold the same settings", ("include",), hint=hint)
        for name, kind in (("model_list", list), ("router_settings", dict), ("litellm_settings", dict)):
            if data.get(name) is not None and not isinstance(data[name], kind):
                raise existing.error(f"expected a {'list' if kind is list else 'mapping'}", (name,))
        for name in aliases(data):
            if any(each.name == name for each in self.deployments):
                place = ("router_settings", "model_group_alias", name)
                raise existing.error(f"{name!r} is an alias here, and a provider of the chain file", place)
        return {**data, "model_list": list(self._listed(existing)), **self._settings(data)}

    def left(self, existing: Mapping[str, Any]) -> tuple[str, ...]:
        """Return the settings of a configuration that steer fallbacks too, and that this does not name."""
        return tuple(
            f"{name}.{key}"
            for name in ("router_settings", "litellm_settings")
            for key, value in section(existing, name).items()
            if key in ROUTER and key not in self.router and value not in (None, [], {})
        )

    def _listed(self, existing: Document) -> Iterator[dict[str, Any]]:
        """Yield the deployments: the existing ones, each with what this names, and the new ones after them."""
        mine = {each.name: each for each in self.deployments}
        met: set[str] = set()
        for number, raw in enumerate((existing.data or {}).get("model_list") or ()):
            try:
                name, params = raw["model_name"], dict(raw["litellm_params"])
                known = isinstance(name, str) and isinstance(params["model"], str)
            except (KeyError, TypeError, ValueError):
                known = False
            if not known:
                raise existing.error(
                    "expected a mapping with model_name, litellm_params and a model", ("model_list", number)
                )
            if name in mine and name in met:
                hint = "give each a model_name of its own, or remove one"
                place = ("model_list", number, "model_name")
                raise existing.error(f"a second deployment is called {name!r}: a provider is one", place, hint=hint)
            met.add(name)
            yield raw if name not in mine else {**raw, "litellm_params": _params(params, mine[name])}
        for each in self.deployments:
            if each.name not in met:
                yield {"model_name": each.name, "litellm_params": {**each.named, **each.usual}}

    def _settings(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the two sections of settings: a setting is changed wherever it is written, else it belongs to the Router."""
        router, module = dict(section(data, "router_settings")), dict(section(data, "litellm_settings"))
        for key, value in self.router.items():
            named = _MODULE.get(key, key)
            if module.get(named) is not None:
                module[named] = _joined(module[named], value)
            if router.get(key) is not None or module.get(named) is None:
                router[key] = _joined(router.get(key), value)
        return {
            name: settings
            for name, settings in (("router_settings", router), ("litellm_settings", module))
            if settings or name in data
        }


def export(chain: Chain) -> LiteLLMExport:
    """Return what a chain file means to LiteLLM's proxy.

    Raises:
        UsageError: It cannot be said in LiteLLM's words.
    """
    if chain.litellm is not None:
        raise UsageError("is a configuration of LiteLLM's already", hint="`harness chain apply` puts it in place")
    settings = router_settings(chain, {}, {}, proxy=True)
    return LiteLLMExport(
        deployments=tuple(
            _deployment(name, provider, entry["litellm_params"])
            for name, provider, entry in zip(settings.names, settings.providers, settings.model_list, strict=True)
        ),
        router={key: value for key, value in settings.router.items() if value not in ([], {})},
        warnings=settings.warnings,
    )


def _deployment(name: str, provider: Provider, hosted: Mapping[str, Any]) -> ExportedDeployment:
    """Return a provider as a deployment, given the parameters with which it is hosted."""
    names = litellm_names(provider)
    replaced = {"api_base", "api_key", *names.addresses, *names.defaults}
    named = {key: _reference(value) for key, value in hosted.items() if key not in replaced}
    usual: dict[str, Any] = {}
    if provider.upstream is not None:
        path = api_base(provider, "").removeprefix(dialect_of(provider).base_path)
        named |= dict.fromkeys(("api_base", *names.addresses), provider.upstream.rstrip("/") + path)
    elif names.home is None:
        usual["api_base"] = f"os.environ/{names.provider.upper()}_API_BASE"
    if provider.api_key is not None:
        named["api_key"] = _reference(provider.api_key)
    elif names.key_variables and not names.defaults and not names.asks_about_models:
        usual["api_key"] = f"os.environ/{names.key_variables[0]}"
    return ExportedDeployment(name=name, named=named, usual=usual)


def _reference(value: Any) -> Any:
    """Return a value in which `env/NAME`, as a chain file has it, is `os.environ/NAME`."""
    if isinstance(value, Mapping):
        return {key: _reference(item) for key, item in value.items()}
    return f"os.environ/{value.removeprefix('env/')}" if isinstance(value, str) and value.startswith("env/") else value


def _params(existing: Mapping[str, Any], mine: ExportedDeployment) -> dict[str, Any]:
    """Return an existing deployment's parameters with what the chain file names; another vendor's key is no use."""
    same_vendor = str(existing["model"]).partition("/")[0] == mine.named["model"].partition("/")[0]
    named = {**({} if same_vendor else mine.usual), **mine.named}
    return {**existing, **{key: _joined(existing.get(key), value) for key, value in named.items()}}


def _joined(existing: Any, named: Any) -> Any:
    """Return a setting with what is named: of mappings each key, of tables of fallbacks each model."""
    if isinstance(existing, Mapping) and isinstance(named, Mapping):
        return {**existing, **named}
    if not (isinstance(existing, list) and isinstance(named, list)):
        return named
    tables = [*existing, *named]
    if not all(isinstance(item, Mapping) and len(item) == 1 for item in tables):
        return named
    mine = {next(iter(item)): item for item in named}
    kept = [mine.pop(next(iter(item)), item) for item in existing]
    return [*kept, *mine.values()]
