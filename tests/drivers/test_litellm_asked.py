"""What LiteLLM itself makes of a configuration: it is really asked."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.chain import Chain, load
from harness.chain.advice import Advice
from harness.chain.litellm_facts import waits
from harness.chain.litellm_reading import ReadDeployment, _without_mock, answered, applied, guess, question
from harness.drivers import litellm_asked
from harness.drivers.litellm_asked import advice, as_read, for_each_model, schedules
from harness.errors import UsageError
from harness.scenario.shipped import FOLDER
from tests.plans import chain_file


def written(folder: Path, models: dict[str, str], *, model: str | None = None, **router: Any) -> Path:
    """Write a configuration with a deployment of each model, by its `model_name`."""
    listed = [{"model_name": name.split()[0], "litellm_params": {"model": each}} for name, each in models.items()]
    path = folder / "litellm-config.yaml"
    path.write_text(json.dumps({"model_list": listed, "router_settings": router}))
    return path


def read(path: Path, *, model: str | None = None) -> Chain:
    """Return the chain as LiteLLM reads it."""
    return as_read(path, load(path, model=model))


def test_the_walk_is_the_one_that_litellm_takes(tmp_path: Path) -> None:
    """Peers together, fallbacks of fallbacks, those of an alias and of `*`; what no caller reaches is left out."""
    models = {"a": "openai/gpt-4", "a 2": "azure/gpt-4", "b": "groq/x", "c": "anthropic/claude-3-5", "d": "mistral/y"}
    fallbacks = [{"a": ["alias", "a"]}, {"alias": ["c"]}]
    path = written(tmp_path, models, fallbacks=fallbacks, model_group_alias={"alias": "b"})
    chain = read(path)
    assert chain.levels == (("a", "a-2"), ("b",), ("c",))
    assert chain.drawn == "a | a-2 → b → c"
    assert chain.left_out == {"no caller of 'a' reaches": ("d",)}
    assert chain.read_by
    assert (chain.providers["b"].dialect, chain.providers["b"].vendor) == ("openai-compatible", "groq")


def test_cloudflare_speaks_openais_format(tmp_path: Path) -> None:
    """LiteLLM is asked whether it calls it so. Slashes and an `@` belong to the model."""
    provider = read(written(tmp_path, {"a": "cloudflare/@cf/meta/llama-3.1-8b-instruct"})).providers["a"]
    assert (provider.dialect, provider.vendor) == ("openai-compatible", "cloudflare")
    assert provider.model == "@cf/meta/llama-3.1-8b-instruct"


def test_an_alias_loses_the_fallbacks_of_its_group(tmp_path: Path) -> None:
    """LiteLLM looks them up by what callers ask for; a check says so, once."""
    aliased = {"model_group_alias": {"x": "a"}, "fallbacks": [{"a": ["b"]}]}
    path = written(tmp_path, {"a": "openai/gpt-4", "b": "openai/gpt-5"}, **aliased)
    chain = read(path, model="x")
    assert chain.order == load(path, model="x").order == ("a",)
    assert [note for note in chain.notes if "alias" in note] == [
        "model_group_alias.x: has no fallbacks; LiteLLM looks them up by the alias, not by 'a'"
    ]
    assert read(path).order == ("a", "b")
    assert not read(path).notes


def test_a_fallback_is_found_by_the_stripped_name(tmp_path: Path) -> None:
    """A caller asks for `openai/gpt-4o`, which a wildcard takes, and the fallbacks of `gpt-4o` count."""
    models = {"openai/*": "openai/*", "claude": "anthropic/claude-3-5"}
    path = written(tmp_path, models, fallbacks=[{"gpt-4o": ["claude"]}])
    assert load(path, model="openai/gpt-4o").order == ("openai",)  # as it is guessed
    assert read(path, model="openai/gpt-4o").order == ("openai", "claude")


def test_a_deployment_is_reached_by_other_fallbacks_too(tmp_path: Path) -> None:
    """After a context window or a content policy: it takes part, but is not in the order."""
    models = {"a": "openai/gpt-4", "long": "openai/gpt-5", "lax": "xai/grok-3", "none": "openai/gpt-4"}
    path = written(
        tmp_path, models, context_window_fallbacks=[{"a": ["long"]}], content_policy_fallbacks=[{"a": ["lax"]}]
    )
    chain = read(path)
    assert chain.order == ("a",)
    assert list(chain.providers) == ["a", "long", "lax"]


def test_what_litellm_asks_in_no_known_format_is_one_error(tmp_path: Path) -> None:
    """All by vendor, with what would help. One that no caller reaches does not matter."""
    models = {"a": "openai/gpt-4", "b": "watsonx/m", "b 2": "replicate/m", "b 3": "replicate/n"}
    path = written(tmp_path, models, fallbacks=[{"a": ["b"]}])
    with pytest.raises(UsageError, match=r"there is no mock for watsonx, replicate \(2 deployments\)") as caught:
        read(path)
    assert caught.value.where == str(path)
    assert "--model" in (caught.value.hint or "")
    assert read(written(tmp_path, models)).order == ("a",)


def test_what_takes_no_chat_is_left_out(tmp_path: Path) -> None:
    """By LiteLLM's own list of models."""
    path = written(tmp_path, {"a": "openai/gpt-4", "a 2": "openai/gpt-image-1", "a 3": "text-embedding-3-small"})
    chain = read(path)
    assert chain.order == ("a",)
    assert chain.left_out == {"take no chat completions": ("a-2", "a-3")}


