"""A chain file, or a `litellm-config.yaml` as it is, in; a Chain out."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, replace
from pathlib import Path
from typing import Any

from harness.chain import upstream
from harness.chain.driver import DRIVERS, Driver
from harness.chain.policy import Policy
from harness.chain.spec import DERIVED, ROLES, Chain, ChainError, HostedConfig
from harness.document import Document, did_you_mean, parse, read, validate
from harness.document.places import Place
from harness.document.reading import raw_bytes
from harness.errors import HarnessError, UsageError, raise_errors, tried
from harness.provider.dialects import DIALECTS
from harness.provider.spec import Provider

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_\-]{0,62}")
_LISTEN = re.compile(r"(?P<host>[\w.\-]+|\[[0-9a-f:]+\]):(?P<port>\d{1,5})")


def load(path: Path, *, model: str | None = None, raw: bytes | None = None) -> Chain:
    """Return the chain in a file.

    Args:
        path: A chain file, or a configuration of a hosted program's own, such as LiteLLM's.
        model: What callers ask for; the first model if None. For such configurations, and chain files with `chains`.
        raw: What the file is to hold; what it holds if None.

    Raises:
        UsageError: The file is not a chain; names file, line and field.
    """
    document = chain_document(path, raw)
    written = document.data if isinstance(document.data, dict) else {}
    for driver in DRIVERS.own.values():
        if driver.configuration is not None and driver.configuration.found_in(written):
            return driver.configuration.read(document, model)
    if "config" in written:
        return _hosted(document, model)
    chain = validate(document, Chain, derived=DERIVED)
    mistakes: list[HarnessError] = [*_errors(document, chain)]
    chain = _without_disabled(document, chain, mistakes)
    if (host := tried(mistakes, lambda: _driver(document, chain.driver))) is not None:
        tried(mistakes, lambda: _check_keys(document, chain, host))
        tried(mistakes, lambda: _check_home(document, chain))
        if not mistakes:  # a driver relies on all names being right
            tried(mistakes, lambda: _check_driver(document, chain, host))
    raise_errors(mistakes)
    if model is not None:
        chain = _asked_for(document, chain, model)
    folder = None if chain.target is None else str(_import_folder(document.path.absolute().parent, chain.target))
    return replace(chain, python=_python(document, chain.python), folder=folder)


def chain_document(path: Path, raw: bytes | None = None) -> Document:
    """Return a chain's file as plain data; a configuration of a hosted program's own as that program reads it.

    Args:
        path: The file.
        raw: What it is to hold; what it holds if None.

    Raises:
        UsageError: See `harness.document.read`.
    """
    keys = frozenset().union(*(kind.keys for driver in DRIVERS.own.values() if (kind := driver.configuration)))
    theirs = re.compile(rb"^(?:%s)\s*:" % "|".join(sorted(keys)).encode(), re.MULTILINE)
    raw = raw_bytes(path) if raw is None else raw
    document = parse(raw, path, older=theirs.search(raw) is not None)
    data = document.data
    if not isinstance(data, dict) or "include" not in data or keys.isdisjoint(data):
        return document
    merged = {key: value for key, value in data.items() if key != "include"}
    for written in data["include"] if isinstance(data["include"], list) else [data["include"]]:
        included = read(path.parent / str(written), theirs).data
        if not isinstance(included, dict):
            raise document.error(f"{written!r} holds no settings", ("include",))
        for key, value in included.items():  # lists grow, everything else is replaced, as in LiteLLM
            grows = isinstance(value, list) and isinstance(merged.get(key), list)
            merged[key] = [*merged[key], *value] if grows else value
    return replace(document, data=merged)


def configuration_document(path: Path) -> Document:
    """Return the file that defines what a chain does: the one that a chain file names after `config`, else the chain file."""
    document = chain_document(path)
    named = document.data.get("config") if isinstance(document.data, dict) else None
    return chain_document(path.parent / named) if isinstance(named, str) else document


def _hosted(document: Document, model: str | None) -> Chain:
    how = validate(document, HostedConfig)
    driver = _driver(document, how.driver)
    kind = driver.configuration
    if kind is None:
        takers = [name for name, known in DRIVERS.own.items() if known.configuration is not None]
        problem = f"{how.driver} reads no configuration of its own"
        raise document.error(problem, ("driver",), known=", ".join(takers))
    path = document.path.parent / how.config
    if not path.is_file():
        raise document.error(f"no such file: {how.config!r}", ("config",))
    config = chain_document(path)
    if not isinstance(config.data, dict) or not kind.found_in(config.data):
        raise document.error(f"not {kind.what}", ("config",))
    chain = replace(
        kind.read(config, model),
        name=how.name,
        driver=how.driver,
        workers=how.workers,
        keys=how.keys,
        python=_python(document, how.python),
        environment=how.environment,
        max_requests=how.max_requests,
        max_cost=how.max_cost,
        answers=how.answers,
    )
    _check_keys(document, chain, driver)
    _check_home(document, chain)
    return chain


def _python(document: Document, written: str | None) -> str | None:
    """Return the path of the chain's interpreter. Links are kept: that of a virtual environment leads out of it."""
    return None if written is None else os.path.normpath(document.path.parent.absolute() / written)


