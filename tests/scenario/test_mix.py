"""Kinds of request: their shares, orders, callers and prompts, and what can be wrong with them."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.experiment.prepare import load
from harness.quantities import S
from harness.scenario import Load, Plan
from harness.scenario.arrivals import expected
from harness.scenario.mix import MixPart
from harness.store import encode
from tests.scenario.test_plan import plan

CHAINS = Path(__file__).parents[2] / "scenarios" / "chains"
FIELDS = {"title": "t", "phases": "{calm: 60s, fault: 60s}", "faults": "[]", "expect": "[success_rate >= 90%]"}


def mixed(tmp_path: Path, *parts: str, chain: str = "reference.yaml", rate: str = "10/s", **fields: str) -> Plan:
    """Return the plan of a scenario with these entries of a mix."""
    path = tmp_path / "mixed.yaml"
    lines = [f"chain: {CHAINS / chain}", *(f"{name}: {value}" for name, value in {**FIELDS, **fields}.items())]
    path.write_text(
        "\n".join(["name: mixed", *lines, f"load: {{rate: {rate}, mix: [", *(f"{{{part}}}," for part in parts), "]}"])
    )
    return load(path).plan


@given(st.lists(st.integers(1, 50), min_size=1, max_size=6), st.integers(0, 100))
def test_arrivals_come_in_their_shares(weights: list[int], seed: int) -> None:
    """About as many of each kind as its share says; the seed fixes which."""
    parts = tuple(MixPart(share=weight / sum(weights)) for weight in weights)
    made = plan(load=Load(rate=50, mix=parts), phases={"a": 20 * S}, seed=seed, faults=())
    counts = Counter(arrival.part for arrival in made.arrivals)
    for place, part in enumerate(parts):
        expected = part.share * len(made.arrivals)
        assert abs(counts[place] - expected) <= 5 * (expected**0.5 + 1)


def test_a_load_without_a_mix_is_one_of_one_kind() -> None:
    """What it says of prompts and streams holds for all requests."""
    (part,) = Load(rate=1, streaming=0.3, prompt_tokens=50, max_tokens=7).parts
    assert (part.kind, part.streaming, part.prompt_tokens, part.max_tokens) == ("chat", 0.3, 50, 7)


def test_what_an_entry_leaves_open_is_as_in_the_load() -> None:
    """Embeddings have no stream and no limit."""
    mix = (MixPart(share=0.5, prompt="hi", streaming=0.0), MixPart(share=0.5, kind="embeddings"))
    own, vectors = Load(rate=1, streaming=1.0, prompt_tokens=50, max_tokens=7, mix=mix).parts
    assert (own.prompt, own.streaming, own.max_tokens) == ("hi", 0.0, 7)
    assert (vectors.prompt_tokens, vectors.streaming, vectors.max_tokens) == (50, 0.0, None)


def test_a_later_turn_follows_the_one_before(tmp_path: Path) -> None:
    """Each conversation has three, at least a second apart, with ids in the order of time."""
    made = mixed(tmp_path, "share: 70%, kind: chat", "share: 30%, kind: conversation, callers: 5")
    by_id = {arrival.request_id: arrival for arrival in made.arrivals}
    later = [arrival for arrival in made.arrivals if arrival.after is not None]
    starts = [arrival for arrival in made.arrivals if arrival.part == 1 and arrival.after is None]
    assert len(later) == 2 * len(starts) > 0
    for arrival in later:
        before = by_id[arrival.after or ""]
        assert arrival.scheduled_ns - before.scheduled_ns == S
        assert (arrival.caller, arrival.streaming, arrival.part) == (before.caller, before.streaming, before.part)
    assert all(a.request_id < b.request_id for a, b in pairwise(made.arrivals))


def test_callers_share_a_kind(tmp_path: Path) -> None:
    """As many as are written, and none of another kind."""
    made = mixed(tmp_path, "share: 50%, callers: 7", "share: 50%")
    assert {arrival.caller for arrival in made.arrivals if arrival.part == 0} == {f"1-{n}" for n in range(1, 8)}
    assert {arrival.caller for arrival in made.arrivals if arrival.part == 1} == {None}


def test_the_order_belongs_to_the_request(tmp_path: Path) -> None:
    """Its model's, or its own; the chain's where it says nothing."""
    made = mixed(
        tmp_path, "share: 40%", "share: 30%, model: azure", "share: 30%, kind: embeddings, chain: [azure, openai]"
    )
    assert made.orders == (("openai", "azure", "anthropic"), ("azure",), ("azure", "openai"))
    assert made.extras[2] == {"model": "azure", "chain": {"order": ["azure", "openai"]}}


def test_models_of_a_configuration_have_orders_of_their_own(tmp_path: Path) -> None:
    """Providers of both models are part of the run."""
    path = tmp_path / "config.yaml"
    path.write_text(
        """
