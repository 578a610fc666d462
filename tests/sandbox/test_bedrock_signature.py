"""Who may call Bedrock: signatures are computed again, API keys are taken."""

from typing import Any

import httpx
import pytest
from hypothesis import given, settings, strategies as st

from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.base import Refused
from gateway.sandbox.formats.bedrock.signature import compute_signature, identify, secret_of
from tests.sandbox.bedrock_signer import KEY_ID, Signer, secret_for
from tests.sandbox.dialects import block, converse, read_frames, said
from tests.sandbox.talking import row

HELLO: dict[str, Any] = {"messages": [said("user", block())]}
ECHO = converse("sandbox-echo")


@pytest.fixture
def aws(http: httpx.Client) -> httpx.Client:
    """A client without any key."""
    del http.headers["authorization"]
    return http


def kind(reply: httpx.Response) -> str:
    """Return the kind of an error."""
    return reply.headers["x-amzn-errortype"].partition(":")[0]


def test_the_secret_follows_from_the_id() -> None:
    assert secret_of(KEY_ID) == secret_for(KEY_ID)
    assert len(secret_of(KEY_ID)) == 40
    assert secret_of("AKIASANDBOX") == "b54e830598bdbca01552b7e8ed52884f8a5ed9cf"


def test_a_chain_of_hmacs_signs_as_the_documents_show() -> None:
    # The example of "Create a signed AWS API request": a known secret, scope and signature.
    scope = "20150830/us-east-1/iam/aws4_request"
    to_sign = (
        "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n"
        "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59"
    )
    found = compute_signature("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", scope, to_sign)
    assert found == "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"


def test_a_signed_request_is_answered_and_booked_to_its_key(aws: httpx.Client) -> None:
    reply = aws.post(ECHO, json=HELLO, auth=Signer())
    assert reply.status_code == 200
    assert len(row(aws)["key"]) == 16
    other = aws.post(ECHO, json=HELLO, auth=Signer("AKIASANDBOXOTHER"))
    assert other.status_code == 200


def test_a_signed_stream_is_answered(aws: httpx.Client) -> None:
    reply = aws.post(converse("sandbox-echo", stream=True), json=HELLO, auth=Signer())
    assert read_frames(reply.content)[-1][0] == "metadata"


@pytest.mark.parametrize(
    "model",
    [
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "us.anthropic.claude-sonnet-4-5-20250929-v1%3A0",
        "arn%3Aaws%3Abedrock%3Aus-east-1%3A000000000000%3Ainference-profile%2Fus.amazon.nova-lite-v1%3A0",
        "sandbox-echo%2Bslow-1",
        "sandbox-echo+slow-1",
    ],
)
def test_ids_are_signed_as_they_are_on_the_wire(aws: httpx.Client, model: str) -> None:
    assert aws.post(converse(model), json=HELLO, auth=Signer()).status_code == 200


def test_queries_are_part_of_what_is_signed(aws: httpx.Client) -> None:
    path = "/bedrock/foundation-models?byProvider=Amazon&byOutputModality=EMBEDDING&x=a%20b%2Fc"
    assert aws.get(path, auth=Signer()).status_code == 200


def test_headers_may_be_signed_or_not_and_hold_spaces(aws: httpx.Client) -> None:
    unsigned = {"x-other": "a   b"}
    assert aws.post(ECHO, json=HELLO, auth=Signer(), headers=unsigned).status_code == 200
    spaced = {"x-amz-meta": "a   b"}
    assert aws.post(ECHO, json=HELLO, auth=Signer(), headers=spaced).status_code == 200


class Forger(Signer):
    """Changes a request after it was signed."""

    def auth_flow(self, request: httpx.Request) -> Any:
        for signed in super().auth_flow(request):
            yield self.change(signed)

    def change(self, request: httpx.Request) -> httpx.Request:
        return request


class BodyForger(Forger):
    def change(self, request: httpx.Request) -> httpx.Request:
        forged = request.content.replace(b"hello", b"jello")
        return httpx.Request(request.method, request.url, headers=request.headers, content=forged)


