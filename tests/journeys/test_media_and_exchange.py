"""Media the provider cannot fetch, and service accounts that become access tokens."""

import json
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from gateway.sandbox.server import RunningSandbox
from tests.canary import Canaries
from tests.journeys.running import GatewayUser, RunningGateway, start_gateway

IMAGE_BY_URL = [
    {"type": "text", "text": "What is it?"},
    {"type": "image_url", "image_url": {"url": "https://127.0.0.1/a.png"}},
]


def ask_with_picture(user: GatewayUser) -> httpx.Response:
    messages = [{"role": "user", "content": IMAGE_BY_URL}]
    body = {"model": "sandbox-vision", "messages": messages}
    return user.call("POST", "/v1/chat/completions", body)


def test_a_url_the_provider_cannot_fetch_is_refused_with_the_cure(gateway: RunningGateway) -> None:
    user = gateway.new_user("bedrock", settings={"region": "us-east-1"})
    error = ask_with_picture(user).json()["error"]
    assert error["code"] == "invalid_image_url"
    assert error["param"] == "messages[0].content[1].image_url.url"
    assert "media.fetch" in error["message"]


def test_fetching_media_never_reaches_inside(
    tmp_path: Path, sandbox: RunningSandbox, canary: Canaries
) -> None:
    """C-19, with fetching on: what a message points at is a stranger's, and judged by address."""
    with start_gateway(tmp_path / "gateway", sandbox.url, more="media: {fetch: true}") as gateway:
        user = gateway.new_user("bedrock", settings={"region": "us-east-1"})
        response = ask_with_picture(user)
    assert response.status_code == 400
    assert response.json()["error"]["code"] == "invalid_image_url"
    assert "public" in response.json()["error"]["message"]


def test_a_service_account_reaches_vertex_as_an_access_token(
    tmp_path: Path, sandbox: RunningSandbox, canary: Canaries
) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    account = {
        "type": "service_account",
        "project_id": "sandbox",
        "client_email": "gateway@sandbox.iam.gserviceaccount.com",
        "private_key_id": "k1",
        "private_key": private,
        "token_uri": "https://attacker.example/token",
    }
    canary.watch(private.splitlines()[3])
    with httpx.Client(base_url=sandbox.url, trust_env=False) as client:
        registered = client.post(
            "/sandbox/service-accounts",
            json={"client_email": account["client_email"], "public_key": public.decode()},
        )
        assert registered.is_success, registered.text
    more = f'upstream: {{google_token_url: "{sandbox.url}/vertex/token"}}'
    with start_gateway(tmp_path / "gateway", sandbox.url, more=more) as gateway:
        user = gateway.new_user(
            "vertex", secret=account, settings={"project": "sandbox", "region": "us-central1"}
        )
        answers = [user.chat("sandbox-echo") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3, answers[0].text
    with httpx.Client(base_url=sandbox.url, trust_env=False) as client:
        [seen] = client.get("/sandbox/service-accounts").json()["service_accounts"]
    assert json.dumps(seen)
