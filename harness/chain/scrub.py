"""Text without secrets: without those that are known, and without whatever looks like one."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise

HIDDEN = "(hidden)"
LENGTH_MIN = 6
"""A shorter text is not searched for: it is part of too many words."""

_REMEMBERED_MAX = 2_000  # the same errors come again and again; longer texts are logs
_RANDOM_MIN = 20
_SHOWN_MIN, _SHOWN_END = 16, 3
_CHANGES_MIN = 0.25  # random hexadecimal changes between digit and letter at 47 % of its places, words at far fewer

_SECRET_NAME = re.compile(
    r"key|secret|(?<!first_)token(?!s)|passw|passphrase|pwd|credential|auth(?!or)|cookie|header|environment_variables|dsn|webhook"
    r"|jwt|bearer|(?:^|[_.\-])(?:pass|pin|pem|pat|certs?|sig|signature|code|otp|psk|basic)(?:$|[_.\-])",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"\b(?:(?:sk|pk|rk|xox[a-z]|gh[pousr]|github_pat|glpat|gsk|hf|xai|nvapi|pplx|csk|r8|dapi)[-_]|AKIA|ASIA|AIza|ya29\.)"
    r"[A-Za-z0-9_\-]{12,}"
    r"|\beyJ[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]*){0,2}"
    r"|\b[Bb]earer\s+[^\s\"'\\,;}]+"
    r"|\bBasic\s+(?=[A-Za-z]*(?:[0-9+/=]|[a-z][A-Z]))[A-Za-z0-9+/]{4,}={0,2}"
)
_PASSWORD = re.compile(r"://[^/\s@]*@")
_QUERY = re.compile(r"(?P<before>[?&;#](?P<name>[\w.\-%\[\]]+)=)[^&;#\s\"'<>\\()]+")
_WEBHOOK = re.compile(r"(?P<host>https?://[^\s/\"'<>]+/)[^\s\"'<>\\()]+")
_SETTING = re.compile(
    r"(?<![\w\-])(?:(?P<flag>--?[A-Za-z][\w.\-]*+)[ \t]++|(?P<name>[\w.\-]++)(?:\\?[\"'])?+[ \t]*+[:=][ \t]*+)(?:\\?[\"'])?+"
)
_SETTING_NAME = re.compile(
    r"(?:(?P<line>authorization|cookie)|(?:api|access|secret|private|master|account|auth)[_\-]?key|secret|passw(?:or)?d"
    r"|passphrase|pwd|token|credentials?)$",
    re.IGNORECASE,
)
_VALUE = re.compile(rf"(?!os\.environ/|env/)[^\s\"'\\,;&}}]{{{LENGTH_MIN},}}")
_LINE = re.compile(r"[^\"'\\\n}]+")  # `Authorization: Token abc`, `Cookie: a=b; c=d`
_BEGINNING = re.compile(r"[A-Za-z]{1,6}[\-_]")
_LONG = re.compile(rf"(?<![\w+/\-])[\w+/\-]{{{_RANDOM_MIN},}}={{0,2}}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def scrub(text: str, secrets: frozenset[str] = frozenset()) -> str:
    """Return a text without the secrets in it, and without what looks like one, in linear time.

    What looks like one: a key with a well-known beginning, a bearer token, a JWT, a password in an address, the address
    of a webhook, the value of a secret name, a long random word. UUIDs stay: they name requests.

    Args:
        text: Free text, such as an error or a log.
        secrets: Texts that are known to be secret.
    """
    return _scrub(text, secrets) if len(text) > _REMEMBERED_MAX else _remembered(text, secrets)


def names_secret(name: str) -> bool:
    """Return whether the value of a setting, variable or header with this name is likely to be secret."""
    return _SECRET_NAME.search(name) is not None


def shown_key(key: str) -> str:
    """Return a key as its owner recognises it, `sk-…xyz`: its usual beginning, and its last three signs if it is long."""
    begin = _BEGINNING.match(key)
    end = key[-_SHOWN_END:] if len(key) >= _SHOWN_MIN and key[-_SHOWN_END:].isalnum() else ""
    return f"{begin[0] if begin else ''}…{end}"


def _scrub(text: str, secrets: frozenset[str]) -> str:
    for secret in _longest_first(secrets):
        if secret in text:
            text = text.replace(secret, HIDDEN)
    text = _TOKEN.sub(HIDDEN, text)
    text = _hide_settings(text)
    if "=" in text:
        text = _QUERY.sub(_hide_query, text)
    if "://" in text:
        text = _PASSWORD.sub(f"://{HIDDEN}@", text)
        text = _WEBHOOK.sub(_hide_webhook, text)
    return _LONG.sub(_hide_random, text)


_remembered = lru_cache(maxsize=4096)(_scrub)


@lru_cache(maxsize=64)
def _longest_first(secrets: frozenset[str]) -> tuple[str, ...]:
    return tuple(sorted(secrets, key=len, reverse=True))


def _hide_settings(text: str) -> str:
    """Hide the values of secret names: `name=value`, `name: value`, `"name": "value"`, `--name value`."""
    shown, at = [], 0
    for match in _SETTING.finditer(text):
        values = _values_of(match["flag"] or match["name"], alone=match["flag"] is not None)
        if values is not None and match.start() >= at and (value := values.match(text, match.end())):
            shown += [text[at : match.end()], HIDDEN]
            at = value.end()
    return "".join([*shown, text[at:]]) if shown else text


@lru_cache(maxsize=4096)
def _values_of(name: str, *, alone: bool) -> re.Pattern[str] | None:
    """Return what the value of a setting looks like; None if its name is not secret."""
    named = _SETTING_NAME.search(name)
    if named is None:
        return None
    return _LINE if named["line"] and not alone else _VALUE


def _hide_query(match: re.Match[str]) -> str:
    return match["before"] + HIDDEN if names_secret(match["name"]) else match[0]


def _hide_webhook(match: re.Match[str]) -> str:
    return match["host"] + HIDDEN if "hook" in match[0].lower() else match[0]


def _hide_random(match: re.Match[str]) -> str:
    return HIDDEN if _is_random(match[0]) else match[0]


def _is_random(word: str) -> bool:
    """Return whether digits, small and capital letters change too often for a word that somebody has chosen."""
    if _UUID.fullmatch(word):
        return False
    kinds = ["digit" if sign.isdigit() else "small" if sign.islower() else "capital" for sign in word if sign.isalnum()]
    changes = sum(one != next_one for one, next_one in pairwise(kinds))
    return len(kinds) >= _RANDOM_MIN and "digit" in kinds and changes >= _CHANGES_MIN * len(kinds)
