import pytest
from msgspec.structs import replace

from gateway.errors import Failure, GatewayError, Origin, UpstreamError
from gateway.routing.outcome import to_client_error
from gateway.types.models import ModelInfo
from gateway.types.upstream import KeySource, Target

OWN = Target(
    provider="openai",
    type="openai",
    model="gpt-4o",
    base_url="https://api.openai.com/v1",
    key_source=KeySource.OWN,
    key_name="work",
    audience="openai",
    settings={},
    info=ModelInfo("openai", "gpt-4o"),
)
PLATFORM = replace(OWN, key_source=KeySource.PLATFORM, key_name=None)
KEYLESS = replace(OWN, key_source=KeySource.NONE, key_name=None)


def told(failure: Failure, target: Target = OWN, **facts: object) -> GatewayError:
    error = UpstreamError(failure, "the provider's words", **facts)  # type: ignore[arg-type]
    return to_client_error(error, target)


@pytest.mark.parametrize(
    ("failure", "target", "status", "code", "origin"),
    [
        (Failure.KEY_REJECTED, OWN, 403, "provider_key_rejected", Origin.USER_KEY),
        (Failure.KEY_REJECTED, PLATFORM, 502, "platform_key_rejected", Origin.GATEWAY),
        (Failure.KEY_REJECTED, KEYLESS, 403, "provider_key_missing", Origin.USER_KEY),
        (Failure.QUOTA, OWN, 429, "insufficient_quota", Origin.USER_KEY),
        (Failure.QUOTA, PLATFORM, 429, "insufficient_quota", Origin.GATEWAY),
        (Failure.RATE_LIMITED, OWN, 429, "rate_limit_exceeded", Origin.PROVIDER),
        (Failure.RATE_LIMITED, PLATFORM, 429, "rate_limit_exceeded", Origin.PROVIDER),
        (Failure.UNREACHABLE, OWN, 502, "upstream_error", Origin.PROVIDER),
        (Failure.BAD_REPLY, OWN, 502, "upstream_error", Origin.PROVIDER),
        (Failure.CUT, OWN, 502, "upstream_error", Origin.PROVIDER),
        (Failure.CONFLICT, OWN, 502, "upstream_error", Origin.PROVIDER),
        (Failure.OVERLOADED, OWN, 502, "upstream_error", Origin.PROVIDER),
        (Failure.SERVER, OWN, 502, "upstream_error", Origin.PROVIDER),
        (Failure.TIMEOUT, OWN, 504, "upstream_timeout", Origin.PROVIDER),
        (Failure.BAD_REQUEST, OWN, 400, "invalid_request", Origin.REQUEST),
        (Failure.CONTEXT_LENGTH, OWN, 400, "context_length_exceeded", Origin.REQUEST),
        (Failure.CONTENT_FILTER, OWN, 400, "content_filter", Origin.REQUEST),
        (Failure.NOT_FOUND, OWN, 404, "model_not_found", Origin.REQUEST),
        (Failure.ENDPOINT_REFUSED, OWN, 403, "endpoint_not_allowed", Origin.POLICY),
    ],
)
def test_the_table_of_the_contract(
    failure: Failure, target: Target, status: int, code: str, origin: Origin
) -> None:
    error = told(failure, target)
    assert (error.status, error.code, error.origin) == (status, code, origin)


@pytest.mark.parametrize("failure", list(Failure))
@pytest.mark.parametrize("target", [OWN, PLATFORM, KEYLESS])
def test_every_failure_has_an_answer_with_the_providers_facts(
    failure: Failure, target: Target
) -> None:
    error = told(failure, target, status=418, code="their_code", extra={"failed_generation": "x"})
    assert error.message
    assert error.extra == {
        "failed_generation": "x",
        "provider": {"name": "openai", "status": 418, "code": "their_code"},
    }


def test_a_refused_request_keeps_the_providers_words_code_and_param() -> None:
    error = told(Failure.BAD_REQUEST, status=422, code="unsupported_value", param="temperature")
    assert error.status == 400
    assert error.message == "openai: the provider's words"
    assert (error.code, error.param, error.type) == (
        "unsupported_value",
        "temperature",
        "invalid_request_error",
    )


def test_a_body_the_provider_finds_too_large_is_a_413() -> None:
    assert told(Failure.BAD_REQUEST, status=413).status == 413


def test_a_wait_is_named_only_if_the_provider_named_one() -> None:
    for failure in (Failure.RATE_LIMITED, Failure.OVERLOADED, Failure.SERVER):
        assert told(failure).retry_after_s is None
        assert told(failure, wait_s=12.5).retry_after_s == 12.5
    assert told(Failure.QUOTA, wait_s=12.5).retry_after_s is None


def test_the_own_key_that_was_refused_is_named_with_the_cure() -> None:
    message = told(Failure.KEY_REJECTED, status=401).message
    assert "PUT /v1/me/providers/work" in message
    assert "the provider's words" not in message  # some quote a part of the key
    assert "the provider's words" in told(Failure.KEY_REJECTED, status=403).message


@pytest.mark.parametrize("failure", [Failure.KEY_REJECTED, Failure.QUOTA, Failure.RATE_LIMITED])
def test_what_is_said_of_the_operators_account_is_not_passed_on(failure: Failure) -> None:
    error = UpstreamError(failure, "organization org-operator, billing", status=403)
    assert "org-operator" not in to_client_error(error, PLATFORM).message
