"""AWS Signature Version 4, as far as Bedrock needs it: one request, its body in memory.

Written from AWS's reference ("Create a signed AWS API request", IAM User Guide, 2026-11); tried
against the published test suite (awslabs/aws-c-auth, `aws-signing-test-suite/v4`).
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote, unquote, urlsplit

import orjson
from msgspec import Struct

from gateway.errors import Failure, UpstreamError
from gateway.types.secret import Secret
from gateway.types.upstream import UpstreamRequest

_ALGORITHM = "AWS4-HMAC-SHA256"
_END = "aws4_request"
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}
_AMZ = "x-amz-"


class AwsKeys(Struct, frozen=True):
    """The keys of an AWS identity; `session_token` belongs to temporary ones."""

    access_key_id: Secret
    secret_access_key: Secret
    session_token: Secret | None = None


def read_keys(secret: str) -> AwsKeys | None:
    """Read AWS keys from their JSON; None for any other string, which is a bearer key.

    Raises UpstreamError(KEY_REJECTED) for JSON that holds no keys.
    """
    if not secret.lstrip().startswith("{"):
        return None
    try:
        members = orjson.loads(secret)
    except orjson.JSONDecodeError:
        members = {}
    names = ("access_key_id", "secret_access_key", "session_token")
    found = [members.get(name) for name in names]
    key_id, key, token = (value if isinstance(value, str) and value else None for value in found)
    if key_id is None or key is None:
        raise UpstreamError(
            Failure.KEY_REJECTED,
            "The AWS key must hold access_key_id and secret_access_key.",
        )
    return AwsKeys(Secret(key_id), Secret(key), Secret(token) if token else None)


def sign(
    request: UpstreamRequest, keys: AwsKeys, *, region: str, service: str, now: float
) -> UpstreamRequest:
    """Return the request with its date, session token and signature; `now` is Unix seconds.

    Signed are the host, the content type and every `x-amz-` header: the rest may be added to or
    changed on the way.
    """
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    added = [("x-amz-date", moment)]
    if keys.session_token is not None:
        added.append(("x-amz-security-token", keys.session_token.reveal()))
    request = request.with_headers(*added)
    headers = _signed_headers(request)
    scope = f"{moment[:8]}/{region}/{service}/{_END}"
    lines = (_ALGORITHM, moment, scope, _sha256(canonical_request(request, headers).encode()))
    key = _signing_key(keys, moment[:8], region, service)
    signature = hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).hexdigest()
    parts = (
        f"Credential={keys.access_key_id.reveal()}/{scope}",
        f"SignedHeaders={';'.join(headers)}",
        f"Signature={signature}",
    )
    return request.with_headers(("authorization", f"{_ALGORITHM} {', '.join(parts)}"))


def canonical_request(request: UpstreamRequest, headers: Mapping[str, str]) -> str:
    """Write the request in the one spelling that both sides hash; `headers` are sorted by name."""
    url = urlsplit(request.url)
    lines = [request.method, _canonical_path(url.path), _canonical_query(url.query)]
    lines += [f"{name}:{value}" for name, value in headers.items()]
    return "\n".join([*lines, "", ";".join(headers), _sha256(request.body)])


def _signed_headers(request: UpstreamRequest) -> dict[str, str]:
    url = urlsplit(request.url)
    host = url.netloc.lower().removesuffix(_DEFAULT_PORTS.get(url.scheme, ":443"))
    found = {"host": [host]}
    for name, value in request.headers:
        lower = name.lower()
        if lower == "content-type" or lower.startswith(_AMZ):
            found.setdefault(lower, []).append(" ".join(value.split()))
    return {name: ",".join(found[name]) for name in sorted(found)}


def _canonical_path(path: str) -> str:
    """Resolve the path's segments and encode them once more: `%3A` on the wire is `%253A` here."""
    segments: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            segments = segments[:-1]
        elif segment not in ("", "."):
            segments.append(quote(segment, safe="~"))
    end = "/" if segments and path.endswith(("/", "/.", "/..")) else ""
    return "/" + "/".join(segments) + end


def _canonical_query(query: str) -> str:
    pairs = [pair.partition("=")[::2] for pair in query.split("&") if pair]
    encoded = sorted((_encoded(name), _encoded(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="~")


def _signing_key(keys: AwsKeys, day: str, region: str, service: str) -> bytes:
    key = b"AWS4" + keys.secret_access_key.reveal().encode()
    for part in (day, region, service, _END):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
