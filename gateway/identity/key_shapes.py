"""The shapes a provider key's secret may have, checked when it is saved, not when it is used. Pure.

No message repeats any of a secret, not even its length or a character.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.types.secret import Secret

_MAX_STRING: Final = 4096
_MAX_PEM: Final = 8192
_LAST: Final = 4
# A shorter secret would be mostly given away by its last four characters.
_SHORTEST_SHOWN: Final = 16
_PRINTABLE: Final = re.compile(r"[!-~]+")
_ACCESS_KEY_ID: Final = re.compile(r"[A-Z0-9]{16,128}")
_EMAIL: Final = re.compile(r"[a-z0-9._-]{1,100}@[a-z0-9.-]{1,150}")
_PROJECT: Final = re.compile(r"[a-z0-9][a-z0-9.:-]{1,99}")
_AWS_MEMBERS: Final = ("access_key_id", "secret_access_key", "session_token")
_GOOGLE_TYPE: Final = "service_account"
# The formats whose providers take more than a string.
AWS_FORMAT: Final = "bedrock"
GOOGLE_FORMAT: Final = "vertex"


class ReadSecret(Struct, frozen=True):
    """A checked secret: what is sealed (the string, or compact JSON) and what may be shown of it."""

    sealed_text: Secret
    last4: str


def read_key_secret(raw: Any, format_: str) -> ReadSecret:
    """Check the `secret` member of a provider key for a provider of this wire format.

    A string; for Bedrock also `{access_key_id, secret_access_key, session_token?}`; for Vertex also
    a Google service account. Raises InvalidRequest (`invalid_key_format`, param `secret…`).
    """
    if isinstance(raw, str):
        _check_string(raw, "secret")
        return ReadSecret(Secret(raw), _last4(raw))
    reader = _OBJECTS.get(format_) if isinstance(raw, Mapping) else None
    if reader is None:
        raise _refused("Must be a string, as the provider shows it.", "secret")
    return reader(raw)


def _read_aws(raw: Mapping[str, Any]) -> ReadSecret:
    for name in raw:
        if name not in _AWS_MEMBERS:
            raise _refused(f"Expected {', '.join(_AWS_MEMBERS)} and nothing else.", "secret")
    for name in _AWS_MEMBERS:
        if name in raw or name != "session_token":
            _check_string(raw.get(name), f"secret.{name}")
    if _ACCESS_KEY_ID.fullmatch(raw["access_key_id"]) is None:
        raise _refused("Not an AWS access key id.", "secret.access_key_id")
    return ReadSecret(_compact(raw), _last4(raw["secret_access_key"]))


def _read_google(raw: Mapping[str, Any]) -> ReadSecret:
    """Keep what signing needs. `token_uri` is dropped: where tokens come from is not the user's say."""
    if raw.get("type") != _GOOGLE_TYPE:
        raise _refused("Expected the JSON file of a Google service account.", "secret.type")
    for name, shape in (("client_email", _EMAIL), ("project_id", _PROJECT)):
        value = raw.get(name)
        if not isinstance(value, str) or shape.fullmatch(value) is None:
            raise _refused("Not as in a service account's file.", f"secret.{name}")
    _check_string(raw.get("private_key_id"), "secret.private_key_id")
    pem = raw.get("private_key")
    if not isinstance(pem, str) or not _is_private_key(pem):
        raise _refused("Not a private key in PEM form.", "secret.private_key")
    kept = ("type", "project_id", "private_key_id", "private_key", "client_email")
    body = "".join(pem.split("-----")[2].split()).rstrip("=")
    return ReadSecret(_compact({name: raw[name] for name in kept}), _last4(body))


_OBJECTS: Final[Mapping[str, Callable[[Mapping[str, Any]], ReadSecret]]] = MappingProxyType(
    {AWS_FORMAT: _read_aws, GOOGLE_FORMAT: _read_google}
)


def _is_private_key(pem: str) -> bool:
    if len(pem) > _MAX_PEM or not pem.isascii():
        return False
    try:
        load_pem_private_key(pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def _check_string(value: Any, param: str) -> None:
    if not isinstance(value, str) or not value:
        raise _refused("Must be a string, as the provider shows it.", param)
    if len(value) > _MAX_STRING:
        raise _refused(f"Must be at most {_MAX_STRING} characters.", param)
    if _PRINTABLE.fullmatch(value) is None:
        raise _refused(
            "Holds a space, a line break or a character that no key has; paste the key alone.",
            param,
        )


def _compact(members: Mapping[str, Any]) -> Secret:
    return Secret(msgspec.json.encode(dict(members)).decode())


def _last4(secret: str) -> str:
    return secret[-_LAST:] if len(secret) >= _SHORTEST_SHOWN else ""


def _refused(message: str, param: str) -> InvalidRequest:
    return InvalidRequest(message, code="invalid_key_format", param=param)
