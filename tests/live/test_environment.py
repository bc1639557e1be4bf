"""What children of ours find in their environment."""

from __future__ import annotations

import pytest

from harness.drivers.litellm_variables import variables
from harness.live.environment import child_environment, without_proxies


def test_a_child_gets_what_it_needs_and_no_key() -> None:
    """Paths, the locale, Python's settings and our own; whatever else it needs is named."""
    needed = {"PATH": "/bin", "HOME": "/root", "TMPDIR": "/tmp", "LC_ALL": "C.UTF-8", "LANG": "C", "PYTHONPATH": "x"}
    ours = {"HARNESS_RUN": "r", "SSL_CERT_FILE": "ca.pem", "COVERAGE_PROCESS_START": "c"}
    others = {"OPENAI_API_KEY": "sk-1", "AWS_SECRET_ACCESS_KEY": "x", "MY_LANG": "x", "PATHS": "x", "DEFAULT_X": "1"}
    others["HARNESS_TOKEN"] = "lets workers in"
    environ = {**needed, **ours, **others}
    assert child_environment((), environ) == {**needed, **ours}
    assert child_environment({"DEFAULT_X", "NOT_SET"}, environ) == {**needed, **ours, "DEFAULT_X": "1"}


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY", "ftp_proxy", "WSS_PROXY"])
def test_no_child_calls_through_a_proxy(name: str) -> None:
    """All that children of ours call is on the loopback."""
    assert without_proxies({name: "http://proxy.invalid", "NO_PROXY": "x"}) == {"NO_PROXY": "x"}


def test_settings_of_litellm_are_known_by_its_source() -> None:
    """Somebody who sets its cooldown in the environment has it in the run too; keys are not among them."""
    found = variables({})
    assert {"DEFAULT_COOLDOWN_TIME_SECONDS", "DEFAULT_MAX_RETRIES"} <= found
    assert not {name for name in found if name.endswith(("_API_KEY", "_MASTER_KEY", "_SECRET", "_PASSWORD"))}
