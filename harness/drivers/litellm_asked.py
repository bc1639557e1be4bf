"""What the LiteLLM of a chain's interpreter makes of its configuration: asked once, and kept in the cache."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.cache import cache_folder, made, remove_unused
from harness.chain import Chain
from harness.chain.advice import Advice
from harness.chain.driver import driver_of
from harness.chain.litellm_advice import Rest
from harness.chain.litellm_advice import advice as of_litellm
from harness.chain.litellm_facts import cooldowns_ns, timeouts_ns
from harness.chain.litellm_fallbacks import asked_for
from harness.chain.litellm_names import names
from harness.chain.litellm_reading import answered, applied, question
from harness.chain.litellm_reading import schedules as read_schedules
from harness.chain.litellm_router import RouterSettings, router_settings
from harness.chain.schedule import Schedule
from harness.document.places import Place
from harness.drivers.built import settled_if_kept
from harness.drivers.interpreter import NAMED, environ_there, examined, is_own, own_versions
from harness.drivers.litellm_reader import MARK
from harness.errors import UsageError

KEPT_S = 30 * 24 * 3600.0
"""How long an answer is kept that no run has used."""
_PATIENCE_S = 120.0
_READER = Path(__file__).with_name("litellm_reader.py")
_PROGRAM = (_READER, *(_READER.with_name(f"litellm_{part}.py") for part in ("calls", "shapes")))
_PASSED = ("HOME", "LANG", "PATH", "SYSTEMROOT", "TMPDIR")
_ANSWER = "answer.json"


_NOT_ASKED = Advice(
    "not_asked",
    (),
    "LiteLLM could not be asked, as it is not installed where the chain runs, or its environment is not built yet (a run builds "
    "it): when it asks which provider is not known",
    None,
)


_REFUSED = Advice(
    "nothing_asked",
    (),
    "LiteLLM refuses these settings, or chooses no deployment for a request: a run shows its error",
    None,
)


class _UnansweredError(Exception):
    """LiteLLM gave no answer."""


class _Same:
    """A configuration as a key: the same object, whatever it holds."""

    __slots__ = ("config",)

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.config is self.config

    def __hash__(self) -> int:
        return id(self.config)


def as_read(path: Path, chain: Chain) -> Chain:
    """Return a chain as its own LiteLLM reads its configuration; any other chain as it is.

    Where that LiteLLM is not installed, or its environment is not built yet, the chain stays as LiteLLM usually reads it.

    Args:
        path: The chain's file, for errors.
        chain: As loaded.

    Raises:
        UsageError: A provider that the walk needs has no mock, or the chain's interpreter cannot be used.
    """
    if chain.litellm is None or (found := _answer(chain, chain.litellm, failing=False)) is None:
        return chain
    version, answer = found
    if chain.entry_model not in answer["walks"]:
        return chain
    try:
        return applied(chain, answered(chain, answer, version))
    except UsageError as error:
        raise UsageError(error.problem, where=str(path), known=error.known, hint=error.hint) from None


def for_each_model(path: Path, chain: Chain, *, only: bool = False) -> tuple[tuple[Chain, ...], tuple[str, ...]]:
    """Return the chain for each model that callers can ask for, and a sentence on each model that has none.

    Args:
        path: The chain's file, for errors.
        chain: As loaded. Its own model is the first.
        only: And no other.

    Raises:
        UsageError: See `as_read`; for the first model alone.
    """
    first = as_read(path, chain)
    found, lacking = [first], []
    if chain.litellm is not None and not only:
        wild = dict.fromkeys(raw["model_name"] for raw in chain.litellm["model_list"] if "*" in raw["model_name"])
        lacking += [f"{name} is not checked: ask for a model that it takes with --model" for name in wild]
    for model in asked_for(chain.litellm) if chain.litellm is not None and not only else ():
        if model == chain.entry_model:
            continue
        try:
            read = as_read(path, replace(chain, model=model))
        except UsageError as error:
            lacking.append(f"{model} is not checked: {error.problem}")
        else:
            found.append(replace(read, litellm=first.litellm))
    return tuple(found), tuple(lacking)


def version(chain: Chain) -> str | None:
    """Return the version of the LiteLLM that hosts a chain; None if there is none, or its environment is not built yet."""
    needs = driver_of(chain).requirement
    if needs is None or "litellm" not in needs.modules or (home := settled_if_kept(chain)) is None:
        return None
    return _litellm(home)[1]


def schedules(chain: Chain, *, proxy: bool) -> tuple[Schedule, ...]:
    """Return what a request does on the chain's own LiteLLM that fails alike everywhere; none if it cannot be asked."""
    settings = router_settings(chain, {}, {}, proxy=proxy)
    config, named = _config(chain, settings)
    if (found := _answer(chain, config, failing=True)) is None:
        return ()
    _version, answer = found
    places = [name if name in chain.providers else None for name in named]
    return read_schedules(
        answer["by_entry"][chain.entry_model]["schedules"],
        places,
        timeouts_ns=timeouts_ns(settings, answer["request_timeout"]),
        cooldown_ns=cooldowns_ns(settings),
    )


