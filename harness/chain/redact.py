"""A chain without its secrets, fit to be written down: a value is kept only where it is known to be harmless."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto
from typing import Any
from urllib.parse import quote, unquote

from harness.chain.litellm_settings import DEPLOYMENT, GENERAL, MODULE, ROUTER
from harness.chain.scrub import HIDDEN, LENGTH_MIN, names_secret, scrub
from harness.chain.spec import PLACEHOLDER, Chain, Endpoint

_COMMAND = frozenset(
    [
        "port",
        "host",
        "bind",
        "listen",
        "config",
        "models",
        "provider",
        "providers",
        "primary",
        "secondary",
        "backup",
        "fallback",
        "url",
        "endpoint",
        "log_level",
        "loglevel",
        "level",
        "workers",
        "threads",
        "concurrency",
        "retries",
        "attempts",
        "rate",
        "ttl",
        "region",
    ]
)
_HARMLESS = ROUTER | MODULE | GENERAL | DEPLOYMENT | _COMMAND
"""Names of settings whose values are numbers, switches, models or addresses."""
NESTED = frozenset(
    [
        "fallbacks",
        "context_window_fallbacks",
        "content_policy_fallbacks",
        "default_fallbacks",
        "model_group_alias",
        "retry_policy",
        "model_group_retry_policy",
        "allowed_fails_policy",
        "routing_strategy_args",
        "routing_groups",
    ]
)
"""Settings that consist of such settings alone."""
_SUBCOMMANDS = frozenset(["serve", "server", "start", "run", "up", "dev", "exec", "proxy", "gateway"])
_QUERY_NAMES = frozenset(["api-version", "version", "alt"])
_SEGMENTS = frozenset(
    [
        "api",
        "v1",
        "v2",
        "v1beta",
        "v1beta1",
        "openai",
        "anthropic",
        "azure",
        "chat",
        "completions",
        "models",
        "deployments",
        "messages",
        "responses",
        "embeddings",
        "health",
        "healthz",
        "ready",
        "readiness",
        "live",
        "liveness",
        "liveliness",
        "status",
        "ping",
    ]
)

_REFERENCE = re.compile(r"(?:os\.environ|env)/\w+")
_PLAIN = re.compile(r"[\w.\-/:,*@+ ]{0,200}", re.ASCII)
_FILE = re.compile(r"[\w.\-/@+]+\.(?:py|js|mjs|ts|jar|sh|ya?ml|json|toml|conf|ini)", re.ASCII)
_WORDS = re.compile(r"(?:[A-Z]?[a-z]+|[A-Z]+)(?:[_\-./ ](?:[A-Z]?[a-z]+|[A-Z]+))*")
_FLAG = re.compile(r"--[a-z]+(?:[\-_][a-z]+)*|-[a-z]", re.IGNORECASE)
_ASSIGNED = re.compile(r"(?P<before>(?P<name>-{0,2}[a-z_][\w.\-]*)=)(?P<value>[^=].*)", re.IGNORECASE | re.DOTALL)
_ADDRESS = re.compile(
    rf"(?:{PLACEHOLDER.pattern}|(?P<scheme>[a-z][a-z\d+]*://)(?P<login>[^/\s@?#]*@)?(?P<host>[^/\s@?#]+)"
    r"|localhost:\d{1,5}|[\w\-]+(?:\.[\w\-]+)+:\d{1,5})(?P<path>/[^\s?#]*)?(?P<query>[?#]\S*)?",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\s\"'`,;:={}()\[\]<>|&?#]+")


class _Secrecy(Enum):
    """What is known of a setting.

    A harmless one has plain values, a nested one consists of harmless ones, a secret one hides whatever is in it.
    """

    UNKNOWN = auto()
    HARMLESS = auto()
    NESTED = auto()
    SECRET = auto()


def redact(chain: Chain) -> Chain:
    """Return the chain as it may be written down; references to the environment stay.

    Where it runs is left out: the same test may run anywhere, and a path names a machine. So is what concerns its file alone.
    """
    return replace(
        _Redaction({}).chain(chain), python=None, environment=None, folder=None, left_out={}, notes=(), read_by=None
    )


def secrets(chain: Chain, environ: Mapping[str, str]) -> frozenset[str]:
    """Return the texts that no log, error or record may hold.

    They are what `redact` hides, what the chain's references to the environment lead to, and what other variables with
    a secret name hold. Texts of fewer than six characters are left out, plain words that no secret name belongs to, and
    plain values of a command's options whose names are no secret's.
    """
    redaction = _Redaction(environ)
    redaction.chain(chain)
    for name, text in environ.items():
        if names_secret(name) and not text.startswith("/"):  # SSH_AUTH_SOCK and the like are paths
            redaction.hide(text)
    return frozenset(redaction.hidden - set(_names(chain)))


def _names(chain: Chain) -> Iterator[str]:
    """Yield the names that a log needs to stay readable."""
    yield from (chain.name, chain.driver, *chain.providers)
    for provider in chain.providers.values():
        yield from (provider.dialect, provider.model)


class _Redaction:
    """One walk through a chain, for both: what is shown of it, and what is hidden.

    Args:
        environ: Where references to the environment lead.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.hidden: set[str] = set()
        self._environ = environ

    def chain(self, chain: Chain) -> Chain:
        providers = {}
        for name, provider in chain.providers.items():
            self._text(provider.api_key or "", _Secrecy.SECRET)
            upstream = None if provider.upstream is None else self._address(provider.upstream)
            providers[name] = replace(provider, upstream=upstream, headers=self._headers(provider.headers))
        for written in () if chain.keys is None else (chain.keys.database, chain.keys.master, chain.keys.salt):
            self._text(written, _Secrecy.SECRET)
            for login in re.findall(r"//([^/?#]*)@", self._environ.get(written.partition("/")[2], "")):
                self.hide(login.partition(":")[2], certain=True)  # the database's password, alone too
        return replace(
            chain,
            providers=providers,
            endpoint=None if chain.endpoint is None else self._endpoint(chain.endpoint),
            env={name: self._text(value, _variable(name)) for name, value in chain.env.items()},
            litellm=None if chain.litellm is None else self._value(chain.litellm),
        )

    def _headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        return {name: self.hide(value, certain=True) for name, value in headers.items()}

    def hide(self, text: str, *, certain: bool = False) -> str:
        """Note a text and the words in it as hidden; plain words only if it is certain that they are secret."""
        self._note(text, certain=certain)
        self._note(text.strip("-"), certain=certain)
        before = ""
        for match in _WORD.finditer(text):
            word = match[0].strip("-")
            self._note(word, certain=names_secret(before))
            before = word
        return HIDDEN

    def _note(self, text: str, *, certain: bool) -> None:
        if len(text) >= LENGTH_MIN and (certain or not _WORDS.fullmatch(text)):
            self.hidden |= {text, unquote(text), quote(text, safe=""), json.dumps(text)[1:-1]}

    def _endpoint(self, endpoint: Endpoint) -> Endpoint:
        self._text(endpoint.api_key or "", _Secrecy.SECRET)
        return replace(
            endpoint,
            base_url=self._address(endpoint.base_url),
            headers=self._headers(endpoint.headers),
            command=None if endpoint.command is None else tuple(self._command(endpoint.command)),
            ready=endpoint.ready and self._path(endpoint.ready),
        )

    def _value(self, value: Any, name: str = "", kind: _Secrecy = _Secrecy.UNKNOWN) -> Any:
        """Return a setting of a LiteLLM configuration."""
        if isinstance(value, dict):
            return {scrub(key): self._value(item, key, _kind(key, kind)) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(item, name, kind) for item in value]
        if isinstance(value, str):
            return self._text(value, kind)
        if value is None or isinstance(value, bool) or kind in (_Secrecy.HARMLESS, _Secrecy.NESTED):
            return value
        return self.hide(str(value)) if kind is _Secrecy.SECRET else HIDDEN

    def _text(self, text: str, kind: _Secrecy, *, certain: bool = False) -> str:
        """Return a text; `certain` means that what is hidden of it is secret even if it is a plain word."""
        certain = certain or kind is _Secrecy.SECRET
        if _REFERENCE.fullmatch(text):
            self._text(self._environ.get(text.split("/", 1)[1], "").strip(), kind, certain=True)
            return text
        if kind is not _Secrecy.SECRET and _ADDRESS.fullmatch(text):
            return self._address(text)
        harmless = kind in (_Secrecy.HARMLESS, _Secrecy.NESTED)
        return text if harmless and _is_plain(text) else self.hide(text, certain=certain)

    def _command(self, command: Sequence[str]) -> Iterator[str]:
        """Yield the arguments of a command."""
        yield from (self._text(program, _Secrecy.HARMLESS) for program in command[:1])
        flag: str | None = None
        for argument in command[1:]:
            if assigned := _ASSIGNED.fullmatch(argument):
                yield assigned["before"] + self._argument(assigned["name"], assigned["value"])
                flag = None
            elif argument.startswith("--" if flag else "-") and _is_flag(argument):
                yield argument
                flag = argument
            else:
                yield self._argument(flag, argument)
                flag = None

    def _argument(self, flag: str | None, value: str) -> str:
        """Return the value of a flag; of a positional argument if the flag is None."""
        if flag is None:
            if value in _SUBCOMMANDS or (_FILE.fullmatch(value) and _is_plain(value)):
                return value
            if value.startswith("-"):  # `-pSECRET`
                self.hide(value[2:], certain=True)
        name = (flag or "").lstrip("-")
        kind = _kind(name)
        ordinary = kind is _Secrecy.UNKNOWN and len(name) > 1 and (flag or "").startswith("-")
        if ordinary and _is_plain(value) and not _ADDRESS.fullmatch(value):
            return HIDDEN  # but no secret: it may be a model's name, which records must keep
        return self._text(value, kind, certain=flag is not None)

    def _address(self, text: str) -> str:
        """Return an address: its scheme, host and port, and those parts of its path and query that are harmless."""
        match = _ADDRESS.fullmatch(text)
        if match is None or scrub(match["host"] or "") != (match["host"] or ""):
            return self.hide(text)
        begin = text[: match.start("path") if match["path"] else match.start("query") if match["query"] else None]
        if match["login"]:
            login = match["login"][:-1]
            for part in (login, login.partition(":")[2]):
                self.hide(part, certain=True)
            begin = f"{match['scheme']}{HIDDEN}@{match['host']}"
        return begin + self._path((match["path"] or "") + (match["query"] or ""))

    def _path(self, text: str) -> str:
        path, mark, query = re.fullmatch(r"([^?#]*)([?#]?)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
        shown = "/".join(part if not part or part.lower() in _SEGMENTS else self.hide(part) for part in path.split("/"))
        return shown + mark + re.sub(r"[^&;]+", lambda match: self._parameter(match[0]), query)

    def _parameter(self, text: str) -> str:
        name, sign, value = text.partition("=")
        if not sign:
            return self.hide(text)
        if name in _QUERY_NAMES and _is_plain(value):
            return text
        return f"{name}={self.hide(value, certain=True)}"


def _kind(name: str, above: _Secrecy = _Secrecy.UNKNOWN) -> _Secrecy:
    """Return what is known of the values of a setting, by its name and by what is known of the setting above it."""
    if above is _Secrecy.SECRET or names_secret(name):
        return _Secrecy.SECRET
    if above is _Secrecy.NESTED or name in NESTED:
        return _Secrecy.NESTED
    return _Secrecy.HARMLESS if name.lower().replace("-", "_") in _HARMLESS else _Secrecy.UNKNOWN


def _variable(name: str) -> _Secrecy:
    """Return what is known of the values of an environment variable that a chain file sets, by its name."""
    return _Secrecy.SECRET if names_secret(name) else _Secrecy.HARMLESS


def _is_plain(text: str) -> bool:
    return _PLAIN.fullmatch(text) is not None and scrub(text) == text


def _is_flag(argument: str) -> bool:
    """Return whether an argument is the name of a flag, and no secret that begins with a dash."""
    name = argument.lstrip("-")
    known = _kind(name) is _Secrecy.HARMLESS or name in ("token", "password", "secret")
    return known or _FLAG.fullmatch(argument) is not None