def test_models_that_embed_texts_are_asked_for_vectors(tmp_path: Path) -> None:
    """By LiteLLM's own list or by name; a vendor without a dialect is asked whether it speaks OpenAI's format."""
    models = {
        "a": "openai/gpt-4",
        "v": "text-embedding-3-small",
        "v 2": "voyage/voyage-3",
        "w": "ollama/nomic-embed-text",
    }
    path = written(tmp_path, models, fallbacks=[{"v": ["a", "w"]}])
    chain = read(path, model="v")
    assert chain.levels == (("v", "v-2"), ("w",))
    assert chain.left_out == {"embed no texts": ("a",)}
    assert {provider.embeds for provider in chain.providers.values()} == {True}
    assert (chain.providers["v-2"].dialect, chain.providers["v-2"].vendor) == ("openai-compatible", "voyage")
    assert [each.entry_model for each in for_each_model(path, load(path))[0]] == ["a", "v"]


def test_settings_in_the_wrong_place_are_named(tmp_path: Path) -> None:
    """With the right place, or with what was perhaps meant; nobody is told a wrong place for what LiteLLM does read."""
    path = written(tmp_path, {"a": "openai/gpt-4"}, cooldown_tme=5, drop_params=True, num_retries=1)
    data = json.loads(path.read_text())
    data["litellm_settings"] = {"cooldown_time": 30, "num_retries": 2, "cache_params": {"type": "redis"}}
    path.write_text(json.dumps(data))
    notes = "\n".join(read(path).notes)
    assert "router_settings.cooldown_tme: unknown to LiteLLM; did you mean 'cooldown_time'?" in notes
    assert "router_settings.drop_params: LiteLLM does not read it here; it belongs in litellm_settings" in notes
    assert "litellm_settings.cooldown_time: LiteLLM does not read it here; it belongs in router_settings" in notes
    assert "num_retries" not in notes
    assert "cache_params" not in notes


def test_it_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is kept by what was asked, and by the version; keys and addresses are no part of it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    asked: list[Any] = []
    real = litellm_asked._asked

    def count(interpreter: str, what: dict[str, Any]) -> Any:
        asked.append(what)
        return real(interpreter, what)

    monkeypatch.setattr(litellm_asked, "_asked", count)
    path = written(tmp_path, {"a": "openai/gpt-4"})
    data = json.loads(path.read_text())
    data["model_list"][0]["litellm_params"] |= {"api_key": "sk-secret-1", "api_base": "https://secret.example"}
    path.write_text(json.dumps(data))
    first = read(path)
    began_s = time.process_time()
    assert read(path) == first
    assert time.process_time() - began_s < 1  # LiteLLM's import alone takes more
    assert len(asked) == 1
    assert "secret" not in json.dumps(asked)


