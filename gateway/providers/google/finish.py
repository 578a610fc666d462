"""How a candidate ended, in OpenAI's words, and the members that OpenAI has no word for.

Reasons are those of `Candidate.FinishReason` of both services (2026-11).
"""

from collections.abc import Mapping
from typing import Any

from gateway.errors import Failure, UpstreamError
from gateway.types.json import JsonObject

_FILTERED = (
    "SAFETY",
    "RECITATION",
    "BLOCKLIST",
    "PROHIBITED_CONTENT",
    "SPII",
    "IMAGE_SAFETY",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "MODEL_ARMOR",
    "ESCALATION",
    "PUP_LIMITED_DISABLED",
)
_REASONS: Mapping[str, str] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    **dict.fromkeys(_FILTERED, "content_filter"),
}
# Nobody says why: with an answer it is one, without it something was held back.
_VAGUE = frozenset({"OTHER", "LANGUAGE", "IMAGE_OTHER", "NO_IMAGE"})
# The model slipped; asked again, it mostly does not.
_SLIPS = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "MALFORMED_RESPONSE",
        "MISSING_THOUGHT_SIGNATURE",
        "TOO_MANY_TOOL_CALLS",
        "UNEXPECTED_TOOL_CALL",
    }
)
# The numbers that both services agree on, as some servers write enums (recorded).
_NUMBERS: Mapping[int, str] = {
    1: "STOP",
    2: "MAX_TOKENS",
    3: "SAFETY",
    4: "RECITATION",
    5: "OTHER",
}
_BESIDE: Mapping[str, str] = {
    "avgLogprobs": "avg_logprobs",
    "citationMetadata": "citation_metadata",
    "continuationToken": "continuation_token",
    "finishMessage": "finish_message",
    "groundingMetadata": "grounding_metadata",
    "safetyRatings": "safety_ratings",
    "urlContextMetadata": "url_context_metadata",
}


def native_reason(value: object) -> str | None:
    """Return a finish reason by its name, None where the candidate goes on."""
    if isinstance(value, int) and not isinstance(value, bool):
        return _NUMBERS.get(value, f"FINISH_REASON_{value}") if value > 0 else None
    if isinstance(value, str) and value and value != "FINISH_REASON_UNSPECIFIED":
        return value
    return None


def finish_reason(native: str | None, *, has_calls: bool, has_output: bool) -> str:
    """Return one of OpenAI's words; what is unknown counts as a plain stop.

    There is no reason of its own for calls: they are told by having been seen, but only where the
    model stopped by itself.
    """
    reason = _REASONS.get(native or "STOP", "stop")
    if native in _VAGUE and not has_output:
        return "content_filter"
    if has_calls and (native is None or native == "STOP"):
        return "tool_calls"
    return reason


def slip(native: str | None, message: str) -> UpstreamError | None:
    """Return the error that an empty candidate of this reason is, None if it is none."""
    if native not in _SLIPS:
        return None
    said = f": {message}" if message else "."
    return UpstreamError(
        Failure.BAD_REPLY, f"The model gave no usable answer ({native}){said}", code=native
    )


def beside_members(candidate: JsonObject) -> dict[str, Any]:
    """Return what stands beside a message, for clients that use Google's features."""
    return {_BESIDE[key]: value for key, value in candidate.items() if value and key in _BESIDE}
