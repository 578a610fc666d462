"""Google: what it says when it refuses."""

from typing import Any

import orjson
import pytest

from gateway.errors import Failure, UpstreamError
from gateway.types import events as ev
from gateway.types.upstream import ReplyHead
from tests.providers.google_scene import GEMINI, VERTEX, events, fragment, sse


def refused(
    status: int, word: str, message: str = "m", details: list[Any] | None = None
) -> UpstreamError:
    error = {"code": status, "message": message, "status": word, "details": details or []}
    body = orjson.dumps({"error": error})
    alone = GEMINI.parse_error(ReplyHead(status, {}), body, 0.0)
    for provider, spelled in ((VERTEX, body), (GEMINI, b"[" + body + b"]")):
        other = provider.parse_error(ReplyHead(status, {}), spelled, 0.0)
        assert vars(other) == vars(alone)
    return alone


def reason(word: str) -> dict[str, Any]:
    metadata = {"service": "generativelanguage.googleapis.com", "consumer": "projects/123"}
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return {"@type": kind, "reason": word, "domain": "googleapis.com", "metadata": metadata}


def retry(delay: str) -> dict[str, Any]:
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}


def quota(quota_id: str, value: str = "50") -> dict[str, Any]:
    violation = {"quotaMetric": "x", "quotaId": quota_id, "quotaValue": value}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


@pytest.mark.parametrize(
    ("status", "word", "failure", "code"),
    [
        (400, "INVALID_ARGUMENT", Failure.BAD_REQUEST, "INVALID_ARGUMENT"),
        (400, "FAILED_PRECONDITION", Failure.BAD_REQUEST, "FAILED_PRECONDITION"),
        (401, "UNAUTHENTICATED", Failure.KEY_REJECTED, "UNAUTHENTICATED"),
        (402, "", Failure.QUOTA, "insufficient_quota"),
        (403, "PERMISSION_DENIED", Failure.KEY_REJECTED, "PERMISSION_DENIED"),
        (404, "NOT_FOUND", Failure.NOT_FOUND, "model_not_found"),
        (409, "ABORTED", Failure.CONFLICT, "ABORTED"),
        (429, "RESOURCE_EXHAUSTED", Failure.RATE_LIMITED, "RESOURCE_EXHAUSTED"),
        (499, "CANCELLED", Failure.BAD_REQUEST, "CANCELLED"),
        (500, "INTERNAL", Failure.SERVER, "INTERNAL"),
        (503, "UNAVAILABLE", Failure.OVERLOADED, "UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED", Failure.SERVER, "DEADLINE_EXCEEDED"),
    ],
)
def test_a_status_has_its_class(status: int, word: str, failure: Failure, code: str) -> None:
    error = refused(status, word)

    assert (error.failure, error.code, error.status, error.message) == (failure, code, status, "m")


@pytest.mark.parametrize(
    ("status", "details", "message", "failure"),
    [
        (400, [reason("API_KEY_INVALID")], "API key not valid.", Failure.KEY_REJECTED),
        (400, [reason("API_KEY_EXPIRED")], "m", Failure.KEY_REJECTED),
        (400, [], "API key expired. Please renew the API key.", Failure.KEY_REJECTED),
        (401, [reason("ACCESS_TOKEN_EXPIRED")], "m", Failure.KEY_REJECTED),
        (403, [reason("BILLING_DISABLED")], "m", Failure.QUOTA),
        (403, [reason("SERVICE_DISABLED")], "m", Failure.KEY_REJECTED),
        (
            400,
            [],
            "The input token count (9) exceeds the maximum number of tokens allowed (8).",
            Failure.CONTEXT_LENGTH,
        ),
        (400, [], "Cannot fetch content from the provided URL.", Failure.BAD_REQUEST),
    ],
)
def test_the_reason_goes_before_the_status(
    status: int, details: list[Any], message: str, failure: Failure
) -> None:
    assert refused(status, "X", message, details).failure is failure


@pytest.mark.parametrize(
    ("details", "message", "failure", "wait"),
    [
        ([], "Resource exhausted. Please try again later.", Failure.RATE_LIMITED, None),
        ([retry("36s")], "m", Failure.RATE_LIMITED, 36.0),
        ([retry("36.429760048s")], "m", Failure.RATE_LIMITED, 36.429760048),
        ([], "Please retry in 36.4s.", Failure.RATE_LIMITED, 36.4),
        ([quota("RequestsPerMinute")], "m", Failure.RATE_LIMITED, None),
        ([quota("RequestsPerDay"), retry("36s")], "m", Failure.RATE_LIMITED, 36.0),
        ([quota("GenerateRequestsPerDayPerProject")], "m", Failure.QUOTA, None),
        ([quota("FreeTierRequestsPerMinute", "0"), retry("36s")], "m", Failure.QUOTA, 36.0),
        ([], "Your prepayment credits are depleted.", Failure.QUOTA, None),
        ([], "Your project has exceeded its monthly spending cap.", Failure.QUOTA, None),
        ([], "You exceeded your current quota, check your plan.", Failure.RATE_LIMITED, None),
    ],
    ids=str,
)
def test_a_429_passes_or_does_not(
    details: list[Any], message: str, failure: Failure, wait: float | None
) -> None:
    error = refused(429, "RESOURCE_EXHAUSTED", message, details)

    assert (error.failure, error.wait_s) == (failure, wait)


def test_the_operators_project_is_not_told() -> None:
    error = refused(403, "PERMISSION_DENIED", "m", [reason("SERVICE_DISABLED")])

    assert error.code == "SERVICE_DISABLED"
    assert error.extra is None


def test_the_member_at_fault_is_named() -> None:
    fields = [{"field": "generation_config.seed", "description": "d"}]
    detail = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": fields}

    assert refused(400, "INVALID_ARGUMENT", "m", [detail]).param == "generation_config.seed"


@pytest.mark.parametrize(
    "body", [b"", b"<html>no</html>", b"[]", b"3", b'{"error": null}', b'{"error": "x", "code": 7}']
)
def test_what_is_no_envelope_tells_its_status(body: bytes) -> None:
    for provider in (GEMINI, VERTEX):
        error = provider.parse_error(ReplyHead(503, {"retry-after": "7"}), body, 0.0)
        assert (error.failure, error.status, error.wait_s) == (Failure.OVERLOADED, 503, 7.0)


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        ({"code": 503, "message": "m", "status": "UNAVAILABLE"}, Failure.OVERLOADED),
        ({"message": "m", "status": "RESOURCE_EXHAUSTED"}, Failure.RATE_LIMITED),
        (
            {"code": 400, "message": "m", "details": [reason("API_KEY_INVALID")]},
            Failure.KEY_REJECTED,
        ),
        ({"code": 500, "message": "m"}, Failure.SERVER),
        ({"message": "m"}, Failure.SERVER),
        ("m", Failure.SERVER),
    ],
    ids=str,
)
def test_an_error_inside_a_200_is_classed_by_what_it_says(error: Any, failure: Failure) -> None:
    found = events(sse(fragment("a"), {"error": error}))[-1]

    assert isinstance(found, ev.Error)
    assert (found.error.failure, found.error.message) == (failure, "m")
    assert found.error.status is None
