"""The logins of cloud libraries, and what they are answered in both engines: a dummy, as for every other key.

A chain asks these addresses for tokens before it calls a provider: google-auth, azure-identity and msal, botocore. They are
no providers, so nothing of it is recorded and no fault concerns them.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from harness.chain.spec import DUMMY_KEY
from harness.drivers.http_bytes import RequestHead, RequestReader

_VALID_S = 3600
_METADATA = r"169\.254\.169\.254"
"""Where a machine of any of these clouds asks for what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What some addresses answer.

    Attributes:
        hosts: Matches their names.
        request: Matches method and path of the request, with its query, and its body after a space.
        answer: Returns the answer's body, given the match of the request.
        headers: Of the answer.
    """

    hosts: str
    request: str
    answer: Callable[[re.Match[str]], object]
    headers: tuple[tuple[str, str], ...] = ()


def _token(**more: object) -> Callable[[re.Match[str]], object]:
    token = {"access_token": DUMMY_KEY, "token_type": "Bearer", "expires_in": _VALID_S}
    return lambda _match: {**token, "expires_on": str(int(time.time()) + _VALID_S), **more}


def _until() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + _VALID_S))


def _authority(match: re.Match[str]) -> object:
    url = f"https://login.microsoftonline.com/{match[1]}"
    return {
        "issuer": f"{url}/v2.0",
        "authorization_endpoint": f"{url}/oauth2/v2.0/authorize",
        "token_endpoint": f"{url}/oauth2/v2.0/token",
        "device_authorization_endpoint": f"{url}/oauth2/v2.0/devicecode",
    }


def _instances(_match: re.Match[str]) -> object:
    hosts = ["login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"]
    names = {"preferred_network": hosts[0], "preferred_cache": hosts[1], "aliases": hosts}
    endpoint = f"https://{hosts[0]}/common/v2.0/.well-known/openid-configuration"
    return {"tenant_discovery_endpoint": endpoint, "api-version": "1.1", "metadata": [names]}


def _aws_keys(_match: re.Match[str]) -> object:
    keys = {"AccessKeyId": DUMMY_KEY, "SecretAccessKey": DUMMY_KEY, "Token": DUMMY_KEY, "Expiration": _until()}
    return {"Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2020-01-01T00:00:00Z", **keys}


def _assumed(match: re.Match[str]) -> str:
    action = match[1]
    keys = f"<AccessKeyId>{DUMMY_KEY}</AccessKeyId><SecretAccessKey>{DUMMY_KEY}</SecretAccessKey>"
    keys += f"<SessionToken>{DUMMY_KEY}</SessionToken><Expiration>{_until()}</Expiration>"
    user = "<AssumedRoleId>harness</AssumedRoleId><Arn>arn:aws:sts::000000000000:assumed-role/harness/harness</Arn>"
    found = f"<Credentials>{keys}</Credentials><AssumedRoleUser>{user}</AssumedRoleUser>"
    if action == "GetCallerIdentity":
        found = (
            "<Arn>arn:aws:iam::000000000000:user/harness</Arn><UserId>harness</UserId><Account>000000000000</Account>"
        )
    result = f"<{action}Result>{found}</{action}Result><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>"
    return f'<{action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">{result}</{action}Response>'


_GOOGLE = rf"metadata\.google\.internal|{_METADATA}"
_FLAVOR = (("Metadata-Flavor", "Google"),)

LOGINS = (
    Login(hosts=r"oauth2\.googleapis\.com|sts\.googleapis\.com", request=r"POST /(v1/)?(oauth)?token", answer=_token()),
    Login(
        hosts=r"iamcredentials\.googleapis\.com",
        request=r"POST \S+:generateAccessToken",
        answer=lambda _match: {"accessToken": DUMMY_KEY, "expireTime": _until()},
    ),
    Login(
        hosts=_GOOGLE,
        request=r"GET /computeMetadata/v1/instance/service-accounts/[^/]+/token",
        answer=_token(),
        headers=_FLAVOR,
    ),
    Login(
        hosts=_GOOGLE,
        request=r"GET /computeMetadata/v1/instance/service-accounts/[^/]+/",
        answer=lambda _match: {"email": "harness@example.invalid", "aliases": ["default"], "scopes": []},
        headers=_FLAVOR,
    ),
    Login(
        hosts=_GOOGLE,
        request=r"GET /computeMetadata/v1/universe/universe.domain",
        answer=lambda _match: "googleapis.com",
        headers=_FLAVOR,
    ),
    Login(hosts=_GOOGLE, request=r"GET /(computeMetadata/\S*)? ", answer=lambda _match: "harness", headers=_FLAVOR),
    Login(
        hosts=r"login\.microsoftonline\.com",
        request=r"GET /([^/]+)/v2\.0/\.well-known/openid-configuration",
        answer=_authority,
    ),
    Login(hosts=r"login\.microsoftonline\.com", request=r"GET /common/discovery/instance", answer=_instances),
    Login(hosts=r"login\.microsoftonline\.com", request=r"POST /[^/]+/oauth2/(v2\.0/)?token", answer=_token()),
    Login(hosts=_METADATA, request=r"GET /metadata/identity/oauth2/token", answer=_token(resource="harness")),
    Login(hosts=r"sts\.([a-z0-9-]+\.)?amazonaws\.com", request=r"POST .*\bAction=(\w+)", answer=_assumed),
    Login(hosts=r"sts\.([a-z0-9-]+\.)?amazonaws\.com", request=r"GET .*\bAction=(\w+)", answer=_assumed),
    Login(
        hosts=_METADATA,
        request=r"PUT /latest/api/token",
        answer=lambda _match: DUMMY_KEY,
        headers=(("X-aws-ec2-metadata-token-ttl-seconds", "21600"),),
    ),
    Login(
        hosts=_METADATA, request=r"GET /latest/meta-data/iam/security-credentials/? ", answer=lambda _match: "harness"
    ),
    Login(hosts=_METADATA, request=r"GET /latest/meta-data/iam/security-credentials/\w", answer=_aws_keys),
    Login(hosts=r"169\.254\.170\.2", request=r"GET ", answer=_aws_keys),
)
"""The first one that matches a request answers it; what none matches is not found."""


@cache
def is_login(host: str) -> bool:
    """Return whether a host is asked for logins, and for nothing else."""
    return any(re.fullmatch(login.hosts, host, re.IGNORECASE) for login in LOGINS)


class LoginConversation:
    """One connection to such a host, as the host sees it.

    Args:
        host: Its name.
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._reader = RequestReader(self._began, self._whole)
        self._head: RequestHead
        self._answers = bytearray()

    def feed(self, data: bytes) -> bytes:
        """Read what is sent, and return what it answers.

        Raises:
            MalformedError: It is not HTTP/1.1.
        """
        self._reader.feed(data)
        answers = bytes(self._answers)
        self._answers.clear()
        return answers

    def _began(self, head: RequestHead) -> bytes:
        self._head = head
        return b""

    def _whole(self, body: bytes) -> None:
        self._answers += _answer(self._host, f"{self._head.method} {self._head.path} {body.decode('latin-1')}")


def _answer(host: str, request: str) -> bytes:
    """Return the bytes of an answer."""
    for login in LOGINS:
        if re.fullmatch(login.hosts, host, re.IGNORECASE) and (match := re.match(login.request, request)):
            made = login.answer(match)
            text = made if isinstance(made, str) else json.dumps(made)
            kind = "application/json" if text[0] == "{" else "text/xml" if text[0] == "<" else "text/plain"
            return _http("200 OK", text, (("Content-Type", kind), *login.headers))
    return _http("404 Not Found", "the harness has no answer for this login", ())


def _http(status: str, text: str, headers: tuple[tuple[str, str], ...]) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers), f"Content-Length: {len(text)}"]
    return "\r\n".join([*lines, "", text]).encode()
