"""The logins of cloud libraries are answered in the chain's own process, in both engines, and never leave it."""

from __future__ import annotations

import re
import socket
from pathlib import Path

import pytest

from harness import sim
from harness.drivers.logins import LOGINS, LoginConversation, is_login
from tests.drivers.test_python import chain, hosted, plain
from tests.sim.test_python_chains import world

DUMMY = "sk-no-key"
_KEY = """\
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
PEM = rsa.generate_private_key(65537, 2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
INFO = {'type': 'service_account', 'client_email': 'a@b.example', 'private_key': PEM,
    'token_uri': 'https://oauth2.googleapis.com/token'}
"""
_NO_KEYS = """\
import os
for name in [name for name in os.environ if name.startswith('AWS_')]:
    del os.environ[name]
os.environ['AWS_CONFIG_FILE'] = os.environ['AWS_SHARED_CREDENTIALS_FILE'] = os.devnull
"""
SYNCHRONOUS = {
    "a Google service account": (
        f"{_KEY}from google.oauth2 import service_account\nfrom google.auth.transport.requests import Request",
        (
            "found = service_account.Credentials.from_service_account_info(INFO, scopes=['x'])\n"
            "    found.refresh(Request())\n    return found.token"
        ),
    ),
    "a Google user": (
        "from google.oauth2.credentials import Credentials\nfrom google.auth.transport.requests import Request",
        (
            "info = {'client_id': 'a', 'client_secret': 'b', 'refresh_token': 'c'}\n"
            "    found = Credentials.from_authorized_user_info(info)\n"
            "    found.refresh(Request())\n    return found.token"
        ),
    ),
    "a Google machine": (
        "import google.auth.compute_engine\nfrom google.auth.transport.requests import Request",
        "found = google.auth.compute_engine.Credentials()\n    found.refresh(Request())\n    return found.token",
    ),
    "Google's defaults on a machine": (
        "import os, google.auth\nfrom google.auth.transport.requests import Request\nos.environ['HOME'] = '/nowhere'",
        "found, project = google.auth.default()\n    found.refresh(Request())\n    return found.token",
    ),
    "an Azure application": (
        "from azure.identity import ClientSecretCredential",
        "return ClientSecretCredential('0-tenant', 'client', 'secret').get_token('https://x.example/.default').token",
    ),
    "an Azure machine": (
        "from azure.identity import ManagedIdentityCredential",
        "return ManagedIdentityCredential().get_token('https://x.example/.default').token",
    ),
    "an AWS role": (
        f"{_NO_KEYS}import boto3",
        (
            "sts = boto3.client('sts', 'eu-west-1', aws_access_key_id='a', aws_secret_access_key='b')\n"
            "    role = sts.assume_role(RoleArn='arn:aws:iam::000000000000:role/x', RoleSessionName='session')\n"
            "    return role['Credentials']['SessionToken']"
        ),
    ),
    "an AWS machine": (
        f"{_NO_KEYS}import botocore.session",
        "return botocore.session.Session().get_credentials().get_frozen_credentials().token",
    ),
}
ASYNCHRONOUS = {
    "an Azure application": (
        "from azure.identity.aio import ClientSecretCredential",
        (
            "async with ClientSecretCredential('0-tenant', 'client', 'secret') as found:\n"
            "        return (await found.get_token('https://x.example/.default')).token"
        ),
    ),
    "aiohttp": (
        "import aiohttp",
        (
            "async with aiohttp.ClientSession() as client:\n"
            "        async with client.post('https://oauth2.googleapis.com/token', data={'a': 'b'}) as found:\n"
            "            return (await found.json())['access_token']"
        ),
    ),
}
CODES = {
    **{
        f"{name}, in a thread": (f"{top}\ndef answer(messages, *, model):\n    {code}", False)
        for name, (top, code) in SYNCHRONOUS.items()
    },
    **{
        name: (f"{top}\nasync def answer(messages, *, model):\n    {code}", True)
        for name, (top, code) in SYNCHRONOUS.items()
    },
    **{
        f"{name}, asynchronous": (f"{top}\nasync def answer(messages, *, model):\n    {code}", True)
        for name, (top, code) in ASYNCHRONOUS.items()
    },
}


@pytest.mark.parametrize(("code", "simulated"), CODES.values(), ids=CODES)
def test_a_login_gets_a_dummy(
    code: str, simulated: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever library makes it, live and in virtual time; no connection leaves the machine, and none is stopped."""
    connect = socket.socket.connect

    def loopback_only(sock: socket.socket, address: object) -> None:
        assert isinstance(address, str) or address[0] == "127.0.0.1"  # type: ignore[index]
        connect(sock, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", loopback_only)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert hosted(chain(tmp_path, code), plain) == DUMMY
    assert "was stopped" not in caplog.text
    if simulated:
        loaded = world(tmp_path, code)
        history = sim.run(loaded.plan, loaded.chain).history
        assert set(history.requests["outcome"]) == {"ok"}
        assert history.attempts.empty


@pytest.mark.parametrize("host", ["oauth2.googleapis.com", "sts.eu-west-1.amazonaws.com", "STS.amazonaws.com"])
def test_its_hosts_are_found_by_name(host: str) -> None:
    """In any region, and in any case."""
    assert is_login(host)


@pytest.mark.parametrize(
    "host", ["api.openai.com", "oauth2.googleapis.com.example", "us-east1-aiplatform.googleapis.com", "127.0.0.1"]
)
def test_no_provider_is_a_login(host: str) -> None:
    """Calls to one are still stopped."""
    assert not is_login(host)


def test_what_is_not_known_is_not_found() -> None:
    """Two requests on one connection, the second in two pieces."""
    conversation = LoginConversation("169.254.169.254")
    assert conversation.feed(b"PUT /latest/api/token HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")
    assert conversation.feed(b"GET /something/else HTTP/1.1\r\n") == b""
    assert conversation.feed(b"\r\n").startswith(b"HTTP/1.1 404 Not Found\r\n")


def test_every_declaration_can_be_reached() -> None:
    """Its patterns are valid, and no earlier one is the same."""
    assert len({(login.hosts, login.request) for login in LOGINS}) == len(LOGINS)
    for login in LOGINS:
        re.compile(login.hosts)
        re.compile(login.request)
