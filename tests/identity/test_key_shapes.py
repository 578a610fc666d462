"""The shapes of provider secrets."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from gateway.errors import InvalidRequest
from gateway.identity.key_shapes import read_key_secret

AWS = {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPx"}


@pytest.fixture(scope="module")
def google() -> dict[str, Any]:
    """A service account's file, with a key made for this run."""
    key = generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "0123456789abcdef",
        "private_key": pem,
        "client_email": "gw@my-project.iam.gserviceaccount.com",
        "client_id": "1234567890",
        "auth_uri": "https://evil.example/auth",
        "token_uri": "https://evil.example/token",
    }


def test_a_string_is_kept_as_it_is_and_shows_its_last_four() -> None:
    read = read_key_secret("sk-ant-api03-abcdefWXYZ", "anthropic")

    assert read.sealed_text.reveal() == "sk-ant-api03-abcdefWXYZ"
    assert read.last4 == "WXYZ"


def test_a_short_secret_shows_nothing_of_itself() -> None:
    assert read_key_secret("ollama", "openai").last4 == ""


@pytest.mark.parametrize(
    "secret",
    ["", " ", "sk-1\n", "\nsk-1", "sk 1", "sk-1\r\n", "sk\t1", "sk-\x00", "sk-é", "sk-\u200b1",
     "Bearer sk-1", "x" * 4097, None, 5, ["sk"], True, {"key": "sk"}],
)  # fmt: skip
def test_what_no_key_looks_like_is_refused_when_saved_and_not_repeated(secret: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_key_secret(secret, "openai")

    assert caught.value.code == "invalid_key_format"
    assert caught.value.param == "secret"
    assert "sk-" not in caught.value.message


def test_an_aws_pair_is_kept_as_json_and_shows_its_secret_parts_end() -> None:
    for members in (AWS, AWS | {"session_token": "FwoGZXIvYXdzEBYaD" * 20}):
        read = read_key_secret(members, "bedrock")

        assert json.loads(read.sealed_text.reveal()) == members
        assert read.last4 == "+bPx"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"access_key_id": None}, "secret.access_key_id"),
        ({"access_key_id": "lower-case-id-123"}, "secret.access_key_id"),
        ({"secret_access_key": "with space"}, "secret.secret_access_key"),
        ({"session_token": ""}, "secret.session_token"),
        ({"session_token": None}, "secret.session_token"),
        ({"region": "us-east-1"}, "secret"),
    ],
)
def test_a_faulty_aws_pair_names_its_member(change: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_key_secret(AWS | change, "bedrock")

    assert (caught.value.code, caught.value.param) == ("invalid_key_format", param)


def test_a_pair_without_its_secret_is_refused() -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_key_secret({"access_key_id": AWS["access_key_id"]}, "bedrock")

    assert caught.value.param == "secret.secret_access_key"


def test_of_a_service_account_only_what_signing_needs_is_kept(google: dict[str, Any]) -> None:
    read = read_key_secret(google, "vertex")

    kept = json.loads(read.sealed_text.reveal())
    assert sorted(kept) == ["client_email", "private_key", "private_key_id", "project_id", "type"]
    assert kept["private_key"] == google["private_key"]
    assert read.last4 == "".join(google["private_key"].split("-----")[2].split()).rstrip("=")[-4:]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"type": "authorized_user"}, "secret.type"),
        ({"client_email": "https://evil.example"}, "secret.client_email"),
        ({"client_email": None}, "secret.client_email"),
        ({"project_id": "a/b"}, "secret.project_id"),
        ({"private_key_id": "a b"}, "secret.private_key_id"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
         "secret.private_key"),
        ({"private_key": "nonsense"}, "secret.private_key"),
        ({"private_key": 5}, "secret.private_key"),
        ({"private_key": "x" * 9000}, "secret.private_key"),
    ],
)  # fmt: skip
def test_a_faulty_service_account_names_its_member(
    google: dict[str, Any], change: dict[str, Any], param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_key_secret(google | change, "vertex")

    assert (caught.value.code, caught.value.param) == ("invalid_key_format", param)


def test_each_object_belongs_to_its_own_provider(google: dict[str, Any]) -> None:
    for secret, format_ in ((AWS, "openai"), (google, "gemini"), (AWS, "vertex")):
        with pytest.raises(InvalidRequest):
            read_key_secret(secret, format_)
