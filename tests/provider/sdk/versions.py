"""The oldest and the newest LiteLLM, each in an environment that is built for it, compared with our own.

`python -m tests.provider.sdk.versions docs/reference/litellm-streams.md` writes what differs.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from harness.chain.spec import Chain, EnvironmentSpec
from harness.drivers.built import settled
from harness.provider.spec import Provider

from .cases import ERRORS, PLAIN, STREAMS, Case
from .measure import Measured, measure_litellm
from .page import LITELLM_COLUMNS, Cell, cell, error_cell, fine_of
from .through_litellm import LITELLM

OLDEST, NEWEST = "1.75.0", "1.110.2"
OTHERS = (OLDEST, NEWEST)
OWN = version("litellm")

LEFT_OUT = {
    OLDEST: {
        "litellm-cohere": "it asks Cohere's `generate` for a model of `cohere/`, which is not mocked",
        "litellm-cloudflare": "up to 1.90 LiteLLM asks it in Cloudflare's native format, which is not mocked",
    },
}
"""Which ways a version is not asked, by version and way, with the reason."""


def interpreter(litellm: str) -> str:
    """Return the interpreter of an environment with a version of LiteLLM, which is built if it is not kept."""
    providers = {way.dialect: Provider(dialect=way.dialect, model="any") for way in LITELLM.values()}
    chain = Chain(
        name="versions",
        driver="litellm-router",
        providers=providers,
        order=tuple(providers),
        environment=EnvironmentSpec(litellm=litellm),
    )
    python = settled(chain).python
    assert python is not None
    return python


def measure_versions() -> dict[str, Measured]:
    """Return what each version does, by version, our own first. It builds environments, and takes a minute then."""
    pythons = {OWN: sys.executable, **{litellm: interpreter(litellm) for litellm in OTHERS}}
    return {
        litellm: measure_litellm(python, [name for name in LITELLM if name not in LEFT_OUT.get(litellm, {})])
        for litellm, python in pythons.items()
    }


def render(measured: Mapping[str, Measured]) -> str:
    """Return the page: where a version does something else than our own."""
    sections: tuple[tuple[str, str, Sequence[Case], Cell], ...] = (
        ("Streams", "fault", STREAMS, cell),
        ("Plain answers", "fault", PLAIN, cell),
        ("Error presets", "`error`", ERRORS, error_cell),
    )
    lines = [_INTRODUCTION.format(own=OWN, oldest=OLDEST, newest=NEWEST), *_left_out()]
    for title, head, cases, said in sections:
        lines += [
            f"## {title}",
            "",
            f"| {head} | provider | {' | '.join(measured)} |",
            "|---" * (len(measured) + 2) + "|",
        ]
        lines += [f"| {case.text} | {line} |" for case in cases for line in _lines(measured, case, said)]
        lines.append("")
    return "\n".join(lines)


def _lines(measured: Mapping[str, Measured], case: Case, said: Cell) -> Iterator[str]:
    """Yield a row for all ways that do the same."""
    ways: dict[tuple[str, ...], list[str]] = {}
    for name, title in _TITLES.items():
        cells = [_cell(each, name, case, said) for each in measured.values()]
        own, *others = cells
        if any(other not in (own, _NOT_ASKED) for other in others):
            shown = (own, *("the same" if other == own else other for other in others))
            ways.setdefault(shown, []).append(title)
    for shown, titles in ways.items():
        yield " | ".join(("; ".join(titles), *shown))


def _cell(measured: Measured, name: str, case: Case, said: Cell) -> str:
    heard = measured.get((name, case.name))
    return _NOT_ASKED if heard is None else said(heard, fine_of(measured, name, case))


def _left_out() -> Iterator[str]:
    for litellm, reasons in LEFT_OUT.items():
        for name, reason in reasons.items():
            yield f"- {litellm} is not asked for {_TITLES[name]}: {reason}."
    yield ""


_TITLES = LITELLM_COLUMNS | {"litellm-cohere": "Cohere", "litellm-cohere-chat": "Cohere, `cohere_chat/`"}
_NOT_ASKED = "–"
_INTRODUCTION = """\
# What other versions of LiteLLM do with each fault

Measured, not written: `make matrix` asks LiteLLM {oldest} and {newest} through every fault over real sockets, as
[the other page](sdk-streams.md) does with {own}, and writes here where they differ from it. Providers that differ in the same way
share a row, and *the same* means as in {own}. How to read a cell is said there. For Anthropic's models on Vertex AI, {oldest} needs
`google-cloud-aiplatform`, of which it uses nothing: here an empty module has its name.
"""

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(render(measure_versions()), encoding="utf-8")