def test_without_an_answer_it_is_read_as_usual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever keeps LiteLLM from answering; a check says that it could not be asked."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(litellm_asked, "_asked", lambda *_: None)
    path = written(tmp_path, {"a": "groq/x", "b": "openai/gpt-4"}, fallbacks=[{"a": ["b"]}])
    assert read(path) == load(path)
    assert load(path).read_by is None
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert read(path).read_by  # a failure is not kept: the next one asks again


def test_an_environment_is_not_built_to_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check takes no minutes: what is not there is not asked."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = written(tmp_path, {"a": "openai/gpt-4"})
    hosted = tmp_path / "chain.yaml"
    hosted.write_text(f'name: c\ndriver: litellm-router\nconfig: {path.name}\nenvironment: {{litellm: "1.90.0"}}\n')
    assert as_read(hosted, load(hosted)).read_by is None


@pytest.mark.parametrize("walks", [[[[0, 1]], [], []], [[[1], [0]], [[0]], [[1]]]])
def test_an_answer_makes_the_chain(tmp_path: Path, walks: Sequence[Any]) -> None:
    """A pure step: the answer decides, not the guess."""
    chain = load(written(tmp_path, {"a": "openai/gpt-4", "b": "openai/gpt-5"}))
    assert guess(chain).walk == ((0,),)
    each = {"provider": "openai", "model": "m", "mode": "chat", "compatible": True}
    answer = {"deployments": [each, each], "walks": {"a": walks}, "router": [], "module": []}
    found = applied(chain, answered(chain, answer, "1.0"))
    assert found.order == tuple("ab"[place] for pick in walks[0] for place in pick)
    assert question(chain.litellm or {}, ["a"], failing=False)["entries"] == ["a"]


S = 10**9
WAIT_S = [(0.0, 0.0), (0.5, 1.25), (1.0, 1.75)]
"""Before each try of LiteLLM's own; after the last one it waits 2 s to 2.75 s."""


def test_its_waits_are_asked_for(tmp_path: Path) -> None:
    """At either end of what it draws: tries at one deployment wait, those in a group of several do not, the last wait is lost."""
    models = {"a": "openai/gpt-4", "b": "anthropic/claude-3-5", "b 2": "azure/gpt-4"}
    chain = read(written(tmp_path, models, fallbacks=[{"a": ["b"]}], timeout=20))
    served = next(each for each in schedules(chain, proxy=False) if "503" in each.failures)
    assert set(served.failures) == {"500", "503", "timeout"}
    alone, group = served.hops
    assert [(band.least / S, band.most / S) for band in (alone.wait, *alone.again)] == WAIT_S
    assert (group.providers, group.wait) == (("b", "b-2"), (2 * S, 2.75 * S))
    assert group.again == ((0, 0), (0, 0))
    assert group.at_worst_ns == 60 * S + 5.75 * S
    rules = waits(chain, proxy=False)
    assert set(rules) == {"a"}
    assert tuple(rules["a"].band(nth, None) for nth in (1, 2)) == alone.again


def test_the_tries_of_a_ranked_group_go_by_its_ranks(tmp_path: Path) -> None:
    """`order: 1` until its tries are used up, then `order: 2`."""
    path = written(tmp_path, {"a": "openai/gpt-4", "a 2": "azure/gpt-4"}, num_retries=1)
    data = json.loads(path.read_text())
    for rank, each in enumerate(data["model_list"], start=1):
        each["litellm_params"]["order"] = rank
    path.write_text(json.dumps(data))
    served = next(each for each in schedules(read(path), proxy=False) if "503" in each.failures)
    assert [(hop.providers, hop.tries) for hop in served.hops] == [(("a",), 2), (("a-2",), 2)]


