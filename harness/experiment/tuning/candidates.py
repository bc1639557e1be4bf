"""The user's own file with other settings: what is simulated is what the file would say."""

from __future__ import annotations

import copy
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from harness.chain import Chain, load
from harness.chain.driver import driver_of
from harness.chain.home import AT_HOME, ChainHome
from harness.chain.loading import chain_document
from harness.chain.setting import Setting, put
from harness.document.editing import edited
from harness.document.reading import parse, raw_bytes
from harness.drivers.built import settled
from harness.drivers.litellm_asked import as_read
from harness.drivers.litellm_prices import priced
from harness.errors import UsageError
from harness.experiment.chain_files.placing import real_path
from harness.experiment.chain_files.proposal import Proposal
from harness.experiment.prepare import opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file with other settings.

    Attributes:
        values: What differs from the file as it is, by the setting's label.
        raw: What the file holds with them. May have secrets.
        chain: The chain that such a file describes, with its secrets.
    """

    values: Mapping[str, Any]
    raw: bytes = field(repr=False)
    chain: Chain = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tunable:
    """A file whose settings can be changed.

    Attributes:
        path: The file that holds them: a chain file, or the configuration that it names.
        raw: What it holds. May have secrets.
        chain: The chain as it is, with its secrets.
        settings: What its host can be set to.
        home: Where the chain runs, in place of what its file says.
    """

    path: Path
    raw: bytes = field(repr=False)
    chain: Chain = field(repr=False)
    settings: tuple[Setting, ...]
    home: ChainHome = AT_HOME

    def changed(self, values: Mapping[str, Any]) -> Candidate:
        """Return the file with some settings changed.

        Args:
            values: By label; those that are as they are may be left out. None is what the file says now.

        Raises:
            UsageError: The file cannot be changed without a doubt, or such a chain is wrong.
        """
        of = {setting.label: setting for setting in self.settings}
        new = {label: value for label, value in values.items() if value is not None and value != of[label].value}
        if not new:
            return Candidate(values={}, raw=self.raw, chain=self.chain)
        wanted = copy.deepcopy(parse(self.raw, self.path, older=self.chain.litellm is not None).data)
        for label, value in new.items():
            put(wanted, of[label].place, copy.deepcopy(value))
        raw = edited(self.raw, self.path, wanted)
        return Candidate(values=new, raw=raw, chain=self._chain(raw))

    def _chain(self, raw: bytes) -> Chain:
        """Return the chain of what the file is to hold, as it runs where this one does."""
        now = self.chain
        found = load(self.path, model=now.model if now.litellm is not None else self.home.model, raw=raw)
        if now.litellm is not None:  # how it is hosted may stand in another file
            hosted = (
                "name",
                "driver",
                "workers",
                "keys",
                "python",
                "environment",
                "max_requests",
                "max_cost",
                "answers",
            )
            found = replace(found, **{name: getattr(now, name) for name in hosted})
        else:
            found = settled(self.home.of(found))
        return priced(as_read(self.path, found))

    def proposal(self, candidate: Candidate) -> Proposal:
        """Return what the file is to become, to be shown as a difference."""
        path = real_path(self.path)
        mode = stat.S_IMODE(path.stat().st_mode)
        return Proposal(path=path, before=self.raw, after=candidate.raw, source=self.path, mode=mode)


def tunable(path: Path, home: ChainHome = AT_HOME) -> Tunable:
    """Return a chain whose settings can be changed.

    Args:
        path: A chain file, or a configuration of LiteLLM's; of a chain file that names one, its settings are changed.
        home: Where the chain runs, in place of what its file says.

    Raises:
        UsageError: The file is wrong, or what the chain does is decided elsewhere.
    """
    chain = priced(opened(path, home))
    named = chain_document(path).data
    file = path.parent / named["config"] if isinstance(named, dict) and "config" in named else path
    raw = raw_bytes(file)
    written = parse(raw, file, older=chain.litellm is not None).data
    settings = driver_of(chain).settings(chain, written)
    if not settings:
        problem = (
            f"`driver: {chain.driver}` has no settings to change: your own code or gateway decides what the chain does"
        )
        raise UsageError(problem, where=str(path))
    return Tunable(path=file, raw=raw, chain=chain, settings=settings, home=home)
