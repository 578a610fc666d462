"""Who calls: AWS Signature Version 4, recomputed from the secret; or a Bedrock API key.

Source: docs.aws.amazon.com, "Create a signed AWS API request" (2026). An access key id that begins
with AKIASANDBOX or ASIASANDBOX is ours, and its secret follows from it (`secret_of`), so a test can
sign for as many users as it likes.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.base import bearer_token
from gateway.sandbox.formats.bedrock.refusals import (
    refuse_bearer,
    refuse_caller,
    refuse_unknown_key,
)

SERVICE = "bedrock"
HOME_REGION = "us-east-1"

_ALGORITHM = "AWS4-HMAC-SHA256"
_TERMINATOR = "aws4_request"
_OURS = re.compile(r"A[KS]IASANDBOX\w*")
_REFUSED = re.compile(r"A[KS]IASANDBOXBAD\w*")
_DATE = re.compile(r"\d{8}T\d{6}Z")
_SPACES = re.compile(r" +")
_SECRET_LENGTH = 40
_SKEW_S = 300
_INVALID = "InvalidSignatureException"
_INCOMPLETE = "IncompleteSignatureException"


def secret_of(access_key_id: str) -> str:
    """Return the secret access key: the first 40 hexadecimal digits of the id's SHA-256."""
    return hashlib.sha256(access_key_id.encode()).hexdigest()[:_SECRET_LENGTH]


def identify(call: Call, region: str) -> str:
    """Return the access key id, or the API key, of a request to an endpoint in a region.

    Raises Refused as AWS does.
    """
    scheme, _, rest = call.header("authorization").partition(" ")
    if not scheme:
        raise refuse_caller("MissingAuthenticationTokenException", "Missing Authentication Token")
    if scheme.lower() == "bearer":
        key = bearer_token(call)
        if not key or key.startswith("bad"):
            raise refuse_bearer()
        return key
    if scheme != _ALGORITHM:
        raise refuse_caller(_INCOMPLETE, f"Unsupported AWS 'algorithm': '{scheme}'.", 400)
    fields = _read_fields(rest)
    access_key_id, *scope = fields["Credential"].split("/")
    _check_key(access_key_id, call.header("x-amz-security-token"))
    stamp = _read_date(call)
    _check_scope(scope, stamp, region)
    _check_age(stamp, call.received)
    _check_signature(call, fields, "/".join(scope), stamp, secret_of(access_key_id))
    return access_key_id


def _read_fields(text: str) -> Mapping[str, str]:
    pairs = (part.strip().partition("=") for part in text.split(","))
    fields = {name: value for name, _, value in pairs}
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not fields.get(name)
    ]
    if missing:
        raise refuse_caller(_INCOMPLETE, " ".join(missing), 400)
    return fields


def _check_key(access_key_id: str, token: str) -> None:
    """Refuse keys that are not ours; temporary ones (ASIA…) come with a session token."""
    if token.startswith("expired"):
        text = "The security token included in the request is expired"
        raise refuse_caller("ExpiredTokenException", text)
    temporary = access_key_id.startswith("ASIA")
    known = _OURS.fullmatch(access_key_id) and not _REFUSED.fullmatch(access_key_id)
    if not known or temporary != bool(token) or token.startswith("bad"):
        raise refuse_unknown_key()


def _read_date(call: Call) -> str:
    stamp = call.header("x-amz-date")
    if not stamp:
        text = (
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
        raise refuse_caller(_INCOMPLETE, text, 400)
    if not _DATE.fullmatch(stamp) or _read_time(stamp) is None:
        text = f"Date must be in ISO-8601 'basic format'. Got '{stamp}'."
        raise refuse_caller(_INCOMPLETE, text, 400)
    return stamp


def _read_time(stamp: str) -> float | None:
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return None


def _check_scope(scope: list[str], stamp: str, region: str) -> None:
    if len(scope) != 4:
        text = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term."
        raise refuse_caller(_INCOMPLETE, text, 400)
    day, scoped_region, service, terminator = scope
    faults = []
    if scoped_region != region:
        faults.append("Credential should be scoped to a valid region. ")
    if service != SERVICE:
        faults.append(f"Credential should be scoped to correct service: '{SERVICE}'. ")
    if terminator != _TERMINATOR:
        faults.append(f"Credential should be scoped with a valid terminator: '{_TERMINATOR}'. ")
    if day != stamp[:8]:
        faults.append(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
            f"HTTP: '{day}' != '{stamp[:8]}', from '{stamp}'. "
        )
    if faults:
        raise refuse_caller(_INVALID, "".join(faults))


def _check_age(stamp: str, now: float) -> None:
    signed = _read_time(stamp) or 0.0
    if signed < now - _SKEW_S:
        text = (
            f"Signature expired: {stamp} is now earlier than {_write_time(now - _SKEW_S)} "
            f"({_write_time(now)} - 5 min.)"
        )
        raise refuse_caller(_INVALID, text)
    if signed > now + _SKEW_S:
        text = (
            f"Signature not yet current: {stamp} is still later than {_write_time(now + _SKEW_S)} "
            f"({_write_time(now)} + 5 min.)"
        )
        raise refuse_caller(_INVALID, text)


def _write_time(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ")


def _check_signature(
    call: Call, fields: Mapping[str, str], scope: str, stamp: str, secret: str
) -> None:
    names = fields["SignedHeaders"].split(";")
    if "host" not in names:
        text = "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
        raise refuse_caller(_INVALID, text)
    canonical = write_canonical(call, names)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = "\n".join((_ALGORITHM, stamp, scope, digest))
    expected = compute_signature(secret, scope, to_sign)
    if not hmac.compare_digest(expected.encode(), fields["Signature"].encode()):
        text = (
            "The request signature we calculated does not match the signature you provided. Check "
            "your AWS Secret Access Key and signing method. Consult the service documentation for "
            f"details.\n\nThe Canonical String for this request should have been\n'{canonical}'\n\n"
            f"The String-to-Sign should have been\n'{to_sign}'\n"
        )
        raise refuse_caller(_INVALID, text)


def write_canonical(call: Call, names: list[str]) -> str:
    """Return the canonical request: the path as it was on the wire is encoded once more."""
    headers = "".join(f"{name}:{_SPACES.sub(' ', call.header(name).strip())}\n" for name in names)
    return "\n".join(
        (
            call.method,
            quote(call.raw_path, safe="/-_.~"),
            _write_query(call.query),
            headers,
            ";".join(names),
            hashlib.sha256(call.body).hexdigest(),
        )
    )


def _write_query(query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&") if part)
    encoded = [
        (quote(unquote(name), safe="-_.~"), quote(unquote(value), safe="-_.~"))
        for name, _, value in pairs
    ]
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def compute_signature(secret: str, scope: str, to_sign: str) -> str:
    """Return the signature: a chain of HMACs over the scope's parts, then over the text."""
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex()
