"""The database and the keys of a gateway: what the environment must hold, and that none of it is written down."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness import chain as chains
from harness.chain.keys import GatewayKeys, Tenant, gateway_secrets
from harness.chain.redact import redact, secrets
from harness.errors import UsageError
from harness.experiment.real import permit
from tests import plans

ENVIRON = {
    "DATABASE_URL": "postgresql://me:hunter2-hunter2@127.0.0.1:6543/litellm?sslmode=disable",
    "LITELLM_MASTER_KEY": "sk-master-12345",
    "LITELLM_SALT_KEY": "salt-of-32-bytes",
}
CHAIN = plans.chain("openai", driver="litellm-proxy", keys=GatewayKeys(database="env/DATABASE_URL"))


def test_what_the_gateway_is_started_with() -> None:
    """From the variables that the chain file names."""
    found = gateway_secrets(CHAIN, ENVIRON)

    assert found is not None
    assert found.master == "sk-master-12345"
    assert (found.database.host, found.database.port) == ("127.0.0.1", 6543)
    assert found.database.loopback
    assert gateway_secrets(replace(CHAIN, keys=None), {}) is None


def test_a_proxy_in_front_of_the_database_changes_the_address_alone() -> None:
    """Login, name and options stay."""
    found = gateway_secrets(CHAIN, ENVIRON)

    assert found is not None
    assert found.database.through("127.0.0.1:9") == ENVIRON["DATABASE_URL"].replace("127.0.0.1:6543", "127.0.0.1:9")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("DATABASE_URL", "", "the environment variable DATABASE_URL is not set"),
        ("DATABASE_URL", "mysql://me:hunter2@db/x", "DATABASE_URL is not the address of a Postgres"),
        ("DATABASE_URL", "postgresql://me:hunter2@db:port/x", "DATABASE_URL is not the address of a Postgres"),
        ("LITELLM_MASTER_KEY", "hunter2", "LITELLM_MASTER_KEY does not begin with sk-"),
        ("LITELLM_SALT_KEY", " ", "the environment variable LITELLM_SALT_KEY is not set"),
    ],
)
def test_mistakes_name_the_variable_and_hide_its_value(name: str, value: str, problem: str) -> None:
    """Each before anything is started."""
    with pytest.raises(UsageError) as caught:
        gateway_secrets(CHAIN, {**ENVIRON, name: value})

    assert problem in caught.value.problem
    assert "hunter2" not in str(caught.value)


def test_nothing_of_it_is_written_down() -> None:
    """A plan has the names of the variables, and no log may show their values."""
    assert redact(CHAIN).keys == CHAIN.keys
    hidden = secrets(CHAIN, ENVIRON)
    for text in (*ENVIRON.values(), "hunter2-hunter2"):
        assert text in hidden


def test_another_machines_database_needs_permission() -> None:
    """A run makes and deletes keys in it."""
    away = {**ENVIRON, "DATABASE_URL": "postgresql://me:pw@db.example:5432/litellm"}

    permit(CHAIN, ENVIRON, allow=False)
    permit(CHAIN, away, allow=True)
    with pytest.raises(UsageError, match=r"in the database at db\.example") as caught:
        permit(CHAIN, away, allow=False)
    assert "--allow-real" in (caught.value.hint or "")


def test_in_a_chain_file(tmp_path: Path) -> None:
    """Only where the driver has a gateway with a database, and only by reference."""
    keys = "keys: {database: env/DATABASE_URL, tenants: {gold: {budget: 0.05}, free: {}}}"
    path = tmp_path / "chain.yaml"
    path.write_text(plans.chain_file("openai", driver="litellm-proxy", more=keys))
    found = chains.load(path).keys
    assert found is not None
    assert found.tenants == {"gold": Tenant(budget=0.05), "free": Tenant()}

    path.write_text(plans.chain_file("openai", driver="litellm-router", more=keys))
    with pytest.raises(UsageError, match="goes with `driver: litellm-proxy`"):
        chains.load(path)
    path.write_text(
        plans.chain_file("openai", driver="litellm-proxy", more="keys: {database: 'postgresql://me:pw@db/x'}")
    )
    with pytest.raises(UsageError, match=r"keys\.database"):
        chains.load(path)
