"""Google's errors: `{"error": {"code", "message", "status", "details"}}`.

Codes: ai.google.dev, "Troubleshooting" and "Rate limits"; cloud.google.com, "Vertex AI API errors";
google/rpc/error_details.proto (2026), and replies seen from the real APIs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.sandbox.formats.base import Refused
from gateway.sandbox.script import Failure

CONTEXT_WINDOW = 1_048_576
MAX_PAYLOAD_BYTES = 20_971_520

_STATUSES: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
OVERLOADED = "The model is overloaded. Please try again later."


def error(code: int, message: str, details: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """Return an error object; `details` only where there are any."""
    made: dict[str, Any] = {"code": code, "message": message, "status": _STATUSES[code]}
    if details:
        made["details"] = list(details)
    return made


def refuse(message: str, code: int = 400, details: Sequence[Mapping[str, Any]] = ()) -> Refused:
    """Return a refusal, a 400 unless `code` says otherwise."""
    return Refused(code, error(code, message, details))


def refuse_field(path: str, complaint: str) -> Refused:
    """Return the 400 of the validator that knows a request's members by their paths."""
    return refuse(f"* {path}: {complaint}\n")


def refuse_fields(violations: Sequence[tuple[str, str]]) -> Refused:
    """Return the 400 of the JSON reader: all it found, as (path, description)."""
    found = [
        {"field": path, "description": text} if path else {"description": text}
        for path, text in violations
    ]
    details = {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": found}
    return refuse("\n".join(text for _, text in violations), 400, [details])


def reason(name: str, service: str, **metadata: str) -> dict[str, Any]:
    """Return the detail that names an error's cause."""
    return {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": name,
        "domain": "googleapis.com",
        "metadata": {"service": service, **metadata},
    }


def refuse_path() -> Refused:
    """Return the 404 of a path that does not exist."""
    return refuse("Requested entity was not found.", 404)


# What both surfaces say; the failures that are missing here differ. Vertex has other words for two.
_ROWS: Mapping[Failure, tuple[int, str]] = {
    Failure.BAD_REQUEST: (400, "Request contains an invalid argument."),
    Failure.CONTENT_FILTER: (400, "The prompt was blocked."),
    Failure.FORBIDDEN: (403, "The caller does not have permission"),
    Failure.BILLING: (
        429,
        "Your prepayment credits are depleted. Please go to AI Studio at "
        "https://ai.studio/projects to manage your project and billing.",
    ),
    Failure.TIMEOUT: (408, "The request timed out."),
    Failure.CONFLICT: (409, "The operation was aborted, typically due to a concurrency issue."),
    Failure.SERVER: (
        500,
        "An internal error has occurred. Please retry or report in "
        "https://developers.generativeai.google/guide/troubleshooting",
    ),
    Failure.BAD_GATEWAY: (502, "Bad gateway."),
    Failure.UNAVAILABLE: (503, "The service is currently unavailable."),
    Failure.GATEWAY_TIMEOUT: (504, "Deadline expired before operation could complete."),
    Failure.OVERLOADED: (503, OVERLOADED),
}


def put(failure: Failure, tokens: int) -> Refused:
    """Return a failure that both surfaces report alike. `tokens` is the prompt's size.

    Raises KeyError for those they do not.
    """
    if failure is Failure.CONTEXT_LENGTH:
        return refuse(
            f"The input token count ({CONTEXT_WINDOW + tokens}) exceeds the maximum number of "
            f"tokens allowed ({CONTEXT_WINDOW})."
        )
    if failure is Failure.TOO_LARGE:
        return refuse(f"Request payload size exceeds the limit: {MAX_PAYLOAD_BYTES} bytes.")
    code, text = _ROWS[failure]
    return refuse(text, code)


def quota(metric: str, quota_id: str, value: str, **dimensions: str) -> dict[str, Any]:
    """Return the detail that names a limit that was run into."""
    violation = {
        "quotaMetric": metric,
        "quotaId": quota_id,
        "quotaDimensions": dimensions,
        "quotaValue": value,
    }
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


def retry_info(seconds: float) -> dict[str, Any]:
    """Return the detail that names a wait."""
    return {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{seconds:g}s"}
