"""A chain file, or a configuration of LiteLLM's, with its providers in another order or some switched off. Nothing is written."""

from __future__ import annotations

import copy
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from harness.chain import Chain, load
from harness.chain.litellm_fallbacks import fallbacks, fallbacks_to, is_blocked
from harness.chain.loading import chain_document
from harness.chain.setting import put
from harness.document.editing import edited
from harness.document.reading import Document, parse, raw_bytes
from harness.errors import UsageError
from harness.experiment.chain_files.placing import real_path
from harness.experiment.chain_files.proposal import Proposal, propose
from harness.experiment.files import FileKind, kind_of

_OWN_ORDER = {
    "python": "its own code decides whom it asks; the order in this file only describes that",
    "endpoint": "the gateway decides whom it asks; the order in this file only describes that",
}
"""Drivers whose chains do not follow the file's order."""


class ChainPlace(NamedTuple):
    """A provider's place in a chain: what a person moves and switches.

    Attributes:
        name: Of a provider, or of a model group of LiteLLM's.
        on: It is asked.
    """

    name: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedChain:
    """A file whose order can be changed.

    Attributes:
        path: The file.
        raw: What it holds. May have secrets.
        chain: The chain in it.
        places: Its providers, those that are asked first; of a configuration its model groups.
        models: The model behind each of them, by name.
        fixed: Why the first one cannot be moved or switched off; None if it can.
        notes: What else there is to know, in sentences.
    """

    path: Path
    raw: bytes = field(repr=False)
    chain: Chain = field(repr=False)
    places: tuple[ChainPlace, ...]
    models: dict[str, str]
    fixed: str | None = None
    notes: tuple[str, ...] = ()

    def reordered(self, places: Sequence[ChainPlace]) -> bytes:
        """Return what the file holds with its providers in another order.

        Raises:
            UsageError: No such chain can be, or the file cannot be changed without a doubt.
        """
        if sorted(place.name for place in places) != sorted(place.name for place in self.places):
            raise UsageError("these are not the providers of the chain", where=str(self.path))
        if not any(place.on for place in places):
            raise UsageError("every provider is switched off", where=str(self.path), hint="switch one on")
        if tuple(places) == self.places:
            return self.raw
        wanted = copy.deepcopy(parse(self.raw, self.path, older=True).data)
        if self.chain.litellm is None:
            _reorder_file(wanted, places)
        else:
            _reorder_configuration(wanted, places, self)
        after = edited(self.raw, self.path, wanted)
        load(self.path, model=self.chain.model, raw=after)
        self._check_in_force(after, places)
        return after

    def _check_in_force(self, after: bytes, places: Sequence[ChainPlace]) -> None:
        """See that no file that a configuration includes has the last word."""
        if self.chain.litellm is not None:
            in_force = fallbacks(chain_document(self.path, after).data).get(places[0].name)
            if in_force != [place.name for place in places[1:] if place.on]:
                hint = "change the order there"
                raise UsageError("its fallbacks are in a file that it includes", where=str(self.path), hint=hint)

    def proposal(self, places: Sequence[ChainPlace]) -> Proposal:
        """Return what the file is to become, as `harness chain apply` puts it in place.

        Raises:
            UsageError: See `reordered`; or a configuration that is wrong.
        """
        after = self.reordered(places)
        if self.chain.litellm is not None:
            return propose(self.path, self.path, raw=after)
        path = real_path(self.path)
        mode = stat.S_IMODE(path.stat().st_mode)
        return Proposal(path=path, before=self.raw, after=after, source=self.path, mode=mode)


def ordered_chain(path: Path) -> OrderedChain:
    """Return a chain file, or a configuration of LiteLLM's, whose order can be changed.

    Raises:
        UsageError: It is neither, or its order is written elsewhere.
    """
    raw = raw_bytes(path)
    document = chain_document(path, raw)
    named = document.data if isinstance(document.data, dict) else {}
    if kind_of(document.data) is FileKind.SCENARIO:
        raise UsageError("is a scenario, and no chain", where=str(path), hint="open the chain that it names")
    if "config" in named:
        hint = f"open {path.parent / str(named['config'])}"
        raise document.error("names a configuration, which holds the order", ("config",), hint=hint)
    chain = load(path, raw=raw)
    if chain.litellm is None:
        return _of_file(path, raw, chain, named)
    return _of_configuration(path, raw, chain, document)


def _of_file(path: Path, raw: bytes, chain: Chain, written: dict[str, Any]) -> OrderedChain:
    order = list(written["order"])
    others = [name for name in written["providers"] if name not in order]
    off = {name for name, each in written["providers"].items() if each.get("enabled") is False}
    notes = [f"`driver: {chain.driver}`: {why}" for name, why in _OWN_ORDER.items() if chain.driver == name]
    if chain.chains:
        notes.append("`chains:` has orders of its own for other models; they stay as they are")
    return OrderedChain(
        path=path,
        raw=raw,
        chain=chain,
        places=(
            *(ChainPlace(name, name not in off) for name in order),
            *(ChainPlace(name, on=False) for name in others),
        ),
        models={name: str(each.get("model") or each.get("dialect")) for name, each in written["providers"].items()},
        notes=tuple(notes),
    )


def _reorder_file(wanted: dict[str, Any], places: Sequence[ChainPlace]) -> None:
    """Write an order into the data of a chain file: who is switched off keeps its place and is `enabled: false`."""
    before = wanted["order"]
    wanted["order"] = [place.name for place in places if place.on or place.name in before]
    for place in places:
        provider = wanted["providers"][place.name]
        if place.name in wanted["order"] and provider.get("enabled", True) != place.on:
            provider["enabled"] = place.on


def _of_configuration(path: Path, raw: bytes, chain: Chain, document: Document) -> OrderedChain:
    config = document.data
    first = chain.entry_model
    usable = [entry for entry in config["model_list"] if not is_blocked(entry)]
    models: dict[str, list[str]] = {}
    for entry in usable:
        models.setdefault(str(entry["model_name"]), []).append(str(entry["litellm_params"].get("model")))
    in_force = fallbacks(config)
    asked = [name for name in in_force.get(first, in_force.get("*", [])) if name in models and name != first]
    others = [name for name in models if name not in (first, *asked) and "*" not in name]
    several = [name for name, each in models.items() if len(each) > 1]
    notes = [
        f"LiteLLM picks among the deployments of {name} itself: switch single ones in the file" for name in several
    ]
    notes += [
        f"{name} has fallbacks of its own, which LiteLLM tries next; they stay as they are"
        for name in asked
        if name in in_force
    ]
    return OrderedChain(
        path=path,
        raw=raw,
        chain=chain,
        places=tuple(ChainPlace(name, on=name not in others) for name in (first, *asked, *others)),
        models={name: ", ".join(dict.fromkeys(each)) for name, each in models.items()},
        fixed=f"callers ask for {first} by its name, so LiteLLM always asks it first",
        notes=tuple(notes),
    )


def _reorder_configuration(wanted: dict[str, Any], places: Sequence[ChainPlace], ordered: OrderedChain) -> None:
    """Write an order into the data of a configuration: who is switched off leaves the list of fallbacks."""
    first, *after = places
    if first != ordered.places[0]:
        raise UsageError(f"{ordered.places[0].name} must stay first", where=str(ordered.path), hint=ordered.fixed)
    put(wanted, *fallbacks_to(wanted, first.name, [place.name for place in after if place.on]))
