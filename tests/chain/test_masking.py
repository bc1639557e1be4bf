"""What is shown of a configuration: everything but its keys."""

from __future__ import annotations

from pathlib import Path

from harness.chain.masking import changes, masked_lines

HERE = Path("litellm-config.yaml")
TEXT = """\
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o
      api_key: plain-secret-1     # was plain-secret-1
      api_base: https://me:hunter2@gate.example/v1
      extra_headers: {x-team: red-team-1, n: 5}
      vertex_credentials: |
        { "private": "abc
        def" }
  - {model_name: b, litellm_params: {model: openai/b, api_key: 'os.environ/KEY', pin: 1234}}
router_settings:
  num_retries: 2
  retry_policy: {AuthenticationErrorRetries: 3}
general_settings:
  master_key: k
  database_url: postgresql://u:p@h/db
  infer_model_from_keys: false
litellm_settings:
  success_callback: [langfuse]
  # api_key: sk-aaaaaaaaaaaaaaaaaaaaaaaa
environment_variables:
  ANY: thing-of-any-kind
"""
SECRETS = ("plain-secret-1", "hunter2", "red-team-1", "abc", "def", "1234", ": k\n", "u:p@", "sk-aaaa", "thing-of")


def test_keys_are_masked_and_the_rest_can_be_read() -> None:
    """Line for line; also in comments, over several lines, and where a name around it is secret."""
    lines = masked_lines(TEXT.encode(), HERE)
    shown = "\n".join(lines) + "\n"
    assert len(lines) == TEXT.count("\n")
    assert [secret for secret in SECRETS if secret in shown] == []
    for kept in ("model: openai/gpt-4o", "'os.environ/KEY'", "AuthenticationErrorRetries: 3", "num_retries: 2"):
        assert kept in shown
    for kept in (
        "gate.example",
        "h/db",
        "infer_model_from_keys: false",
        "[langfuse]",
        "api_key: (hidden)     # was (hid",
    ):
        assert kept in shown


def test_a_file_that_cannot_be_read_shows_no_values() -> None:
    """Where its keys are is not known; nor do control characters reach a terminal."""
    shown = "\n".join(masked_lines(b"api_key: sk-1\n  - [x: \x1b[2J\n\xff\n", HERE))
    assert "sk-1" not in shown
    assert "\x1b" not in shown


def test_what_differs_is_listed_without_keys() -> None:
    """Added, removed and changed values by their field."""
    before = {"a": {"api_key": "one-secret"}, "l": [1, 2], "t": True}
    after = {"a": {"api_key": "two-secret", "model": "m"}, "l": [1], "t": 1, "env": {"x": {"token": 5}}}
    assert list(changes(before, after)) == [
        {"field": "a.api_key", "before": "(hidden)", "after": "(hidden)"},
        {"field": "a.model", "before": None, "after": "m"},
        {"field": "l[1]", "before": 2, "after": None},
        {"field": "t", "before": True, "after": 1},
        {"field": "env", "before": None, "after": {"x": {"token": "(hidden)"}}},
    ]