class PathForger(Forger):
    def change(self, request: httpx.Request) -> httpx.Request:
        request.url = request.url.copy_with(raw_path=converse("sandbox-long").encode())
        return request


class HeaderForger(Forger):
    def change(self, request: httpx.Request) -> httpx.Request:
        request.headers["content-type"] = "text/plain"
        return request


class DateForger(Forger):
    def change(self, request: httpx.Request) -> httpx.Request:
        stamp = request.headers["x-amz-date"]
        request.headers["x-amz-date"] = f"{stamp[:13]}{(int(stamp[13:15]) + 1) % 60:02}Z"
        return request


@pytest.mark.parametrize(
    "signer",
    [Signer(secret="w" * 40), BodyForger(), PathForger(), HeaderForger(), DateForger()],
    ids=["secret", "body", "path", "header", "date"],
)
def test_a_signature_of_something_else_is_refused(aws: httpx.Client, signer: Signer) -> None:
    reply = aws.post(ECHO, json=HELLO, auth=signer)
    assert (reply.status_code, kind(reply)) == (403, "InvalidSignatureException")
    message = reply.json()["message"]
    assert message.startswith("The request signature we calculated does not match")
    assert "The Canonical String for this request should have been" in message
    booked = row(aws)
    assert (booked["status"], booked["input"]) == (403, 0)


@pytest.mark.parametrize("shift", [-290, 290])
def test_a_clock_may_be_a_little_wrong(aws: httpx.Client, shift: float) -> None:
    assert aws.post(ECHO, json=HELLO, auth=Signer(shift=shift)).status_code == 200


@pytest.mark.parametrize(
    ("shift", "words"), [(-320, "Signature expired: "), (320, "Signature not yet current: ")]
)
def test_a_clock_that_is_five_minutes_wrong_is_refused(
    aws: httpx.Client, shift: float, words: str
) -> None:
    reply = aws.post(ECHO, json=HELLO, auth=Signer(shift=shift))
    assert (reply.status_code, kind(reply)) == (403, "InvalidSignatureException")
    assert reply.json()["message"].startswith(words)


@pytest.mark.parametrize(
    ("signer", "words"),
    [
        (Signer(region="eu-west-1"), "scoped to a valid region"),
        (Signer(service="bedrock-runtime"), "correct service: 'bedrock'"),
        (Signer(service="s3"), "correct service: 'bedrock'"),
        (Signer(terminator="aws3_request"), "valid terminator: 'aws4_request'"),
        (Signer(scope_day="20200101"), "Date in Credential scope does not match"),
        (Signer(skip_host=True), "must be a 'SignedHeader'"),
    ],
)
def test_a_wrong_scope_is_refused(aws: httpx.Client, signer: Signer, words: str) -> None:
    reply = aws.post(ECHO, json=HELLO, auth=signer)
    assert (reply.status_code, kind(reply)) == (403, "InvalidSignatureException")
    assert words in reply.json()["message"]


def test_another_region_has_its_own_path_and_scope(aws: httpx.Client) -> None:
    path = converse("sandbox-echo", region="/eu-west-1")
    assert aws.post(path, json=HELLO, auth=Signer(region="eu-west-1")).status_code == 200
    assert aws.post(path, json=HELLO, auth=Signer()).status_code == 403
    listed = aws.get("/bedrock/eu-west-1/foundation-models", auth=Signer(region="eu-west-1"))
    assert ":eu-west-1:" in listed.json()["modelSummaries"][0]["modelArn"]


def test_temporary_keys_come_with_their_token(aws: httpx.Client) -> None:
    temporary = "ASIASANDBOX7EXAMPLE"
    assert aws.post(ECHO, json=HELLO, auth=Signer(temporary, token="any")).status_code == 200
    for signer in (
        Signer(temporary),
        Signer(temporary, token="bad-token"),
        Signer(token="any"),
    ):
        reply = aws.post(ECHO, json=HELLO, auth=signer)
        assert (reply.status_code, kind(reply)) == (403, "UnrecognizedClientException")
    reply = aws.post(ECHO, json=HELLO, auth=Signer(temporary, token="expired-1"))
    assert (reply.status_code, kind(reply)) == (403, "ExpiredTokenException")