def test_a_chain_file_s_waits_are_asked_for_too(tmp_path: Path) -> None:
    """It has no configuration of LiteLLM's, and LiteLLM is what hosts it."""
    path = tmp_path / "chain.yaml"
    path.write_text(chain_file("openai", "azure", driver="litellm-router", more="retry: {attempts: 2}\ntimeout: 3s"))
    chain = read(path)
    (served, *_) = schedules(chain, proxy=False)
    assert [hop.tries for hop in served.hops] == [2, 2]
    assert served.hops[1].at_worst_ns == 6 * S + 3 * S


def advised(chain: Chain) -> tuple[Advice, ...]:
    """Return what is probably not meant."""
    return advice(chain, schedules(chain, proxy=False))


FALLBACK: dict[str, Any] = {"fallbacks": [{"a": ["b"]}]}
CYCLE: dict[str, Any] = {"fallbacks": [{"a": ["b"]}, {"b": ["a"]}]}
NESTED: dict[str, Any] = {"fallbacks": [{"a": ["b"]}, {"b": ["c"]}]}
ADVICE: dict[str, tuple[dict[str, Any], str]] = {
    "cycle": (CYCLE, "a → b → a is a cycle; LiteLLM asks each model once in a request, then it returns the error"),
    "nested_fallbacks": (NESTED, "b has fallbacks of its own, which are asked too: c"),
    "policy_is_text": ({**FALLBACK, "retry_policy": "aggressive"}, "LiteLLM ignores a text such as 'aggressive'"),
    "policy_leaves_out": (
        {**FALLBACK, "retry_policy": {"RateLimitErrorRetries": 4}},
        "it does not name 500, 503 and timeout: a is then tried 3 times, after 429 5 times",
    ),
    "never_rests": (
        {**FALLBACK, "allowed_fails": 3},
        "a never cools down: LiteLLM asked it again after 18 failed attempts in a row with 500 and 429 (allowed_fails: 3",
    ),
    "refusal_retried": (
        {**FALLBACK, "retry_policy": {"ContentPolicyViolationErrorRetries": 1}},
        "a refusal by a content policy is tried 2 times at a: b is asked after 1.5–3 s",
    ),
    "unknown_source": (
        {"fallbacks": [{"a": ["b"]}, {"aa": ["c"]}]},
        "no model_name is 'aa', so these fallbacks are never used; did you mean 'a'?",
    ),
    "no_table": ({**FALLBACK, "context_window_fallbacks": True}, "true names no model, so LiteLLM falls back to none"),
}


@pytest.mark.parametrize("about", ADVICE)
def test_what_is_probably_not_meant(tmp_path: Path, about: str) -> None:
    """With what LiteLLM did when it was asked, and the scenario that shows it."""
    settings, text = ADVICE[about]
    chain = read(written(tmp_path, {"a": "openai/gpt-4", "b": "azure/gpt-4", "c": "xai/grok"}, **settings))
    found = {each.id: each for each in advised(chain)}
    assert text in found[about].text
    assert (FOLDER / str(found[about].shown_by)).is_file()


def test_fallbacks_of_an_alias_or_of_what_a_wildcard_takes_are_used(tmp_path: Path) -> None:
    """And those of every other model, `*`. The advice has the line of the others."""
    models = {"a": "openai/gpt-4", "b": "azure/gpt-4"}
    fallbacks = [{"x": ["b"]}, {"*": ["b"]}]
    path = written(tmp_path, models, fallbacks=fallbacks, model_group_alias={"x": "a"})
    assert "unknown_source" not in {each.id for each in advised(read(path))}
    path = written(tmp_path, {**models, "openai/*": "openai/*"}, fallbacks=[{"openai/gpt-5": ["b"]}])
    assert "unknown_source" not in {each.id for each in advised(read(path))}
    path = written(tmp_path, models, context_window_fallbacks=[{"gpt4": ["b"]}])
    (place,) = (each.place for each in advised(read(path)) if each.id == "unknown_source")
    assert place == ("router_settings", "context_window_fallbacks", 0, "gpt4")


