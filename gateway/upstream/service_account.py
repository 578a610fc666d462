"""A Google service account: reads its JSON and signs the assertion that is traded for a token.

The grant is RFC 7523's, with the claims of Google's "Using OAuth 2.0 for Server to Server
Applications" (read November 2026). No message repeats anything of the account.
"""

import base64

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from msgspec import Struct

from gateway.errors import Failure, UpstreamError
from gateway.types.secret import Secret

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_TYPE = "service_account"
_ASSERTION_LIFE_S = 3600  # the longest Google takes
# Google's keys have 2,048 bits. Checking one takes 45 ms, of 4,096 bits (3,300 characters) 0.3 s,
# of 8,192 bits 4 s of a core (cryptography 50, measured November 2026).
_MAX_PEM = 4096


class _Typed(Struct, frozen=True):
    """As much of a JSON object as tells whether it is a service account."""

    type: str = ""


class _Account(Struct, frozen=True):
    """What signing needs. `token_uri` is left out: where tokens come from is not the file's say."""

    type: str
    client_email: str
    private_key: str
    private_key_id: str = ""

    def __repr__(self) -> str:
        return "_Account([secret])"


def needs_exchange(secret: Secret) -> bool:
    """Whether an opened secret is the JSON of a service account, as opposed to a token or key."""
    text = secret.reveal()
    if not text.lstrip().startswith("{"):
        return False
    try:
        return msgspec.json.decode(text, type=_Typed).type == _TYPE
    except msgspec.DecodeError:
        return False


def sign_assertion(service_account: Secret, audience: str, now: float) -> Secret:
    """Return the signed JWT (RS256) for a token of `SCOPE`. Blocks for the time of an RSA check.

    `audience` is the URL it is sent to; `now` is Unix seconds. Raises UpstreamError(KEY_REJECTED)
    for a secret that is no service account or whose private key is not usable.
    """
    account = _read(service_account)
    header = {"alg": "RS256", "typ": "JWT"}
    if account.private_key_id:
        header["kid"] = account.private_key_id
    claims = {
        "iss": account.client_email,
        "scope": SCOPE,
        "aud": audience,
        "iat": int(now),
        "exp": int(now) + _ASSERTION_LIFE_S,
    }
    signed = f"{_encode(msgspec.json.encode(header))}.{_encode(msgspec.json.encode(claims))}"
    signature = _load_key(account.private_key).sign(signed.encode(), PKCS1v15(), SHA256())
    return Secret(f"{signed}.{_encode(signature)}")


def _read(secret: Secret) -> _Account:
    try:
        account = msgspec.json.decode(secret.reveal(), type=_Account)
    except msgspec.DecodeError:
        account = None
    if account is None or account.type != _TYPE or not account.client_email:
        raise _rejected("The key is not the JSON of a Google service account.")
    return account


def _load_key(pem: str) -> RSAPrivateKey:
    key = None
    if len(pem) <= _MAX_PEM:
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            key = None
    if not isinstance(key, RSAPrivateKey):
        raise _rejected("The service account's private key is not a usable RSA key in PEM form.")
    return key


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _rejected(message: str) -> UpstreamError:
    return UpstreamError(Failure.KEY_REJECTED, message)