@pytest.mark.parametrize("key_id", ["AKIAIOSFODNN7EXAMPLE", "AKIASANDBOXBAD1", "sandbox"])
def test_a_key_nobody_issued_is_refused(aws: httpx.Client, key_id: str) -> None:
    reply = aws.post(ECHO, json=HELLO, auth=Signer(key_id))
    assert (reply.status_code, kind(reply)) == (403, "UnrecognizedClientException")
    assert reply.json()["message"] == "The security token included in the request is invalid."


@pytest.mark.parametrize(
    ("headers", "status", "expected"),
    [
        ({}, 403, "MissingAuthenticationTokenException"),
        ({"authorization": "Basic YTpi"}, 400, "IncompleteSignatureException"),
        ({"authorization": "AWS4-HMAC-SHA256 Credential=a/b"}, 400, "IncompleteSignatureException"),
        (
            {"authorization": "AWS4-HMAC-SHA256 Credential=AKIASANDBOX1/20260101/us-east-1/bedrock, "
             "SignedHeaders=host, Signature=00", "x-amz-date": "20260101T000000Z"},
            400,
            "IncompleteSignatureException",
        ),
        (
            {"authorization": "AWS4-HMAC-SHA256 Credential=AKIASANDBOX1/20260101/us-east-1/bedrock/"
             "aws4_request, SignedHeaders=host, Signature=00"},
            400,
            "IncompleteSignatureException",
        ),
        (
            {"authorization": "AWS4-HMAC-SHA256 Credential=AKIASANDBOX1/20260101/us-east-1/bedrock/"
             "aws4_request, SignedHeaders=host, Signature=00", "x-amz-date": "20261301T000000Z"},
            400,
            "IncompleteSignatureException",
        ),
    ],
)  # fmt: skip
def test_what_is_no_signature_at_all_is_refused(
    aws: httpx.Client, headers: dict[str, str], status: int, expected: str
) -> None:
    reply = aws.post(ECHO, json=HELLO, headers=headers)
    assert (reply.status_code, kind(reply)) == (status, expected)


def test_api_keys_are_taken_and_wrong_ones_refused(aws: httpx.Client, key: str) -> None:
    assert aws.post(ECHO, json=HELLO, headers={"authorization": f"Bearer {key}"}).status_code == 200
    for wrong in ("Bearer bad-key", "Bearer"):
        reply = aws.post(ECHO, json=HELLO, headers={"authorization": wrong})
        assert (reply.status_code, kind(reply)) == (403, "AccessDeniedException")
        assert list(reply.json()) == ["Message"]


def test_secrets_of_a_signature_are_not_kept(aws: httpx.Client) -> None:
    signer = Signer("ASIASANDBOX7EXAMPLE", token="session-token-of-mine")
    aws.post(ECHO, json=HELLO, auth=signer)
    wanted = {"client_request_id": aws.headers["x-client-request-id"]}
    shown = aws.get("/sandbox/requests", params=wanted).text
    assert "session-token-of-mine" not in shown
    assert "Signature=" not in shown


LATIN = st.text(st.characters(max_codepoint=255), max_size=40)


@given(
    st.sampled_from(["AWS4-HMAC-SHA256 ", "", "aws4 "]),
    st.lists(
        st.tuples(
            st.sampled_from(["Credential", "SignedHeaders", "Signature", "x"]),
            LATIN | st.just("AKIASANDBOX1/20260101/us-east-1/bedrock/aws4_request"),
        ),
        max_size=4,
    ),
    LATIN | st.just("20260101T000000Z"),
)
@settings(max_examples=300, deadline=None)
def test_any_authorization_at_all_is_refused_in_awss_words(
    scheme: str, fields: list[tuple[str, str]], stamp: str
) -> None:
    text = scheme + ", ".join(f"{name}={value}" for name, value in fields)
    headers = {"authorization": text, "x-amz-date": stamp, "host": "h"}
    call = Call("POST", "/", "", headers, b"", "/bedrock/model/m/converse", 1_767_225_600.0)
    with pytest.raises(Refused) as refused:
        identify(call, "us-east-1")
    assert refused.value.status in (400, 403)
    assert refused.value.error["message"]