def test_a_cooldown_that_begins_needs_no_advice(tmp_path: Path) -> None:
    """Two failures are allowed, and the third puts the deployment to rest."""
    chain = read(written(tmp_path, {"a": "openai/gpt-4", "b": "azure/gpt-4"}, allowed_fails=2, **FALLBACK))
    assert not advised(chain)


@pytest.mark.parametrize(
    ("module", "router", "why"),
    [
        (2, None, "LiteLLM takes allowed_fails from router_settings"),
        (2, 2, "allowed_fails is the same in litellm_settings, and counts as not set"),
        (2, 4, None),
        (3, 2, None),
    ],
)
def test_a_limit_of_failures_that_is_not_the_routers_own(
    tmp_path: Path, module: int, router: int | None, why: str | None
) -> None:
    """The Router compares its own with that of `litellm_settings`: what is the same, or was taken from there, counts as not set."""
    path = written(tmp_path, {"a": "openai/gpt-4", "b": "azure/gpt-4"}, allowed_fails=router, **FALLBACK)
    path.write_text(json.dumps({**json.loads(path.read_text()), "litellm_settings": {"allowed_fails": module}}))
    found = {each.id: each.text for each in advised(read(path))}
    assert ("never_rests" in found) == (why is not None)
    assert why is None or why in found["never_rests"]


MODELS = {"a": "openai/gpt-4", "b": "azure/gpt-4", "c": "xai/grok", "c 2": "openai/gpt-5", "d": "groq/x"}


def test_each_model_that_callers_can_ask_for_is_asked_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for one that is only a fallback; what LiteLLM was asked for one of them is kept for all."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = written(tmp_path, {**MODELS, "e": "text-embedding-3-small"}, **FALLBACK, model_group_alias={"x": "a"})
    chains, lacking = for_each_model(path, load(path))
    assert {chain.entry_model: chain.drawn for chain in chains} == {
        "a": "a → b",
        "c": "c | c-2",
        "d": "d",
        "e": "e",
        "x": "a",
    }
    assert not lacking
    before = {chain.entry_model: schedules(chain, proxy=False) for chain in chains}
    monkeypatch.setattr(litellm_asked, "_asked", lambda *_: None)
    again = read(path, model="c")
    assert again.drawn == "c | c-2"
    assert schedules(again, proxy=False) == before["c"]


def test_what_is_played_once_for_several_models_is_true_of_each(tmp_path: Path) -> None:
    """The same as where LiteLLM is asked for that model alone."""
    settings = {"model_group_retry_policy": {"d": {"RateLimitErrorRetries": 4}}, "num_retries": 1}
    path = written(tmp_path, MODELS, fallbacks=[{"a": ["b"]}, {"d": ["c"]}, {"c": ["d"]}], **settings)
    chains, _ = for_each_model(path, load(path))
    for chain in chains:
        asked = question(chain.litellm or {}, [chain.entry_model], failing=True)
        alone = litellm_asked._asked(sys.executable, asked)
        assert alone is not None
        together = litellm_asked._answer(chain, chain.litellm or {}, failing=True)
        assert together is not None
        played, again = together[1]["by_entry"][chain.entry_model], alone["by_entry"][chain.entry_model]
        assert played["schedules"] == again["schedules"]
        for failure, (after, _attempts) in played["rests"].items():  # how many it takes among peers, LiteLLM draws
            assert (after is None) == (again["rests"][failure][0] is None)