model_list:
  - {model_name: smart, litellm_params: {model: openai/gpt-4, api_key: os.environ/A}}
  - {model_name: quick, litellm_params: {model: anthropic/claude-3-haiku-20240307, api_key: os.environ/B}}
  - {model_name: spare, litellm_params: {model: openai/gpt-4o, api_key: os.environ/A}}
litellm_settings: {fallbacks: [{smart: [spare]}, {quick: [spare]}]}
"""
    )
    made = mixed(tmp_path, "share: 50%, model: smart", "share: 50%, model: quick", chain=str(path))
    assert [len(order) for order in made.orders] == [2, 2]
    assert made.orders[0][1] == made.orders[1][1]
    assert {name for order in made.orders for name in order} == set(made.chain.providers)


@pytest.mark.parametrize(
    ("parts", "field", "problem", "hint"),
    [
        (["share: 50%", "share: 40%"], "load", "the shares of the mix make 90", ""),
        (["share: 100%, kind: pictures"], "load.mix[0].kind", "unknown value 'pictures'", ""),
        (
            ["share: 100%, kind: responses"],
            "load.mix[0].kind",
            "`driver: reference` cannot carry responses",
            "endpoint",
        ),
        (
            ["share: 100%, kind: embeddings"],
            "load.mix[0].kind",
            "anthropic has no embeddings",
            "chain: [openai, azure]",
        ),
        (
            ["share: 100%, kind: embeddings, streaming: 10%"],
            "load.mix[0]",
            "`streaming` does not go with embeddings",
            "",
        ),
        (["share: 100%, inputs: 3"], "load.mix[0]", "`inputs` goes with `kind: embeddings`", ""),
        (["share: 100%, prompt: a, prompt_tokens: 3"], "load.mix[0]", "do not go together", "one of them"),
        (["share: 100%, model: azur"], "load.mix[0].model", "the chain has no model 'azur'", "'azure'"),
        (["share: 100%, chain: [azur]"], "load.mix[0].chain", "unknown provider 'azur'", "'azure'"),
        (["share: 100%, prompts: none.jsonl"], "load.mix[0].prompts", "cannot read the prompts", ""),
        (
            ["share: 100%, headers: {Authorization: sk-1}"],
            "load.mix[0].headers.Authorization",
            "may hold a secret",
            "env/",
        ),
        (["share: 100%, headers: {x-a: b}"], "load.mix[0].headers", "takes no headers", "litellm-proxy"),
        (
            ["share: 100%, prompt: sk-abcdefghijklmnop1234"],
            "load.mix[0].prompt",
            "holds what is a secret",
            "leave keys",
        ),
    ],
)
def test_a_mistake_is_reported_at_its_line(
    tmp_path: Path, parts: list[str], field: str, problem: str, hint: str
) -> None:
    """File and line, what was found, and what to write."""
    with pytest.raises(UsageError) as caught:
        mixed(tmp_path, *parts)
    text = str(caught.value)
    assert f": {field}: " in text
    assert problem in text
    assert hint in text


CONFIG = """
model_list:
- {model_name: chat, litellm_params: {model: openai/gpt-4o}}
- {model_name: vectors, litellm_params: {model: openai/text-embedding-3-small}}
- {model_name: spare, litellm_params: {model: azure/text-embedding-3-small}}
litellm_settings: {fallbacks: [{vectors: [spare]}]}
"""


def test_each_kind_asks_its_own_models_of_a_configuration(tmp_path: Path) -> None:
    """Chats and embeddings each have their model's walk."""
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    made = mixed(tmp_path, "share: 50%", "share: 50%, kind: embeddings, model: vectors", chain=str(path))
    assert made.orders == (("chat",), ("vectors", "spare"))


