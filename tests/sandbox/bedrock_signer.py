"""Signs requests the way AWS's documents tell a client to: Signature Version 4."""

import hashlib
import hmac
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote

import httpx

KEY_ID = "AKIASANDBOX7EXAMPLE"


def secret_for(key_id: str) -> str:
    """Return the secret the page promises for an access key id."""
    return hashlib.sha256(key_id.encode()).hexdigest()[:40]


@dataclass(frozen=True)
class Signer(httpx.Auth):
    """Signs each request. `shift` is how far the client's clock is ahead, in seconds."""

    requires_request_body = True

    key_id: str = KEY_ID
    secret: str = ""
    region: str = "us-east-1"
    service: str = "bedrock"
    terminator: str = "aws4_request"
    token: str = ""
    shift: float = 0.0
    skip_host: bool = False
    scope_day: str = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        moment = datetime.now(UTC) + timedelta(seconds=self.shift)
        stamp = moment.strftime("%Y%m%dT%H%M%SZ")
        request.headers["x-amz-date"] = stamp
        if self.token:
            request.headers["x-amz-security-token"] = self.token
        names = sorted(
            name
            for name in request.headers
            if name.startswith("x-amz-") or name == "content-type" or name == "host"
        )
        if self.skip_host:
            names.remove("host")
        day = self.scope_day or stamp[:8]
        scope = f"{day}/{self.region}/{self.service}/{self.terminator}"
        listed = ";".join(names)
        to_sign = "\n".join(
            ["AWS4-HMAC-SHA256", stamp, scope, _digest(self._canonical(request, names).encode())]
        )
        request.headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.key_id}/{scope}, SignedHeaders={listed}, "
            f"Signature={self._sign(day, to_sign)}"
        )
        yield request

    def _canonical(self, request: httpx.Request, names: list[str]) -> str:
        path, _, query = request.url.raw_path.decode().partition("?")
        pairs = sorted(
            (quote(name, safe=""), quote(value, safe=""))
            for name, value in parse_qsl(query, keep_blank_values=True)
        )
        headers = [f"{name}:{' '.join(request.headers[name].split())}\n" for name in names]
        return "\n".join(
            [
                request.method,
                quote(path, safe="/"),
                "&".join(f"{name}={value}" for name, value in pairs),
                "".join(headers),
                ";".join(names),
                _digest(request.content),
            ]
        )

    def _sign(self, day: str, to_sign: str) -> str:
        key = ("AWS4" + (self.secret or secret_for(self.key_id))).encode()
        for part in (day, self.region, self.service, self.terminator):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        return hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