def test_an_answer_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For all models, for their waits and for what is advised."""
    path = written(tmp_path, {"a": "openai/gpt-4", "b": "openai/gpt-5"})
    chains, _ = for_each_model(path, load(path))
    read_from: list[Path] = []
    real = litellm_asked.made

    def count(folder: Path, *args: Any, **options: Any) -> Path:
        read_from.append(folder)
        return real(folder, *args, **options)

    monkeypatch.setattr(litellm_asked, "made", count)
    assert [len(advised(chain)) for chain in chains] == [0, 0]
    assert len(read_from) == 1


def test_a_wildcard_does_not_hide_the_others(tmp_path: Path) -> None:
    """Callers cannot ask for it, but for the models that it takes."""
    path = written(tmp_path, {"openai/*": "openai/*", "a": "anthropic/claude-3-5"})
    chains, lacking = for_each_model(path, load(path))
    assert [chain.entry_model for chain in chains] == ["a"]
    assert lacking == ("openai/* is not checked: ask for a model that it takes with --model",)


def test_a_model_without_a_mock_does_not_hide_the_others(tmp_path: Path) -> None:
    """But the first one, which a run asks for, must have one."""
    path = written(tmp_path, {"a": "openai/gpt-4", "b": "watsonx/m"})
    chains, lacking = for_each_model(path, load(path))
    assert [chain.entry_model for chain in chains] == ["a"]
    assert lacking == ("b is not checked: there is no mock for watsonx",)


def test_peers_of_several_vendors_have_no_order(tmp_path: Path) -> None:
    """Which many take them for."""
    found = {
        each.id: each.text for each in advised(read(written(tmp_path, {"a": "openai/gpt-4", "a 2": "azure/gpt-4"})))
    }
    assert "a is 2 deployments at openai and azure, in no order" in found["no_order"]


def test_a_cooldown_that_begins_within_a_request_is_played(tmp_path: Path) -> None:
    """After a 429 each of two peers cools down at once: both are asked once. A third failure ends the tries of one alone."""
    peers = read(written(tmp_path, {"a": "openai/gpt-4", "a 2": "azure/gpt-4"}, num_retries=3))
    limited = next(each for each in schedules(peers, proxy=False) if "429" in each.failures)
    assert [(hop.providers, hop.tries) for hop in limited.hops] == [(("a", "a-2"), 2)]
    alone = read(written(tmp_path, {"a": "openai/gpt-4", "b": "azure/gpt-4"}, allowed_fails=2, **FALLBACK))
    served = next(each for each in schedules(alone, proxy=False) if "503" in each.failures)
    assert [hop.tries for hop in served.hops] == [3, 3]
    assert served.hops[1].wait == (0, 0)


@pytest.mark.parametrize(
    ("models", "settings", "after", "shown_by"),
    [
        ({"a": "openai/gpt-4", "a 2": "azure/gpt-4"}, {}, "429 at a | a-2", "rate-limit-no-hint"),
        ({"a": "openai/gpt-4"}, {"allowed_fails": 1}, "500, 503, 429 and timeout at a", "rate-limit-no-hint"),
    ],
)
def test_a_group_that_cools_down_as_a_whole_locks_its_callers_out(
    tmp_path: Path, models: dict[str, str], settings: dict[str, Any], after: str, shown_by: str
) -> None:
    """LiteLLM is asked for a second request right after the first: it refuses it, for as long as the cooldown lasts."""
    chain = read(written(tmp_path, models, cooldown_time=30, **settings))
    found = {each.id: each for each in advised(chain)}["locked_out"]
    assert f"after one request that fails with {after}, LiteLLM refuses every request for 30 s" in found.text
    assert found.shown_by == f"catalogue/{shown_by}.yaml"


def test_nobody_is_locked_out_where_others_are_asked(tmp_path: Path) -> None:
    """A fallback that never cools down, and a lone deployment without a limit of failures. A wrong key is no case: the next request would fail too."""
    for models in ({"a": "openai/gpt-4", "a 2": "azure/gpt-4", "b": "xai/grok"}, {"a": "openai/gpt-4"}):
        settings = FALLBACK if "b" in models else {}
        chain = read(written(tmp_path, models, **settings))
        assert not [
            failure
            for each in schedules(chain, proxy=False)
            if each.locked_out_ns
            for failure in each.failures
            if failure != "401"
        ]
        assert "locked_out" not in {each.id for each in advised(chain)}


def test_keys_are_named_by_their_ends_alone(tmp_path: Path) -> None:
    """Those that the file holds, wherever, and one that is another vendor's."""
    path = written(tmp_path, {"a": "openai/gpt-4"})
    data = json.loads(path.read_text())
    data["model_list"][0]["litellm_params"]["api_key"] = "sk-ant-0123456789xyz"
    data["general_settings"] = {"master_key": "sk-1234", "database_url": "postgresql://me:hunter2@db.example/litellm"}
    data["litellm_settings"] = {
        "cache_params": {"type": "redis", "password": "hunter2hunter2", "host": "redis.example"}
    }
    data["environment_variables"] = {"GROQ_API_KEY": "gsk_0123456789abcdefgh", "SALT_KEY": "os.environ/SALT"}
    path.write_text(json.dumps(data))
    found = [each for each in advised(read(path)) if each.id == "key_in_file"]
    assert {each.place[-1]: each.text for each in found} == {
        "api_key": "the key sk-…xyz is written in the file; api_key: os.environ/NAME keeps it out",
        "master_key": "the key sk-… is written in the file; master_key: os.environ/MASTER_KEY keeps it out",
        "database_url": "a password is written in the file; database_url: os.environ/DATABASE_URL keeps it out",
        "password": "a secret is written in the file; password: os.environ/NAME keeps it out",
        "GROQ_API_KEY": (
            "the key gsk_…fgh is written in the file; set GROQ_API_KEY in the environment of the proxy instead"
        ),
    }
    (other,) = (each.text for each in advised(read(path)) if each.id == "key_of_another")
    assert other == "the key sk-…xyz is one of anthropic's, and a is at openai"


