"""Azure's errors. What the service in front of the model says has no `type` and no `param`.

Sources: learn.microsoft.com, "Azure OpenAI REST API" and "Content filtering" (2026), and replies seen
from the real API.
"""

from collections.abc import Callable, Mapping
from typing import Any

from gateway.sandbox.formats.azure.filters import rate
from gateway.sandbox.formats.base import Refused
from gateway.sandbox.formats.openai import refusals as openai
from gateway.sandbox.prompt import Prompt
from gateway.sandbox.script import Failure

_DAY_S = 86_400


def error(code: str, message: str) -> dict[str, Any]:
    """Return an error object of the service in front of the model."""
    return {"code": code, "message": message}


def refuse_path() -> Refused:
    """Return the 404 of a path that does not exist, or lacks its `api-version`."""
    return Refused(404, error("404", "Resource not found"))


def refuse_version() -> Refused:
    """Return the 400 of a version nobody knows."""
    return Refused(400, error("BadRequest", "API version not supported"))


def refuse_dated_version() -> Refused:
    """Return the 400 of a dated version where there are none."""
    text = "api-version query parameter is not allowed when using /v1 path"
    return Refused(400, error("BadRequest", text))


def refuse_key() -> Refused:
    """Return the 401 of a request without a key, or with a wrong one."""
    text = (
        "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide "
        "a valid key for an active subscription and use a correct regional API endpoint for your "
        "resource."
    )
    return Refused(401, error("401", text))


def refuse_deployment() -> Refused:
    """Return the 404 of a deployment that does not exist."""
    text = (
        "The API deployment for this resource does not exist. If you created the deployment within "
        "the last 5 minutes, please wait a moment and try again."
    )
    made = {"type": openai.INVALID, "code": "DeploymentNotFound", "message": text}
    return Refused(404, made)


def refuse_prompt() -> Refused:
    """Return the 400 of a prompt that a filter stopped."""
    text = (
        "The response was filtered due to the prompt triggering Azure OpenAI's content management "
        "policy. Please modify your prompt and retry. To learn more about our content filtering "
        "policies please read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766"
    )
    inner = {
        "code": "ResponsibleAIPolicyViolation",
        "content_filter_result": {
            **rate("violence"),
            "jailbreak": {"filtered": False, "detected": False},
        },
    }
    made: dict[str, Any] = {
        "message": text,
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": inner,
    }
    return Refused(400, made)


def _refuse_rate(model: str, wait: float | None, unit: str) -> Refused:
    text = (
        f"Your requests to {model} for {model} in East US 2 have exceeded the {unit} rate limit "
        "for your current OpenAI S0 pricing tier. This request was for ChatCompletions_Create "
        "under Azure OpenAI API."
    )
    headers: list[tuple[str, str]] = []
    if wait is not None:
        text += f" Please retry after {wait:g} seconds."
        headers = [
            ("retry-after", f"{wait:g}"),
            ("retry-after-ms", f"{wait * 1000:.0f}"),
            ("x-ratelimit-remaining-requests", "0"),
            ("x-ratelimit-reset-requests", f"{wait:g}"),
        ]
    return Refused(429, error("429", text), headers)


# status, code, message: what never reaches the model
_ROWS: Mapping[Failure, tuple[int, str, str]] = {
    Failure.FORBIDDEN: (403, "403", "Access denied due to Virtual Network/Firewall rules."),
    Failure.BILLING: (
        403,
        "403",
        "Out of call volume quota for OpenAI S0 pricing tier. Quota will be replenished in 2 days.",
    ),
    Failure.TIMEOUT: (408, "Timeout", "The operation was timeout."),
    Failure.TOO_LARGE: (413, "413", "Request Entity Too Large"),
    Failure.BAD_GATEWAY: (502, "502", "Bad gateway"),
    Failure.UNAVAILABLE: (
        503,
        "ServiceUnavailable",
        "The service is temporarily unable to process your request. Please try again later.",
    ),
    Failure.GATEWAY_TIMEOUT: (504, "GatewayTimeout", "The gateway did not get an answer in time."),
    Failure.OVERLOADED: (
        429,
        "EngineOverloaded",
        "The system is currently experiencing high demand and cannot process your request. "
        "Your request exceeds the maximum usage size allowed during peak load.",
    ),
}


_CONSTANT: Mapping[Failure, Callable[[], Refused]] = {
    Failure.AUTH: refuse_key,
    Failure.MODEL_NOT_FOUND: refuse_deployment,
    Failure.CONTENT_FILTER: refuse_prompt,
}


def put(failure: Failure, prompt: Prompt, retry_after: float | None) -> Refused:
    """Return a failure as Azure reports it; what the model itself refuses is OpenAI's."""
    if failure in _CONSTANT:
        return _CONSTANT[failure]()
    match failure:
        case Failure.RATE_LIMIT:
            return _refuse_rate(prompt.model, retry_after, "call")
        case Failure.QUOTA:
            return _refuse_rate(prompt.model, _DAY_S, "token")
        case _ if failure in _ROWS:
            status, code, text = _ROWS[failure]
            return Refused(status, error(code, text))
        case _:
            return openai.put(failure, prompt, retry_after)