def advice(chain: Chain, found: Sequence[Schedule]) -> tuple[Advice, ...]:
    """Return what is probably not meant in a chain on LiteLLM, beside what holds for every host."""
    config, named = _config(chain, router_settings(chain, {}, {}, proxy=False))
    if (given := _answer(chain, config, failing=True)) is None:
        return (*of_litellm(chain, found, {}), _NOT_ASKED) if chain.litellm is not None else (_NOT_ASKED,)
    version, answer = given
    broken = [
        Advice("calls_fail", _place(chain, place, named[place]), _why(why, named[place], version), None)
        for place, why in ((int(place), why) for place, why in answer["broken"].items())
        if named[place] in chain.providers
    ]
    rests = {name: Rest(*rest) for name, rest in answer["by_entry"][chain.entry_model]["rests"].items()}
    of_config = of_litellm(chain, found, rests) if chain.litellm is not None else ()
    return (*broken, *of_config, *([] if found else [_REFUSED]))


def _config(chain: Chain, settings: RouterSettings) -> tuple[Mapping[str, Any], Sequence[str]]:
    """Return the configuration that LiteLLM is asked about, and the name of each place in it."""
    if chain.litellm is not None:
        return chain.litellm, names(chain.litellm)
    return {"model_list": settings.model_list, "router_settings": settings.router}, settings.names


def _place(chain: Chain, place: int, name: str) -> Place:
    return ("providers", name) if chain.litellm is None else ("model_list", place, "litellm_params", "model")


def _why(why: str, name: str, version: str) -> str:
    """Return why every attempt at a provider fails, in a sentence; see `broken` in `harness.drivers.litellm_calls`."""
    if why == "generate":
        return (
            f"every attempt at {name} fails in a test: LiteLLM {version} asks Cohere's old `generate`, which has no mock; write "
            "cohere_chat/… or test a newer version"
        )
    return f"every attempt at {name} fails: LiteLLM {version} needs {why} there, and it is not installed beside it"


def _answer(chain: Chain, config: Mapping[str, Any], *, failing: bool) -> tuple[str, dict[str, Any]] | None:
    """Return the version of a chain's LiteLLM, and its answer to a question; None if there is none.

    It is asked for all models of a configuration at once, so that a check and a run on any of them share the answer.
    """
    if (home := settled_if_kept(chain)) is None:
        return None
    interpreter, version, origin = _litellm(home)
    if version is None:
        return None
    models = _models(_Same(config)) if chain.litellm is not None else ()
    entries = models if chain.entry_model in models else (*models, chain.entry_model)
    answer = _kept(_Same(config), entries, interpreter, version, origin, failing=failing)
    return None if answer is None else (version, answer)


@lru_cache(maxsize=8)
def _models(config: _Same) -> tuple[str, ...]:
    return asked_for(config.config)


@lru_cache(maxsize=8)
def _kept(
    config: _Same, entries: tuple[str, ...], interpreter: str, version: str, origin: str, *, failing: bool
) -> dict[str, Any] | None:
    """Return LiteLLM's answer, which is read from the cache once; None if it gave none."""
    asked = question(config.config, entries, failing=failing)
    content = json.dumps([asked, version, origin, *(file.read_text() for file in _PROGRAM)], sort_keys=True)
    folder = cache_folder() / "litellm" / hashlib.sha256(content.encode()).hexdigest()[:24]

    def ask(target: Path) -> None:
        answer = _asked(interpreter, asked)
        if answer is None:  # it may have had no time: nothing is kept, and it is asked again
            raise _UnansweredError
        target.mkdir()
        (target / _ANSWER).write_text(json.dumps(answer), encoding="utf-8")
        remove_unused(folder.parent, since_s=KEPT_S)

    try:
        made(folder, ask, waiting=lambda: None)
    except _UnansweredError:
        return None
    answer: dict[str, Any] = json.loads((folder / _ANSWER).read_text(encoding="utf-8"))
    return answer


def _litellm(chain: Chain) -> tuple[str, str | None, str]:
    """Return the interpreter in which a chain runs, and version and file of its LiteLLM."""
    if chain.python is None or is_own(chain.python):
        return _own_litellm()
    found = examined(chain)
    assert found is not None
    return chain.python, found["versions"].get("litellm"), found["origins"].get("litellm", "")


@cache
def _own_litellm() -> tuple[str, str | None, str]:
    spec = find_spec("litellm")
    return sys.executable, None if spec is None else own_versions(NAMED).get("litellm"), str(spec and spec.origin)


def _asked(interpreter: str, asked: dict[str, Any]) -> dict[str, Any] | None:
    """Return LiteLLM's answer; None if it gave none."""
    environ = {name: os.environ[name] for name in _PASSED if name in os.environ}
    try:
        ran = subprocess.run(
            [interpreter, "-P", str(_READER)],
            input=json.dumps(asked).encode(),
            capture_output=True,
            env=environ_there(environ),
            timeout=_PATIENCE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    for line in ran.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith(MARK):
            answer: dict[str, Any] = json.loads(line.removeprefix(MARK))
            return answer or None
    return None