@pytest.mark.parametrize(
    ("listed", "load_", "problem", "hint"),
    [
        (CONFIG, "mix: [{share: 100%, kind: embeddings}]", "chat answers chats and embeds no texts", "`model:` of a group"),
        (
            CONFIG.replace("openai/text-embedding-3-small", "bedrock/amazon.titan-embed-text-v2:0"),
            "mix: [{share: 100%, kind: embeddings, model: vectors, inputs: 3}]",
            "vectors embeds one text in each call, not 3",
            "",
        ),
        (CONFIG, "mix: [{share: 100%, model: vectors}]", "vectors embeds texts and answers no chats", "`model:` of a group"),
        (
            CONFIG.replace("openai/gpt-4o", "openai/text-embedding-3-large"),
            "streaming: 0%",
            "'chat' embeds texts and answers no chats",
            "mix: [{kind: embeddings}]",
        ),
    ],
)  # fmt: skip
def test_a_kind_that_nobody_can_answer_is_refused(
    tmp_path: Path, listed: str, load_: str, problem: str, hint: str
) -> None:
    """With what to write in its place."""
    (tmp_path / "config.yaml").write_text(listed)
    lines = [f"{name}: {value}" for name, value in FIELDS.items()]
    path = tmp_path / "s.yaml"
    path.write_text("\n".join(["name: s", "chain: config.yaml", *lines, f"load: {{rate: 10/s, {load_}}}"]))
    with pytest.raises(UsageError) as caught:
        load(path)
    assert problem in str(caught.value)
    assert hint in str(caught.value)


def test_a_provider_of_a_chain_file_says_what_its_model_does(tmp_path: Path) -> None:
    """Whoever leaves it open may be asked for either."""
    text = (CHAINS / "reference.yaml").read_text()
    path = tmp_path / "chain.yaml"
    path.write_text(text.replace("dialect: azure,", "dialect: azure, embeds: true,"))
    with pytest.raises(UsageError, match="azure embeds texts and answers no chats") as caught:
        mixed(tmp_path, "share: 100%", chain=str(path))
    assert caught.value.hint == "write `chain: [openai, anthropic]` beside it"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'"one"\n{"promt": "x"}\n', "line 2: not a prompt"),
        (b'"one"\n"sk-abcdefghijklmnop', "line 2: not a prompt"),
        ('"Gr\u00fc\u00dfe"'.encode("latin-1"), "line 1: not a prompt"),
        (b'"\\ud800"', "line 1: not a prompt"),
        (b'""', "line 1: empty"),
        (b"\n\n", "holds no prompt"),
        (b"[1]", "line 1: not a prompt"),
    ],
)
def test_a_broken_file_of_prompts_is_named_and_not_quoted(tmp_path: Path, content: bytes, problem: str) -> None:
    """Its lines may be anybody's secrets."""
    (tmp_path / "p.jsonl").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        mixed(tmp_path, "share: 100%, prompts: p.jsonl")
    assert problem in str(caught.value)
    assert "sk-abc" not in str(caught.value)


def test_nothing_of_a_file_of_prompts_is_kept(tmp_path: Path) -> None:
    """A plan holds its hash and how many there are; they are used in turn."""
    (tmp_path / "p.jsonl").write_text('"the first secret"\n{"prompt": "the second secret"}\n')
    made = mixed(tmp_path, "share: 100%, prompts: p.jsonl")
    assert b"secret" not in encode(made)
    (file,) = made.prompts
    assert file is not None
    assert file.lines == 2
    assert [arrival.line for arrival in made.arrivals[:4]] == [0, 1, 0, 1]


