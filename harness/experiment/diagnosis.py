"""What this machine has, and what a run would use."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from harness.drivers import built
from harness.drivers.interpreter import own_versions, prepared
from harness.drivers.uv import unreachable
from harness.experiment.environment import DISTRIBUTIONS, cores
from harness.extras import EXTRAS, LIVE, Extra
from harness.live import toxiproxy

_CORES_MIN = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One thing that was looked at.

    Attributes:
        name: What.
        ok: It works.
        needed: A run cannot do without it.
        detail: What was found.
        hint: What to do if it does not work.
    """

    name: str
    ok: bool
    needed: bool
    detail: str
    hint: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)


def doctor() -> list[Diagnosis]:
    """Return what this machine has: extras, the Toxiproxy that a run would use and why, environments built for chains.

    Installs and builds nothing.
    """
    found = cores()
    live = not LIVE.missing()
    return [
        Diagnosis(name="Python", ok=True, needed=True, detail=platform.python_version()),
        Diagnosis(
            name="cores",
            ok=found >= _CORES_MIN,
            needed=False,
            detail=str(found),
            hint="on one core the chain, the load and the providers wait for each other: expect inconclusive times",
        ),
        *(
            Diagnosis(name=name, ok=True, needed=False, detail=text)
            for name, text in own_versions(DISTRIBUTIONS).items()
        ),
        *(_extra(each) for each in EXTRAS.values()),
        *(
            Diagnosis(name=check.name, ok=check.ok, needed=live and place == 0, detail=check.detail, hint=check.hint)
            for place, check in enumerate(toxiproxy.doctor())
        ),
        _downloads(),
        Diagnosis(
            name="the chain's own interpreter",
            ok=True,
            needed=False,
            detail=f"prepared: {', '.join(prepared()) or 'none; the first run that names one downloads packages for it'}",
        ),
        *(_environment(each) for each in built.kept()),
    ]


def _downloads() -> Diagnosis:
    """Return whether environments can be built."""
    why = unreachable()
    hint = (
        "only the environments and interpreters listed below can host a chain: connect this machine to prepare others"
    )
    detail = "uv reaches the index" if why is None else f"uv cannot download: {why}"
    return Diagnosis(name="packages for environments", ok=why is None, needed=False, detail=detail, hint=hint)


def _environment(each: built.BuiltEnvironment) -> Diagnosis:
    used = datetime.fromtimestamp(each.used_s).astimezone().strftime("%Y-%m-%d %H:%M")
    detail = f"Python {each.python}, {each.size / 10**6:.0f} MB, last used {used}, in {each.folder}"
    return Diagnosis(name=f"environment of {', '.join(each.holds)}", ok=True, needed=False, detail=detail)


def _extra(extra: Extra) -> Diagnosis:
    missing = extra.missing()
    detail = f"lacks {', '.join(missing)}" if missing else "installed"
    hint = f"{extra.purpose} needs it: {extra.command}"
    return Diagnosis(name=f"extra {extra.name}", ok=not missing, needed=False, detail=detail, hint=hint)
