"""Cohere's errors: `{"id", "message"}`, and an `error_type` on some.

Sources: docs.cohere.com, "Errors (status codes and description)" (2025), and error replies of the
real API (2026). Cohere names no wait in any header.
"""

from collections.abc import Mapping
from typing import Any

from gateway.sandbox.formats.base import Refused
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.script import Failure

CONTEXT_WINDOW = 288_000
BROKEN = "internal server error, this has been reported to our developers"

_DOCS = "For proper usage, please refer to https://docs.cohere.com/v2/reference/chat"
_UPGRADE = (
    "You can continue to use the Trial key for free or upgrade to a Production key with higher "
    "rate limits at 'https://dashboard.cohere.com/api-keys'."
)


def refuse(message: str, status: int = 400) -> Refused:
    """Return the refusal of what is wrong in a request."""
    return Refused(status, {"message": message})


def refuse_unknown(name: str) -> Refused:
    """Return the 422 of a member nobody knows."""
    return refuse(f"unknown field: parameter '{name}' is not a valid field. {_DOCS}", 422)


def refuse_type(path: str, value: Any, wanted: str) -> Refused:
    """Return the 422 of a value of the wrong type."""
    text = f"invalid type: parameter '{path}' is of type {_name(value)} but should be of type"
    return refuse(f"{text} {wanted}. {_DOCS}", 422)


def refuse_key(*, missing: bool) -> Refused:
    """Return the 401 of a request without a key, or with a wrong one."""
    text = (
        "no api key supplied"
        if missing
        else (
            "Incorrect API key provided: ***********. "
            "You can find your API key at https://dashboard.cohere.com/api-keys."
        )
    )
    return refuse(text, 401)


def refuse_model(model: str) -> Refused:
    """Return the 404 of a model that does not exist."""
    text = (
        f"model '{model}' not found, make sure the correct model ID was used and that you have "
        "access to the model."
    )
    return refuse(text, 404)


def refuse_path(path: str) -> Refused:
    """Return the 404 of a path that does not exist."""
    return refuse(f"no endpoint at {path}", 404)


_ROWS: Mapping[Failure, tuple[int, str]] = {
    Failure.BAD_REQUEST: (400, "invalid request: something is wrong with it"),
    Failure.CONTENT_FILTER: (400, "invalid request: the prompt was blocked by a safety filter"),
    Failure.BILLING: (
        402,
        "Please add or update your payment method at "
        "https://dashboard.cohere.com/billing?tab=payment to continue",
    ),
    Failure.FORBIDDEN: (403, "You do not have access to this resource."),
    Failure.TIMEOUT: (408, "the request took too long to arrive"),
    Failure.CONFLICT: (409, "the resource was changed meanwhile"),
    Failure.TOO_LARGE: (413, "request body is too large"),
    Failure.RATE_LIMIT: (
        429,
        f"You are using a Trial key, which is limited to 20 API calls / minute. {_UPGRADE}",
    ),
    Failure.QUOTA: (
        429,
        f"You are using a Trial key, which is limited to 1000 API calls / month. {_UPGRADE}",
    ),
    Failure.SERVER: (500, BROKEN),
    Failure.BAD_GATEWAY: (502, "bad gateway"),
    Failure.UNAVAILABLE: (503, "the service is unavailable, please try again later"),
    Failure.GATEWAY_TIMEOUT: (504, "the request timed out"),
    Failure.OVERLOADED: (503, "the model is overloaded, please try again later"),
}
_SPENT: Mapping[Failure, tuple[tuple[str, str], ...]] = {
    Failure.RATE_LIMIT: (("x-trial-endpoint-call-remaining", "0"),),
    Failure.QUOTA: (("x-endpoint-monthly-call-remaining", "0"),),
}


def put(failure: Failure, prompt: Prompt) -> Refused:
    """Return a failure as Cohere reports it."""
    match failure:
        case Failure.AUTH:
            return refuse_key(missing=False)
        case Failure.MODEL_NOT_FOUND:
            return refuse_model(prompt.model)
        case Failure.CONTEXT_LENGTH:
            text = (
                f"too many tokens: size limit exceeded by {prompt.tokens} tokens. Try using "
                f"shorter or fewer inputs. The limit for this model is {CONTEXT_WINDOW} tokens."
            )
            return Refused(400, {"error_type": "TOO_MANY_TOKENS", "message": text})
        case _:
            status, text = _ROWS[failure]
            return Refused(status, {"message": text}, _SPENT.get(failure, ()))


_NAMES = (
    (bool, "bool"),
    (int, "number"),
    (float, "number"),
    (str, "string"),
    (list, "array"),
    (dict, "Object"),
)


def _name(value: Any) -> str:
    return next((name for kind, name in _NAMES if isinstance(value, kind)), "null")
