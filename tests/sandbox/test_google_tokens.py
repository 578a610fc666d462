"""Service accounts: a signed JWT becomes an access token that Vertex takes, and counts."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from gateway.sandbox.rsa import BadKey, PublicKey, read_public_key, verify
from gateway.sandbox.server import start_sandbox
from tests.sandbox.google_talk import VERTEX, ask, refused
from tests.sandbox.talking import row

EMAIL = "robot@project.iam.gserviceaccount.com"
AUDIENCE = "https://oauth2.googleapis.com/token"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
NOW = 1_800_000_000


class Ticking:
    """A clock a test moves."""

    def __init__(self) -> None:
        self.time = float(NOW)

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    """A key of 2,048 bits."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def clock() -> Ticking:
    """The sandbox's clock."""
    return Ticking()


@pytest.fixture
def desk(clock: Ticking, no_tls: Any) -> Iterator[httpx.Client]:
    """A client of a sandbox of its own, on a clock the test moves."""
    with (
        start_sandbox(clock=clock) as running,
        httpx.Client(base_url=running.url, timeout=20, verify=no_tls) as client,
    ):
        yield client


def public_pem(key: rsa.RSAPrivateKey, *, old: bool = False) -> str:
    """Return a key's public half."""
    form = (
        serialization.PublicFormat.PKCS1 if old else serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def encode(value: Any) -> str:
    """Return one part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def assertion(key: rsa.RSAPrivateKey, header: Any = None, **claims: Any) -> str:
    """Return a signed JWT; claims that are None are left out."""
    wanted = {
        "iss": EMAIL,
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": AUDIENCE,
        "iat": NOW,
        "exp": NOW + 3600,
        **claims,
    }
    head = encode(header or {"alg": "RS256", "typ": "JWT"})
    text = f"{head}.{encode({name: value for name, value in wanted.items() if value is not None})}"
    signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def register(desk: httpx.Client, key: rsa.RSAPrivateKey, **more: Any) -> None:
    """Make an account known."""
    body = {"client_email": EMAIL, "public_key": public_pem(key), **more}
    assert desk.post("/sandbox/service-accounts", json=body).status_code == 200


def exchange(desk: httpx.Client, jwt: str, grant: str = GRANT) -> httpx.Response:
    """Ask for an access token."""
    return desk.post("/vertex/token", data={"grant_type": grant, "assertion": jwt})


def generate(desk: httpx.Client, token: str) -> httpx.Response:
    """Use an access token."""
    headers = {"authorization": f"Bearer {token}", "x-client-request-id": "used"}
    return desk.post(f"{VERTEX}sandbox-echo:generateContent", json=ask(), headers=headers)


def account(desk: httpx.Client) -> Any:
    """Return what the sandbox knows of the one account."""
    (found,) = desk.get("/sandbox/service-accounts").json()["service_accounts"]
    return found


def test_an_assertion_becomes_a_token_that_is_taken_and_counted(
    desk: httpx.Client, private: rsa.RSAPrivateKey
) -> None:
    register(desk, private)
    reply = exchange(desk, assertion(private))
    assert reply.status_code == 200, reply.text
    body = reply.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3599)
    for _ in range(2):
        assert generate(desk, body["access_token"]).status_code == 200
    known = account(desk)
    assert (known["token_requests"], known["tokens_issued"], known["requests"]) == (1, 1, 2)


def test_a_token_expires(desk: httpx.Client, private: rsa.RSAPrivateKey, clock: Ticking) -> None:
    register(desk, private, token_lifetime_s=60)
    token = exchange(desk, assertion(private)).json()["access_token"]
    clock.time += 59
    assert generate(desk, token).status_code == 200
    clock.time += 1
    reply = generate(desk, token)
    assert "invalid authentication credentials" in refused(reply, 401)
    assert reply.json()["error"]["details"][0]["reason"] == "ACCESS_TOKEN_EXPIRED"
    assert generate(desk, token[:-3] + "xxx").status_code == 401
    assert generate(desk, "a-pasted-token").status_code == 200


def test_a_new_token_is_the_same_customer(desk: httpx.Client, private: rsa.RSAPrivateKey) -> None:
    register(desk, private)
    desk.headers["x-client-request-id"] = "used"
    keys = set()
    for _ in range(2):
        generate(desk, exchange(desk, assertion(private)).json()["access_token"])
        keys.add(row(desk)["key"])
    assert len(keys) == 1


@pytest.mark.parametrize(
    ("claims", "error", "description"),
    [
        ({"iss": "stranger@x.com"}, "invalid_grant", "account not found"),
        ({"iss": None}, "invalid_grant", "account not found"),
        ({"aud": "https://example.com/token"}, "invalid_grant", "Failed audience check"),
        ({"aud": None}, "invalid_grant", "Failed audience check"),
        ({"exp": NOW - 301}, "invalid_grant", "short-lived token"),
        ({"exp": NOW + 3601}, "invalid_grant", "short-lived token"),
        ({"iat": NOW + 400, "exp": NOW + 500}, "invalid_grant", "short-lived token"),
        ({"iat": None}, "invalid_grant", "short-lived token"),
        ({"exp": "soon"}, "invalid_grant", "short-lived token"),
        ({"scope": None}, "invalid_scope", "Empty or missing scope"),
    ],
)
def test_claims_are_checked(
    desk: httpx.Client, private: rsa.RSAPrivateKey, claims: Any, error: str, description: str
) -> None:
    register(desk, private)
    reply = exchange(desk, assertion(private, **claims))
    assert reply.status_code == 400
    assert reply.json()["error"] == error
    assert description in reply.json()["error_description"]
    assert account(desk)["tokens_issued"] == 0


def test_the_endpoint_s_own_address_is_an_audience(
    desk: httpx.Client, private: rsa.RSAPrivateKey
) -> None:
    register(desk, private)
    own = f"{desk.base_url}/vertex/token".replace("//vertex", "/vertex")
    assert exchange(desk, assertion(private, aud=own)).status_code == 200


def test_a_signature_must_be_the_account_s_own(
    desk: httpx.Client, private: rsa.RSAPrivateKey
) -> None:
    register(desk, private, private_key_id="k1")
    good = assertion(private, {"alg": "RS256", "kid": "k1"})
    assert exchange(desk, good).status_code == 200
    head, claims, mark = good.split(".")
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    for wrong in (
        assertion(stranger),
        f"{head}.{claims}.{'B' if mark[0] == 'A' else 'A'}{mark[1:]}",
        f"{head}.{encode({'iss': EMAIL})}.{mark}",
        assertion(private, {"alg": "RS256", "kid": "another"}),
    ):
        reply = exchange(desk, wrong)
        assert reply.json()["error_description"] == "Invalid JWT Signature."


@pytest.mark.parametrize("jwt", ["", "a", "a.b", "a.b.c", "....", "e30.W10.AA", "é.é.é"])
def test_what_is_no_jwt_is_told(desk: httpx.Client, jwt: str) -> None:
    reply = exchange(desk, jwt)
    assert (reply.status_code, reply.json()["error"]) == (400, "invalid_request")


def test_other_algorithms_and_grants_are_refused(
    desk: httpx.Client, private: rsa.RSAPrivateKey
) -> None:
    register(desk, private)
    unsigned = f"{encode({'alg': 'none'})}.{encode({'iss': EMAIL})}.AA"
    assert "Unsupported algorithm" in exchange(desk, unsigned).text
    other = exchange(desk, assertion(private), "client_credentials")
    assert other.json()["error"] == "unsupported_grant_type"
    assert desk.get("/vertex/token").status_code == 405


def test_the_endpoint_can_fail_in_turn(desk: httpx.Client, private: rsa.RSAPrivateKey) -> None:
    register(desk, private, failures=[503, 401])
    found = [exchange(desk, assertion(private)).status_code for _ in range(3)]
    assert found == [503, 401, 200]
    assert account(desk)["token_requests"] == 3


def test_an_assertion_is_not_shown(desk: httpx.Client, private: rsa.RSAPrivateKey) -> None:
    register(desk, private)
    jwt = assertion(private)
    exchange(desk, jwt)
    shown = desk.get("/sandbox/requests").text
    assert "sha256" in shown
    assert jwt not in shown
    assert jwt.split(".")[1] not in shown


@pytest.mark.parametrize(
    "body",
    [
        b"not json",
        b"[]",
        {"client_email": EMAIL},
        {"client_email": EMAIL, "public_key": "not a key"},
        {"client_email": EMAIL, "public_key": "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"},
        {"client_email": EMAIL, "public_key": "PEM", "private_key": "never"},
        {"client_email": EMAIL, "public_key": "PEM", "token_lifetime_s": 0},
        {"client_email": EMAIL, "public_key": "PEM", "failures": [200]},
    ],
)  # fmt: skip
def test_what_is_no_account_is_told(
    desk: httpx.Client, private: rsa.RSAPrivateKey, body: Any
) -> None:
    if isinstance(body, dict) and body.get("public_key") == "PEM":
        body = {**body, "public_key": public_pem(private)}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    reply = desk.post("/sandbox/service-accounts", content=content)
    assert reply.status_code == 400
    assert reply.json()["error"]
    assert desk.get("/sandbox/service-accounts").json() == {"service_accounts": []}


def test_a_private_key_is_not_wanted(desk: httpx.Client, private: rsa.RSAPrivateKey) -> None:
    secret = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    body = {"client_email": EMAIL, "public_key": secret}
    assert desk.post("/sandbox/service-accounts", json=body).status_code == 400


def test_accounts_can_be_forgotten(desk: httpx.Client, private: rsa.RSAPrivateKey) -> None:
    register(desk, private)
    token = exchange(desk, assertion(private)).json()["access_token"]
    assert desk.delete("/sandbox/service-accounts").status_code == 200
    assert desk.get("/sandbox/service-accounts").json() == {"service_accounts": []}
    assert generate(desk, token).status_code == 401


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("size", [1024, 2048, 3072])
def test_signatures_are_checked_like_the_library_makes_them(size: int, old: bool) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=size)
    public = read_public_key(public_pem(key, old=old))
    assert public == PublicKey(key.public_key().public_numbers().n, 65537)
    signature = key.sign(b"message", padding.PKCS1v15(), hashes.SHA256())
    assert verify(public, b"message", signature)
    assert not verify(public, b"massage", signature)
    assert not verify(public, b"message", signature[:-1] + bytes([signature[-1] ^ 1]))
    assert not verify(public, b"message", b"\0" + signature)
    assert not verify(public, b"message", b"")
    sha1 = key.sign(b"message", padding.PKCS1v15(), hashes.SHA1())
    assert not verify(public, b"message", sha1)


def test_a_key_that_is_cut_short_is_none(private: rsa.RSAPrivateKey) -> None:
    lines = public_pem(private).splitlines()
    whole = base64.b64decode("".join(lines[1:-1]))
    for end in range(0, len(whole), 7):
        body = base64.b64encode(whole[:end]).decode()
        with pytest.raises(BadKey):
            read_public_key("\n".join([lines[0], body, lines[-1]]))


def test_a_small_key_is_none() -> None:
    tiny = "-----BEGIN RSA PUBLIC KEY-----\nMAgCAQ8CAwEAAQ==\n-----END RSA PUBLIC KEY-----"
    with pytest.raises(BadKey):
        read_public_key(tiny)


def test_the_desk_refuses_strangers_in_a_sandbox_that_knows_nobody(http: httpx.Client) -> None:
    reply = exchange(http, "")
    assert reply.json()["error"] == "invalid_request"