def test_a_cooldown_of_nothing_is_the_usual_one(tmp_path: Path) -> None:
    """To LiteLLM, 0 is not set."""
    chain = read(written(tmp_path, {"a": "openai/gpt-4", "a 2": "azure/gpt-4"}, cooldown_time=0))
    found = {each.id: each for each in advised(chain)}
    assert found["zero_cooldown"].text.startswith("0 counts as not set: LiteLLM leaves a deployment alone for 5 s")
    assert "LiteLLM refuses every request for 5 s" in found["locked_out"].text


def test_a_blocked_fallback_is_never_asked(tmp_path: Path) -> None:
    """LiteLLM leaves it out, and a check shows the order without it."""
    path = written(tmp_path, {"a": "openai/gpt-4", "b": "azure/gpt-4", "c": "xai/grok"}, fallbacks=[{"a": ["b", "c"]}])
    data = json.loads(path.read_text())
    data["model_list"][1]["model_info"] = {"blocked": True}
    path.write_text(json.dumps(data))
    chain = read(path)
    assert chain.drawn == "a → c"
    (found,) = (each for each in advised(chain) if each.id == "disabled_target")
    assert found.place == ("router_settings", "fallbacks", 0, "a", 0)
    assert found.text.startswith("b is disabled")


@pytest.mark.parametrize(
    ("why", "text"),
    [
        ("generate", "asks Cohere's old `generate`, which has no mock; write cohere_chat/… or test a newer version"),
        ("google-cloud-aiplatform", "needs google-cloud-aiplatform there, and it is not installed beside it"),
    ],
)
def test_calls_that_cannot_succeed_are_named(
    why: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a version of LiteLLM that calls a provider in another way, or needs a package more."""
    real = litellm_asked._asked

    def older(interpreter: str, what: dict[str, Any]) -> Any:
        return {**real(interpreter, what), **({"broken": {"0": why}} if what["failing"] else {})}

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(litellm_asked, "_asked", older)
    (found,) = (each for each in advised(read(written(tmp_path, {"a": "openai/gpt-4"}))) if each.id == "calls_fail")
    assert found.place == ("model_list", 0, "litellm_params", "model")
    assert found.text.startswith("every attempt at a fails")
    assert found.text.endswith(text)


def test_a_provider_that_older_versions_ask_in_another_way_is_named() -> None:
    """With the version after which it can be tested."""
    error = _without_mock([ReadDeployment("cloudflare", "@cf/m", takes="chat", compatible=False)])
    assert (error.hint or "").startswith("up to 1.90, LiteLLM asks cloudflare in its own format")
