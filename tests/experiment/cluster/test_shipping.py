"""What travels to a worker: data that is of use there, and nothing that must stay here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import harness
from harness.chain import Provider
from harness.chain.spec import DUMMY_KEY, EnvironmentSpec
from harness.errors import UsageError
from harness.experiment.cluster.shipping import distributions, shipped, versions
from harness.lines import write
from tests.plans import chain

SECRETS = ("sk-live-1a2b3c", "hunter2-hunter2", "tok-55555")


def test_no_secret_travels_and_everything_else_does() -> None:
    """A dummy takes the place of a key, a header, a variable and the login of an address, whoever they belong to."""
    litellm = {
        "model_list": [
            {
                "model_name": "gpt-4",
                "litellm_params": {
                    "model": "openai/gpt-4",
                    "api_key": SECRETS[0],
                    "api_base": f"https://me:{SECRETS[1]}@example.test/v1",
                    "max_tokens": 5,
                    "litellm_credential_name": "ours",
                },
            }
        ],
        "router_settings": {"allowed_fails_policy": {"AuthenticationErrorAllowedFails": 3}},
        "general_settings": {"master_key": "os.environ/MASTER"},
    }
    provider = Provider(dialect="openai", model="gpt-4", headers={"x-team": SECRETS[2]})
    sent = shipped(chain(providers={"openai": provider}, litellm=litellm, env={"A_TOKEN": SECRETS[2], "REGION": "eu"}))
    assert not any(secret.encode() in write(sent) for secret in SECRETS)
    assert sent.litellm is not None
    params = sent.litellm["model_list"][0]["litellm_params"]
    assert params == {
        "model": "openai/gpt-4",
        "api_key": DUMMY_KEY,
        "api_base": "https://example.test/v1",
        "max_tokens": 5,
        "litellm_credential_name": "ours",
    }
    assert sent.litellm["router_settings"] == litellm["router_settings"]
    assert sent.litellm["general_settings"] == {"master_key": DUMMY_KEY}
    assert sent.env == {"A_TOKEN": DUMMY_KEY, "REGION": "eu"}


def test_no_path_travels(tmp_path: Path) -> None:
    """A worker may be on another machine."""
    sent = shipped(chain("openai", folder=str(tmp_path), python=sys.executable))
    assert (sent.folder, sent.python) == (None, None)


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"python": "/opt/app/bin/python"}, "python"),
        ({"python": "/cache/built/bin/python", "environment": EnvironmentSpec(litellm="1.90.0")}, "environment"),
        ({"driver": "python", "target": "beside:answer"}, "target"),
        ({"driver": "python", "target": "msgspec.json:encode", "setup": "beside:begin"}, "target"),
    ],
)
def test_a_chain_that_lives_on_this_machine_is_refused(fields: dict[str, object], where: str) -> None:
    """With a hint at what would work."""
    with pytest.raises(UsageError, match="on this machine only") as refused:
        shipped(chain("openai", **fields))
    assert refused.value.where == where
    assert "--scheduler" in (refused.value.hint or "")


def test_a_file_beside_the_chain_hides_an_installed_package(tmp_path: Path) -> None:
    """It would be imported in the package's place here, and not there."""
    ours = chain("openai", driver="python", target="msgspec.json:encode", folder=str(tmp_path))
    assert shipped(ours).target == ours.target
    (tmp_path / "msgspec.py").touch()
    with pytest.raises(UsageError, match="msgspec"):
        shipped(ours)


def test_a_worker_needs_what_decides_how_a_chain_behaves() -> None:
    """Ourselves, Python, the libraries of chains, and the package that has its function."""
    names = distributions(chain("openai", driver="python", target="msgspec.json:encode"))
    assert {"litellm", "msgspec"} <= {*names}
    found = versions((*names, "no-such-package"))
    assert found["harness"] == harness.__version__
    assert found["Python"] == "{}.{}".format(*sys.version_info)
    assert "msgspec" in found
    assert "no-such-package" not in found