def _import_folder(beside: Path, target: str) -> Path:
    """Return the folder from which a target is imported.

    It is the nearest one, from the chain file's own upwards, that holds the target's package or module. Where none does,
    the target is an installed package, or missing: then it is the chain file's own.
    """
    package = re.split(r"[.:]", target, maxsplit=1)[0]
    for folder in (beside, *beside.parents):
        if (folder / package).is_dir() or (folder / f"{package}.py").is_file():
            return folder
    return beside


def _check_home(document: Document, chain: Chain) -> None:
    if chain.python is not None and chain.environment is not None:
        raise document.error(
            "`python` and `environment` do not go together", ("environment",), hint="write one of them"
        )


def _driver(document: Document, name: str) -> Driver:
    if name not in DRIVERS:
        known = DRIVERS.names()
        problem = f"unknown driver {name!r}"
        raise document.error(problem, ("driver",), known=", ".join(known), hint=did_you_mean(name, known))
    return DRIVERS[name]


def _errors(document: Document, chain: Chain) -> Iterator[UsageError]:
    """Yield what is wrong with a chain whatever hosts it."""
    for name in chain.providers:
        place: Place = ("providers", name)
        if not _NAME.fullmatch(name):
            yield document.error(f"not a provider's name: {name!r}", place, hint="letters, digits, - and _, at most 63")
        if ROLES.fullmatch(name):
            yield document.error(f"{name!r} is a role and cannot name a provider", place)
    known = ", ".join(chain.providers)
    for place, names in _orders(chain):
        for number, name in enumerate(names):
            if name not in chain.providers:
                hint = did_you_mean(name, chain.providers)
                yield document.error(f"unknown provider {name!r}", (*place, number), known=known, hint=hint)
            elif name in names[:number] or name == place[-1]:
                yield document.error(f"provider {name!r} is in the order twice", (*place, number))
    for name in chain.chains:
        if name not in chain.providers:
            hint = did_you_mean(name, chain.providers)
            yield document.error(f"unknown provider {name!r}", ("chains", name), known=known, hint=hint)
    wait = (chain.policy or Policy()).fallback_wait
    if wait.min > wait.max:
        yield document.error("min is longer than max", ("policy", "fallback_wait"))
    for name, provider in chain.providers.items():
        yield from _provider_errors(document, name, provider)


def _orders(chain: Chain) -> Iterator[tuple[Place, tuple[str, ...]]]:
    """Yield each list of providers that a chain file has, with its place."""
    yield ("order",), chain.order
    for name, after in chain.chains.items():
        yield ("chains", name), after
    if chain.fallback is not None:
        for kind, lane in chain.fallback.lanes.items():
            yield ("fallback", kind), lane


