"""A token endpoint as Google's is: takes an RFC 7523 grant, checks it, and hands out a token.

An independent reading: the JWT is taken apart and verified here, with the account's public key.
"""

import base64
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateway.types.secret import Secret
from tests.fakes.raw_scenes import reply
from tests.fakes.raw_upstream import Peer, SeenRequest

EMAIL = "robot@some-project.iam.gserviceaccount.com"
_JSON = [("content-type", "application/json")]


class Robot:
    """A service account: its key, and the JSON file its owner was given."""

    def __init__(self, email: str = EMAIL) -> None:
        self.email = email
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.pem = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    def file(self, **changes: Any) -> Secret:
        """Return the JSON as Google writes it, with members changed (None: left out)."""
        members = {
            "type": "service_account",
            "project_id": "some-project",
            "private_key_id": "0123456789abcdef0123456789abcdef01234567",
            "private_key": self.pem,
            "client_email": self.email,
            "client_id": "123456789012345678901",
            "token_uri": "https://oauth2.googleapis.com/token",
            **changes,
        }
        kept = {name: value for name, value in members.items() if value is not None}
        return Secret(json.dumps(kept, indent=2))


def grant_of(request: SeenRequest) -> dict[str, list[str]]:
    """Return the form of a token request."""
    return parse_qs(request.body.decode(), keep_blank_values=True, strict_parsing=True)


def jwt_parts(assertion: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a JWT, unverified."""
    header, claims, _ = assertion.split(".")
    return json.loads(_decode(header)), json.loads(_decode(claims))


def is_signed_by(robot: Robot, assertion: str) -> bool:
    """Whether the JWT's signature (RS256) is this robot's."""
    signed, _, signature = assertion.rpartition(".")
    try:
        robot.key.public_key().verify(
            _decode(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256()
        )
    except InvalidSignature:
        return False
    return True


def selling(*robots: Robot, now: Callable[[], float], expires_in: Any = 3599) -> Any:
    """Make the scene of an endpoint that knows these robots; tokens are counted: token-1, …"""

    async def scene(peer: Peer) -> None:
        while True:
            request = await peer.read_request()
            problem = _problem(request, robots, peer.upstream.url, now())
            if problem is None:
                number = len(peer.upstream.requests)
                body = {"access_token": f"token-{number}", "token_type": "Bearer"}
                peer.send(granting(body | {"expires_in": expires_in}))
            else:
                peer.send(refusing(400, {"error": "invalid_grant", "error_description": problem}))

    return scene


def granting(body: Any) -> bytes:
    """Write a 200 reply."""
    return reply(json.dumps(body).encode(), headers=_JSON)


def refusing(status: int, body: Any, *headers: tuple[str, str]) -> bytes:
    """Write a reply that refuses."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return reply(raw, status=status, headers=[*_JSON, *headers])


def _problem(request: SeenRequest, robots: tuple[Robot, ...], url: str, now: float) -> str | None:
    form = grant_of(request)
    header, claims = jwt_parts(form["assertion"][0])
    robot = next((each for each in robots if each.email == claims["iss"]), None)
    if form["grant_type"] != ["urn:ietf:params:oauth:grant-type:jwt-bearer"]:
        return "Invalid grant_type."
    if robot is None:
        return "Invalid grant: account not found"
    if header["alg"] != "RS256" or not is_signed_by(robot, form["assertion"][0]):
        return "Invalid JWT Signature."
    if not claims["iat"] <= now <= claims["exp"] <= claims["iat"] + 3600:
        return "Invalid JWT: check your iat and exp values in the JWT claim."
    if claims["aud"] != f"{url}/token":
        return "Invalid JWT: wrong aud."
    return None


def _decode(text: str) -> bytes:
    assert "=" not in text
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