def test_a_caller_is_drawn_for_a_fault(tmp_path: Path) -> None:
    """`share_by: caller` needs a share."""
    fault = "{on: primary, during: fault, share: 30%, share_by: caller, inject: {status: 500}}"
    made = mixed(tmp_path, "share: 100%, callers: 10", faults=f"[{fault}]")
    (window,) = made.timeline.windows
    assert (window.share_by, window.text) == ("caller", "500 (30 % of callers)")
    with pytest.raises(UsageError, match="below 100%"):
        mixed(tmp_path, "share: 100%", faults=f"[{fault.replace('share: 30%, ', '')}]")


OWN = "at,kind,prompt_tokens,max_tokens\n100.5,chat,10,5\n100,embeddings,30,\n130,,7,2\n400,chat,1,1\n"
AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0,0,8\n"
BURST = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n5,,,ChatGPT,472,18,490,API log\n45,,,GPT-4,417,0,417,API log\n"


@pytest.mark.parametrize(
    ("content", "times", "kinds", "tokens"),
    [
        (OWN, [0, 0.5, 30], [1, 0, 0], [(30, None), (10, 5), (7, 2)]),
        (AZURE, [0, 0.02004], None, [(4808, 10), (None, 8)]),
        (BURST, [0, 40], None, [(472, 18), (417, None)]),
    ],
)
def test_a_trace_gives_the_arrivals(
    tmp_path: Path,
    content: str,
    times: list[float],
    kinds: list[int] | None,
    tokens: list[tuple[int | None, int | None]],
) -> None:
    """In the order of time, from the first one on; what comes after the run's end is left out."""
    (tmp_path / "t.csv").write_text("\ufeff" + content)
    made = traced(tmp_path)
    assert [round(arrival.scheduled_ns / S, 5) for arrival in made.arrivals] == times
    assert [(arrival.prompt_tokens, arrival.max_tokens) for arrival in made.arrivals] == tokens
    assert kinds in (None, [arrival.part for arrival in made.arrivals])
    assert expected(made.load, made.end_ns) == pytest.approx(len(times), abs=0.01)


def traced(tmp_path: Path) -> Plan:
    """Return the plan of a scenario whose arrivals are those of t.csv."""
    path = tmp_path / "traced.yaml"
    mix = "[{share: 99%, kind: chat}, {share: 1%, kind: embeddings, chain: [openai]}]"
    lines = [f"chain: {CHAINS / 'reference.yaml'}", *(f"{name}: {value}" for name, value in FIELDS.items())]
    path.write_text("\n".join(["name: traced", *lines, f"load: {{arrivals: trace, trace: t.csv, mix: {mix}}}"]))
    return load(path).plan


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("when,kind\n1,chat\n", "t.csv, line 1: no column `at`"),
        ("at\nsoon\n", "t.csv, line 2: `at` is neither seconds nor a date"),
        ("at,kind\n1,chat\n2,tools\n", "t.csv, line 3: the load has no requests of kind 'tools'"),
        ("at,max_tokens\n1,many\n", "line 2: max_tokens is no whole number"),
        ("at,prompt_tokens\n1,-4\n", "line 2: prompt_tokens is not from 0 to 1000000"),
        ("at\n", "a trace without an arrival"),
        ("at\nnan\n", "`at` is neither seconds nor a date"),
    ],
)
def test_a_broken_trace_is_named(tmp_path: Path, content: str, problem: str) -> None:
    """With the line of the scenario, and that of the trace."""
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(UsageError, match=r"traced\.yaml:7: load\.trace: ") as caught:
        traced(tmp_path)
    assert problem in str(caught.value)


def test_a_trace_goes_without_a_rate(tmp_path: Path) -> None:
    """Its times are the load."""
    for fields in ("arrivals: trace", "trace: t.csv", "rate: 1/s, arrivals: trace, trace: t.csv"):
        path = tmp_path / "wrong.yaml"
        lines = [f"chain: {CHAINS / 'reference.yaml'}", *(f"{name}: {value}" for name, value in FIELDS.items())]
        path.write_text("\n".join(["name: wrong", *lines, f"load: {{{fields}}}"]))
        with pytest.raises(UsageError, match="go together"):
            load(path)