def _without_disabled(document: Document, chain: Chain, mistakes: list[HarnessError]) -> Chain:
    """Return a chain without its disabled providers."""
    off = tuple(name for name, provider in chain.providers.items() if not provider.enabled)
    if not off:
        return chain

    def on(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(name for name in names if name not in off)

    if not on(chain.order):
        mistakes.append(document.error("every provider of the order is disabled", ("order",)))
        return chain
    lanes = chain.fallback
    return replace(
        chain,
        providers={name: provider for name, provider in chain.providers.items() if provider.enabled},
        order=on(chain.order),
        chains={name: on(after) for name, after in chain.chains.items() if name not in off},
        fallback=lanes
        and replace(lanes, content_policy=on(lanes.content_policy), context_window=on(lanes.context_window)),
        left_out={"are disabled": off},
    )


def _asked_for(document: Document, chain: Chain, model: str) -> Chain:
    """Return a chain whose callers ask for a model, which is a provider's name."""
    if model == chain.order[0] or not chain.chains:
        return chain
    if model not in chain.chains:
        known = ", ".join(dict.fromkeys((chain.order[0], *chain.chains)))
        hint = did_you_mean(model, (chain.order[0], *chain.chains))
        raise document.error(f"no chain begins with {model!r}", ("chains",), known=known, hint=hint)
    first, *rest = chain.order
    return replace(chain, order=(model, *chain.chains[model]), chains={first: tuple(rest), **chain.chains})


def _provider_errors(document: Document, name: str, provider: Provider) -> Iterator[UsageError]:
    if provider.dialect not in DIALECTS:
        known, hint = ", ".join(DIALECTS.names()), did_you_mean(provider.dialect, DIALECTS.names())
        place = ("providers", name, "dialect")
        yield document.error(f"unknown dialect {provider.dialect!r}", place, known=known, hint=hint)
    match = _LISTEN.fullmatch(provider.listen) if provider.listen else None
    if provider.listen and (match is None or not 0 < int(match["port"]) < 65536):
        problem = f"expected host:port, found {provider.listen!r}"
        yield document.error(problem, ("providers", name, "listen"), hint='write "127.0.0.1:18081"')
    if provider.upstream is not None:
        try:
            upstream.parse(provider.upstream)
        except ValueError as error:
            hint = "upstream: https://api.openai.com/v1"
            yield document.error(str(error), ("providers", name, "upstream"), hint=hint)
        if match is not None and provider.api_key and not provider.public:
            yield from _private_errors(document, name, provider.listen or "")


def _private_errors(document: Document, name: str, listen: str) -> Iterator[UsageError]:
    """Yield an error where other machines could use a real provider with the user's key."""
    if not upstream.is_loopback(listen.rpartition(":")[0].strip("[]")):
        problem = f"other machines could call the real provider at {listen}, with your key"
        hint = "listen on 127.0.0.1, or write `public: true` beside it if they may"
        yield document.error(problem, ("providers", name, "listen"), hint=hint)


def _check_driver(document: Document, chain: Chain, driver: Driver) -> None:
    if chain.retry is not None and chain.retry.backoff not in (None, *driver.backoffs):
        problem = f"{chain.driver} backs off in its own way, not {chain.retry.backoff!r}"
        known = ", ".join(sorted(driver.backoffs))
        raise document.error(problem, ("retry", "backoff"), known=known, hint="or `driver: reference`")
    try:
        driver.check(chain)
    except ChainError as error:
        raise document.error(error.problem, error.place, known=error.known, hint=error.hint) from None


def _check_keys(document: Document, chain: Chain, driver: Driver) -> None:
    """Refuse a key that goes with other drivers, and the lack of one that this driver needs."""
    written = {key for owner in DRIVERS.own.values() for key in owner.keys if _is_written(chain, key)}
    for key in sorted(written - driver.keys):
        names = [owner.name for owner in DRIVERS.own.values() if key in owner.keys]
        places = key.split(".")
        if places[0] == "providers":
            places.insert(1, next(name for name, each in chain.providers.items() if _differs(each, places[1])))
        raise document.error(f"`{places[-1]}:` goes with `driver: {' or '.join(names)}`", tuple(places))
    for key in sorted(driver.required - written):
        raise document.error(f"`{key}:` goes with `driver: {driver.name}`", ("driver",))


def _is_written(chain: Chain, key: str) -> bool:
    """Return whether a key of a chain file, such as `workers`, `policy.hedge` or `providers.headers`, says something."""
    section, _, rest = key.partition(".")
    if not rest:
        return _differs(chain, section)
    held = getattr(chain, section)
    return any(_differs(each, rest) for each in (held.values() if section == "providers" else (held,)) if each)


def _differs(of: Any, name: str) -> bool:
    """Return whether a field has another value than it has when it is not written."""
    found = next(field for field in fields(of) if field.name == name)
    usual = found.default if found.default_factory is MISSING else found.default_factory()
    return bool(getattr(of, name) != usual)
