"""What AWS says when it refuses: the exception's name in a header, `message` in the body.

The names and statuses are those of the service model (botocore 1.44.5, `bedrock-runtime`) and of
AWS's common errors. Texts count only where one name covers several cases.
"""

import re
from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from gateway.errors import Failure, UpstreamError
from gateway.providers.bedrock.eventstream import Frame
from gateway.providers.errors import (
    ErrorFacts,
    failure_for,
    read_error_body,
    truncate,
    upstream_error,
)
from gateway.types.upstream import ReplyHead

_BY_NAME: Mapping[str, Failure] = {
    "accessdeniedexception": Failure.KEY_REJECTED,
    "conflictexception": Failure.CONFLICT,
    "internalfailure": Failure.SERVER,
    "internalserverexception": Failure.SERVER,
    "modelerrorexception": Failure.SERVER,
    "modelnotreadyexception": Failure.OVERLOADED,
    "modelstreamerrorexception": Failure.SERVER,
    "modeltimeoutexception": Failure.TIMEOUT,
    "resourcenotfoundexception": Failure.NOT_FOUND,
    "servicequotaexceededexception": Failure.QUOTA,
    "serviceunavailableexception": Failure.OVERLOADED,
    "throttlingexception": Failure.RATE_LIMITED,
    "toomanyrequestsexception": Failure.RATE_LIMITED,
    "validationexception": Failure.BAD_REQUEST,
    # Refused credentials.
    "expiredtoken": Failure.KEY_REJECTED,
    "expiredtokenexception": Failure.KEY_REJECTED,
    "incompletesignature": Failure.KEY_REJECTED,
    "incompletesignatureexception": Failure.KEY_REJECTED,
    "invalidclienttokenid": Failure.KEY_REJECTED,
    "invalidsignatureexception": Failure.KEY_REJECTED,
    "missingauthenticationtoken": Failure.KEY_REJECTED,
    "missingauthenticationtokenexception": Failure.KEY_REJECTED,
    "notauthorized": Failure.KEY_REJECTED,
    "optinrequired": Failure.KEY_REJECTED,
    "requestexpired": Failure.KEY_REJECTED,
    "signaturedoesnotmatch": Failure.KEY_REJECTED,
    "unrecognizedclientexception": Failure.KEY_REJECTED,
}
_NAME = re.compile(r"[A-Za-z]{1,64}")
_MODEL_ERRORS = ("modelerrorexception", "modelstreamerrorexception")
_BY_ORIGINAL_STATUS: Mapping[int, Failure] = {
    429: Failure.RATE_LIMITED,
    503: Failure.OVERLOADED,
    529: Failure.OVERLOADED,
}
_NO_SUCH_MODEL = re.compile(r"model identifier is invalid|model \S+ (?:does not exist|not found)")
_ON_DEMAND = re.compile(r"on-demand throughput isn.t supported")
_PROFILE_HINT = (
    " Name an inference profile instead, such as the same model id with 'us.' or 'global.' before "
    "it, or the profile's ARN."
)
_TOO_LONG = re.compile(
    r"input is too long|prompt is too long|too many input tokens|input tokens exceeded"
    r"|number of input tokens exceeds|context[ _](?:length|limit|window)"
    r"|exceeds? the (?:model's )?maximum (?:number of )?(?:input )?tokens",
    re.IGNORECASE,
)
_FILTERED = re.compile(r"content filter(?:ing)?|blocked by (?:the )?(?:content|guardrail)", re.I)
_PER_DAY = re.compile(r"tokens per day|per-day|daily", re.IGNORECASE)
# The text about a wrong signature repeats all that was signed, the session token among it.
_SIGNED_TEXT = re.compile(r"\s*The canonical string\b.*", re.IGNORECASE | re.DOTALL)
_CODES: Mapping[Failure, str] = {
    Failure.CONTENT_FILTER: "content_filter",
    Failure.CONTEXT_LENGTH: "context_length_exceeded",
    Failure.NOT_FOUND: "model_not_found",
    Failure.QUOTA: "insufficient_quota",
    Failure.RATE_LIMITED: "rate_limit_exceeded",
}


def parse_error(head: ReplyHead, body: bytes, now: float) -> UpstreamError:
    """Read a non-2xx reply; what is no JSON tells its status, and its exception by header."""
    facts = read_error_body(body, head.status)
    members = facts.body or {}
    name = _exception_name(head.header("x-amzn-errortype"), members)
    failure, facts = _classified(name, _with_message(facts, members), head.status)
    error = upstream_error(head, facts, now, failure)
    request_id = head.header("x-amzn-requestid")
    if request_id:
        error.extra = {**(error.extra or {}), "request_id": request_id}
    return error


def error_in_reply(members: Mapping[str, Any], name: str | None = None) -> UpstreamError:
    """Read an error inside a 200 reply: its body, or the payload of an exception frame."""
    facts = ErrorFacts("The provider reported an error without saying which.", body=members)
    found = _exception_name(name, members)
    failure, facts = _classified(found, _with_message(facts, members), None)
    return UpstreamError(failure, facts.message, code=facts.code, extra=facts.extra)


def error_frame(frame: Frame, members: Mapping[str, Any]) -> UpstreamError:
    """Read a frame of the message types `exception` and `error`."""
    headers = frame.headers
    if headers.get(":message-type") == "error":  # unmodelled: code and text are headers
        members = {"message": headers.get(":error-message", ""), **members}
        return error_in_reply(members, headers.get(":error-code"))
    return error_in_reply(members, headers.get(":exception-type"))


def _exception_name(given: str | None, members: Mapping[str, Any]) -> str:
    """Return the exception's bare name: `ns#ThrottlingException:http://…` holds it."""
    for text in (given, members.get("__type"), members.get("code")):
        if isinstance(text, str) and text:
            found = _NAME.match(text.partition(":")[0].rpartition("#")[2].strip())
            if found is not None:
                return found[0][0].upper() + found[0][1:]
    return ""


def _with_message(facts: ErrorFacts, members: Mapping[str, Any]) -> ErrorFacts:
    said = (members.get(name) for name in ("message", "Message", "originalMessage"))
    text = next((text for text in said if isinstance(text, str) and text), facts.message)
    return replace(facts, message=truncate(_SIGNED_TEXT.sub("", text)))


def _classified(name: str, facts: ErrorFacts, status: int | None) -> tuple[Failure, ErrorFacts]:
    failure = _BY_NAME.get(name.lower())
    if failure is None:
        failure = failure_for(status, None, None, facts.message)
    original = (facts.body or {}).get("originalStatusCode")
    if name.lower() in _MODEL_ERRORS and isinstance(original, int):
        failure = _BY_ORIGINAL_STATUS.get(original, failure)
        facts = replace(facts, extra={**(facts.extra or {}), "original_status": original})
    failure = _refined(failure, facts.message)
    if failure is Failure.BAD_REQUEST and _ON_DEMAND.search(facts.message):
        facts = replace(facts, message=facts.message + _PROFILE_HINT)
    return failure, replace(facts, code=_CODES.get(failure) or name or facts.code)


def _refined(failure: Failure, message: str) -> Failure:
    """Tell apart by their texts the cases that share a name."""
    if failure is Failure.RATE_LIMITED and _PER_DAY.search(message):
        return Failure.QUOTA
    if failure is not Failure.BAD_REQUEST:
        return failure
    if _NO_SUCH_MODEL.search(message):
        return Failure.NOT_FOUND
    if _TOO_LONG.search(message):
        return Failure.CONTEXT_LENGTH
    return Failure.CONTENT_FILTER if _FILTERED.search(message) else failure
