"""What `docker-compose.yml` names is there and fits together, and its keys are made and checked. No Docker daemon is needed."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from ruamel.yaml import YAML

from harness.chain import load
from harness.chain.litellm_router import router_settings
from tests.cli.test_guides import understood

ROOT = Path(__file__).parents[1]
COMPOSE = [str(Path(sys.executable).with_name("docker-compose")), "--project-directory", str(ROOT)]
PROFILES = ("proxy", "run", "load", "lab", "observe")
KEYS = "scripts/compose-env.sh"
PORTS = {"openai": 18081, "azure": 18082, "anthropic": 18083}
CLEAN = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


def read(path: Path) -> Any:
    """Return a YAML file."""
    return YAML(typ="safe", pure=True).load(path.read_text())


def keys(folder: Path, word: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the script of the keys in a folder."""
    command = ["sh", str(ROOT / KEYS), word]
    return subprocess.run(command, cwd=folder, env=CLEAN | variables, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a new `.env`."""
    folder = tmp_path_factory.mktemp("keys")
    shutil.copy(ROOT / ".env.example", folder)
    (folder / "reports").mkdir()
    done = keys(folder, "new")
    assert done.returncode == 0, done.stderr
    return folder / ".env"


def compose(env: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Compose with a `.env`."""
    command = [*COMPOSE, "--file", str(ROOT / "docker-compose.yml"), "--env-file", str(env), *words]
    return subprocess.run(command, env=CLEAN, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def composed(env: Path) -> dict[str, Any]:
    """Give the services as Compose understands them."""
    done = compose(env, "--profile", "*", "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    services: dict[str, Any] = json.loads(done.stdout)["services"]
    return services


@pytest.mark.parametrize("profile", PROFILES)
def test_every_profile_is_valid(profile: str, env: Path) -> None:
    """With a `.env` Compose takes it as it is, and warns of nothing."""
    done = compose(env, "--profile", profile, "config", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")


def test_without_keys_nothing_starts(tmp_path: Path) -> None:
    """The error names what is missing, and the script that makes it; there is no default secret."""
    (tmp_path / "empty").touch()
    done = compose(tmp_path / "empty", "config", "--quiet")
    assert done.returncode != 0
    asked = set(re.findall(r"required variable (\w+) is missing a value: run sh (\S+) new", done.stderr))
    secrets = {"LITELLM_MASTER_KEY", "LITELLM_SALT_KEY", "DATABASE_URL", "POSTGRES_PASSWORD"}
    assert {name for name, _ in asked} == secrets | {"HARNESS_TOKEN", "JUPYTER_TOKEN", "GRAFANA_PASSWORD"}
    assert {script for _, script in asked} == {KEYS}


def test_every_variable_is_in_the_example(env: Path) -> None:
    """A variable that the file asks for has its line and its comment; a new `.env` leaves none empty."""
    asked = set(re.findall(r"\$\{(\w+)", (ROOT / "docker-compose.yml").read_text()))
    assert asked == set(re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert re.findall(r"^[A-Z_]+=$", env.read_text(), flags=re.MULTILINE) == []


def test_nothing_is_published_to_other_machines(composed: dict[str, Any]) -> None:
    """Ports are those of one service, at 127.0.0.1; every other one shares its loopback, and none is privileged."""
    for name, service in composed.items():
        assert all(port["host_ip"] == "127.0.0.1" for port in service.get("ports", ())), name
        assert service["network_mode"] == ("bridge" if name == "network" else "service:network"), name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert "privileged" not in service, name


def test_every_service_has_limits(composed: dict[str, Any]) -> None:
    """Of memory and processes; it is started again, unless `docker compose run` starts it; its image is a release."""
    for name, service in composed.items():
        assert service["deploy"]["resources"]["limits"].keys() >= {"memory", "pids"}, name
        assert service["restart"] == ("no" if name == "harness" else "unless-stopped")
        assert not service.get("image", "").endswith(":latest"), name
        assert ":" in service["image"] or service["image"].startswith("llm-fallback-harness"), name
        ours = service["image"].startswith("llm-fallback-harness")
        assert not ours or (service["read_only"] and service["user"] != "0:0"), name
        assert "healthcheck" in service or name in ("network", "harness", "worker"), name


def test_what_is_mounted_is_there(composed: dict[str, Any]) -> None:
    """Every file and folder; what is configuration cannot be written."""
    written = {ROOT / "reports", ROOT / "notebooks"}
    for name, service in composed.items():
        for mount in service.get("volumes", ()):
            if mount["type"] == "bind":
                source = Path(mount["source"])
                assert source.exists(), (name, source)
                assert mount.get("read_only", False) == (source not in written), (name, source)
        if build := service.get("build"):
            assert (Path(build["context"]) / build["dockerfile"]).is_file()


def test_the_image_copies_what_is_there(composed: dict[str, Any]) -> None:
    """Every COPY has its source, which `.dockerignore` lets through; the last stage does not run as root."""
    dockerfile = (ROOT / "Dockerfile").read_text()
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", dockerfile, flags=re.MULTILINE)
    sources = {source for line in copied for source in line.split()}
    assert sources == kept
    assert all((ROOT / source).exists() for source in sources)
    assert re.findall(r"^USER (.*)$", dockerfile, flags=re.MULTILINE) == ["1000:1000"]
    arguments = set(re.findall(r"^ARG (\w+)", dockerfile, flags=re.MULTILINE))
    given = {name for service in composed.values() for name in service.get("build", {}).get("args", {})}
    assert given <= arguments


def test_the_image_has_every_folder_of_the_package() -> None:
    """What the wheel takes from beside `harness/` is let through, is there when the libraries are installed, and is copied."""
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    folders = {"harness", *package["force-include"]}
    dockerfile = (ROOT / "Dockerfile").read_text()
    made = re.search(r"^RUN mkdir (.*?) &&", dockerfile, re.MULTILINE)
    assert made is not None
    assert set(made[1].split()) == folders
    assert set(re.findall(r"^COPY (\w+) /src/", dockerfile, re.MULTILINE)) == folders
    assert folders <= set(re.findall(r"^!(\w+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))


def test_the_gateway_is_the_chain_of_the_demo() -> None:
    """LiteLLM's configuration is what a plain run hosts, at the addresses where the composed chain listens."""
    plain = load(ROOT / "scenarios" / "chains" / "gpt4-azure-claude.yaml")
    chain = load(ROOT / "scenarios" / "chains" / "composed-gateway.yaml")
    addresses = {name: f"http://127.0.0.1:{port}" for name, port in PORTS.items()}
    hosted = router_settings(plain, addresses, {}, proxy=True)
    config = read(ROOT / "docker" / "litellm-config.yaml")

    def compared(models: Any) -> list[tuple[str, str, str]]:
        params = [(each["model_name"], each["litellm_params"]) for each in models]
        return [(name, given["model"], given["api_base"]) for name, given in params]

    assert compared(config["model_list"]) == compared(hosted.model_list)
    assert config["router_settings"] == {key: hosted.router[key] for key in config["router_settings"]}
    assert {f"http://{provider.listen}" for provider in chain.providers.values()} == set(addresses.values())
    assert [(chain.order, chain.retry, chain.timeout)] == [(plain.order, plain.retry, plain.timeout)]


def test_ports_agree(composed: dict[str, Any]) -> None:
    """Whoever calls a port calls the one at which the other service listens."""
    published = {port["target"] for port in composed["network"]["ports"]}
    chain = load(ROOT / composed["harness"]["environment"]["HARNESS_CHAIN"])
    assert chain.endpoint is not None
    gateway = urlsplit(chain.endpoint.base_url).port
    command = composed["litellm"]["command"]
    assert int(command[command.index("--port") + 1]) == gateway
    listening = {name: _listens(composed[name]["command"]) for name in ("lab", "prometheus")}
    grafana = int(composed["grafana"]["environment"]["GF_SERVER_HTTP_PORT"])
    assert published == {gateway, listening["lab"], grafana}
    (source,) = read(ROOT / "docker/grafana/provisioning/datasources/prometheus.yaml")["datasources"]
    assert urlsplit(source["url"]).port == listening["prometheus"]
    jobs = read(ROOT / "docker" / "prometheus.yml")["scrape_configs"]
    asked = {job["job_name"]: int(job["static_configs"][0]["targets"][0].rpartition(":")[2]) for job in jobs}
    assert asked["litellm"] == gateway
    assert asked["harness"] == int(composed["harness"]["environment"]["HARNESS_METRICS"])
    assert asked["prometheus"] == listening["prometheus"]
    for name in ("litellm", "lab", "prometheus", "grafana"):
        (checked,) = re.findall(r"http://127\.0\.0\.1:(\d+)/", " ".join(composed[name]["healthcheck"]["test"]))
        assert int(checked) in published | {listening["prometheus"]}, name
    assert composed["postgres"]["command"] == ["postgres", "-c", "listen_addresses=127.0.0.1"]


def _listens(command: list[str]) -> int:
    (port,) = [
        int(found) for word in command for found in re.findall(r"^--(?:port=|web\.listen-address=.*:)(\d+)$", word)
    ]
    return port


def test_its_commands_are_understood(composed: dict[str, Any]) -> None:
    """What the guide runs in a container, and what the workers run, are commands of ours with options that exist."""
    guide = (ROOT / "docs" / "guides" / "compose.md").read_text()
    commands = re.findall(r"docker compose run --rm (?:lab )?(harness .+?)`?$", guide, flags=re.MULTILINE)
    assert len(commands) >= 4
    worker = composed["worker"]["command"]
    assert understood(" ".join(["harness", *worker])) == "worker"
    assert any(worker[-1] in command for command in commands)
    for command in commands:
        assert understood(command)


def test_grafana_finds_its_dashboards(composed: dict[str, Any]) -> None:
    """The folder of the dashboards is mounted where the provisioning says."""
    (provider,) = read(ROOT / "docker/grafana/provisioning/dashboards/harness.yaml")["providers"]
    mounts = {
        mount["target"]: Path(mount["source"]) for mount in composed["grafana"]["volumes"] if mount["type"] == "bind"
    }
    assert mounts[provider["options"]["path"]] == ROOT / "docker" / "grafana" / "dashboards"


def test_keys_are_made_once(env: Path) -> None:
    """Only their owner can read them, they are in no commit and no image, and a second call changes nothing."""
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    assert ".env" in (ROOT / ".gitignore").read_text().splitlines()
    assert (ROOT / ".dockerignore").read_text().splitlines()[1] == "*"
    before = env.read_text()
    again = keys(env.parent, "new")
    assert again.returncode == 2
    assert ".env exists already" in again.stderr
    assert env.read_text() == before
    assert keys(env.parent, "check").returncode == 0


def test_two_sets_of_keys_differ(env: Path, tmp_path: Path) -> None:
    """No secret is the same on two machines."""
    shutil.copy(ROOT / ".env.example", tmp_path)
    (tmp_path / "reports").mkdir()
    keys(tmp_path, "new")

    def secrets(path: Path) -> dict[str, str]:
        found = dict(re.findall(r"^(\w*(?:KEY|TOKEN|PASSWORD|URL))=(.+)$", path.read_text(), flags=re.MULTILINE))
        assert len(found) == 7
        return found

    ours, theirs = secrets(env), secrets(tmp_path / ".env")
    assert ours.keys() == theirs.keys()
    assert not set(ours.values()) & set(theirs.values())


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"LITELLM_MASTER_KEY": "0123456789abcdef0123"}, "LITELLM_MASTER_KEY does not begin with sk-"),
        ({"LITELLM_MASTER_KEY": "sk-1234"}, "LITELLM_MASTER_KEY is too short"),
        ({"LITELLM_SALT_KEY": "sk-1234"}, "LITELLM_SALT_KEY is not 32 bytes"),
        ({"LITELLM_SALT_KEY": "z" * 64}, "LITELLM_SALT_KEY is not 32 bytes"),
        ({"DATABASE_URL": "mysql://u:p@127.0.0.1:3306/litellm"}, "DATABASE_URL is not the address"),
        ({"DATABASE_URL": "postgresql://127.0.0.1:5432/litellm"}, "DATABASE_URL is not the address"),
        ({"POSTGRES_PASSWORD": "other"}, "DATABASE_URL does not agree with POSTGRES_PASSWORD"),
    ],
)
def test_a_wrong_key_is_reported(variables: dict[str, str], message: str, env: Path) -> None:
    """Before anything starts with it, and with a hint."""
    done = keys(env.parent, "check", **variables)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {message}")
    assert "\n  hint: " in done.stderr


def test_a_database_elsewhere_is_accepted(env: Path) -> None:
    """Its password is its own."""
    done = keys(env.parent, "check", DATABASE_URL="postgresql://me:secret@db.example:5432/spend?sslmode=require")
    assert (done.returncode, done.stderr) == (0, "")
