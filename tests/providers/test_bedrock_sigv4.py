"""Bedrock: signing. The cases are those of AWS's published Signature Version 4 test suite."""

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.providers.bedrock.endpoint import REGION_HEADER
from gateway.providers.bedrock.sigv4 import AwsKeys, canonical_request, read_keys, sign
from gateway.types.secret import Secret
from gateway.types.upstream import Credential, UpstreamRequest
from tests.providers.bedrock_scene import CLAUDE, PROVIDER, request, target

KEYS = AwsKeys(Secret("AKIDEXAMPLE"), Secret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"))
NOON = 1440938160.0  # 2015-08-30T12:36:00Z, the moment of the whole suite
HOST = "https://example.amazonaws.com"
UNRESERVED = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
TOKEN = (
    "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPf"
    "IeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7W"
    "Z0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8F"
    "DrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)


def authorization(
    signed_request: UpstreamRequest, keys: AwsKeys = KEYS, service: str = "service"
) -> str:
    done = sign(signed_request, keys, region="us-east-1", service=service, now=NOON)
    return dict(done.headers)["authorization"]


@pytest.mark.parametrize(
    ("method", "path", "signature"),
    [
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            "GET",
            "/?Param1=value1",
            "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb",
        ),
        (
            "POST",
            "/?Param1=value1",
            "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11",
        ),
        (
            "GET",
            f"/?{UNRESERVED}={UNRESERVED}",
            "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
        ),
        (
            "GET",
            "/?\u1234=bar",
            "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
        ),
        (
            "GET",
            "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
            "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac",
        ),
        (
            "GET",
            f"/{UNRESERVED}",
            "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
        ),
        ("GET", "/\u1234", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"),
        (
            "GET",
            "/example space/",
            "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741",
        ),
        ("GET", "/example/..", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET",
            "/example1/example2/../..",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        ("GET", "/./", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("GET", "//", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("GET", "/./example", "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"),
        (
            "GET",
            "//example//",
            "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84",
        ),
    ],
)
def test_the_published_cases_come_out_as_published(method: str, path: str, signature: str) -> None:
    found = authorization(UpstreamRequest(method, HOST + path, (), b""))

    assert found == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )


def test_what_is_encoded_on_the_wire_is_encoded_once_more_before_it_is_signed() -> None:
    built = request({}, target("anthropic.claude-v2:1"))
    written = canonical_request(built, {"host": "h"}).split("\n")

    assert built.url.endswith("/model/anthropic.claude-v2%3A1/converse")
    assert written[:5] == [
        "POST",
        "/model/anthropic.claude-v2%253A1/converse",
        "",
        "host:h",
        "",
    ]


def test_a_session_token_is_sent_and_signed() -> None:
    keys = AwsKeys(KEYS.access_key_id, KEYS.secret_access_key, Secret(TOKEN))

    signed = sign(
        UpstreamRequest("POST", HOST + "/", (), b""),
        keys,
        region="us-east-1",
        service="service",
        now=NOON,
    )

    assert dict(signed.headers)["x-amz-security-token"] == TOKEN
    assert dict(signed.headers)["authorization"].endswith(
        "SignedHeaders=host;x-amz-date;x-amz-security-token, "
        "Signature=85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"
    )


def test_the_content_type_and_the_body_are_signed() -> None:
    kind = ("content-type", "application/x-www-form-urlencoded")
    found = authorization(UpstreamRequest("POST", HOST + "/", (kind,), b"Param1=value1"))

    assert found.endswith(
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"
    )


def test_other_headers_may_change_on_the_way() -> None:
    bare = UpstreamRequest("GET", HOST + "/", (), b"")
    traced = bare.with_headers(("traceparent", "00-1-2-01"), ("accept", "application/json"))

    assert authorization(bare) == authorization(traced)


def test_a_default_port_is_not_signed_and_another_is() -> None:
    def signature(url: str) -> str:
        return authorization(UpstreamRequest("GET", url, (), b""))

    assert signature("https://h.test:443/") == signature("https://H.test/")
    assert signature("http://h.test:80/") == signature("http://h.test/")
    assert signature("http://h.test:8080/") != signature("http://h.test/")


def test_aws_keys_sign_for_the_region_of_the_host_and_service_bedrock() -> None:
    secret = orjson.dumps({"access_key_id": "AKIDEXAMPLE", "secret_access_key": "s"}).decode()
    built = request({}, target(settings={"region": "eu-west-1"}))

    done = PROVIDER.authorize(built, Credential(Secret(secret)), NOON)

    headers = dict(done.headers)
    assert headers["x-amz-date"] == "20150830T123600Z"
    assert (
        "Credential=AKIDEXAMPLE/20150830/eu-west-1/bedrock/aws4_request"
        in (headers["authorization"])
    )
    assert "SignedHeaders=content-type;host;x-amz-date," in headers["authorization"]
    assert done.url == built.url
    assert done.body == built.body


@pytest.mark.parametrize(
    ("base_url", "settings", "region"),
    [
        ("https://bedrock-runtime-fips.us-gov-west-1.amazonaws.com", {}, "us-gov-west-1"),
        ("https://vpce-1.bedrock-runtime.ap-southeast-2.vpce.amazonaws.com", {}, "ap-southeast-2"),
        ("http://127.0.0.1:9/bedrock", {}, "us-east-1"),
        ("http://127.0.0.1:9/bedrock", {"region": "eu-north-1"}, "eu-north-1"),
    ],
)
def test_behind_another_host_the_setting_names_the_region(
    base_url: str, settings: dict[str, str], region: str
) -> None:
    secret = orjson.dumps({"access_key_id": "A", "secret_access_key": "s"}).decode()
    built = request({}, target(base_url=base_url, settings=settings))

    done = PROVIDER.authorize(built, Credential(Secret(secret)), NOON)

    assert f"/{region}/bedrock/aws4_request" in dict(done.headers)["authorization"]
    assert REGION_HEADER not in dict(done.headers)


def test_the_region_for_us_alone_is_never_sent() -> None:
    built = request({}, target(base_url="http://127.0.0.1:9", settings={"region": "eu-north-1"}))

    assert dict(built.headers)[REGION_HEADER] == "eu-north-1"
    for credential in (None, Credential(Secret("bedrock-api-key-abc"))):
        done = PROVIDER.authorize(built, credential, NOON)
        assert REGION_HEADER not in dict(done.headers)


def test_any_other_string_is_a_bearer_key() -> None:
    done = PROVIDER.authorize(request({}), Credential(Secret("bedrock-api-key-abc")), NOON)

    assert dict(done.headers)["authorization"] == "Bearer bedrock-api-key-abc"
    assert "x-amz-date" not in dict(done.headers)


@pytest.mark.parametrize("secret", ["{", "{}", '{"access_key_id": "A"}', '{"access_key_id": 1}'])
def test_json_without_keys_is_a_rejected_key(secret: str) -> None:
    with pytest.raises(UpstreamError) as refusal:
        read_keys(secret)

    assert refusal.value.failure is Failure.KEY_REJECTED


def test_keys_do_not_show_themselves() -> None:
    keys = read_keys(
        '{"access_key_id": "AKID1", "secret_access_key": "s3cr3t", "session_token": "t0k3n"}'
    )

    assert keys is not None
    assert not any(word in repr(keys) for word in ("AKID1", "s3cr3t", "t0k3n"))


def test_our_signatures_are_those_of_the_vendors_client() -> None:
    botocore = pytest.importorskip("botocore", reason="the vendor's client is not installed")
    auth = pytest.importorskip("botocore.auth")
    awsrequest = pytest.importorskip("botocore.awsrequest")
    credentials = pytest.importorskip("botocore.credentials")
    assert botocore.__version__
    for token in (None, TOKEN):
        for model in (CLAUDE, "arn:aws:bedrock:us-east-1:000000000000:inference-profile/a.b-1:0"):
            built = request({"stream": True}, target(model))
            keys = AwsKeys(Secret("AKID"), Secret("s+/="), Secret(token) if token else None)
            ours = sign(built, keys, region="eu-west-1", service="bedrock", now=NOON)
            headers = {n: v for n, v in built.headers if n == "content-type"}
            theirs = awsrequest.AWSRequest("POST", built.url, headers, built.body)
            theirs.context["timestamp"] = "20150830T123600Z"
            signer = auth.SigV4Auth(
                credentials.Credentials("AKID", "s+/=", token), "bedrock", "eu-west-1"
            )
            theirs.headers["X-Amz-Date"] = "20150830T123600Z"
            if token:
                theirs.headers["X-Amz-Security-Token"] = token
            text = signer.string_to_sign(theirs, signer.canonical_request(theirs))
            assert dict(ours.headers)["authorization"].endswith(signer.signature(text, theirs))
