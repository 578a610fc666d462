"""What a client is told when the last attempt has failed: the table of the contract, in code.

Whose fault it is decides first: a key the user saved is theirs to mend, the operator's key is not.
What a provider says of an invalid key is not repeated, because some quote a part of it; what it
says of the operator's account is not the user's business.
"""

from collections.abc import Callable, Mapping

from gateway.errors import (
    Failure,
    GatewayError,
    InvalidRequest,
    ModelNotFound,
    PayloadTooLarge,
    PlatformKeyRejected,
    PlatformQuotaExhausted,
    PolicyError,
    ProviderKeyMissing,
    ProviderKeyRejected,
    QuotaExhausted,
    UpstreamError,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamTimeout,
)
from gateway.types.upstream import KeySource, Target

_Build = Callable[[UpstreamError, Target], GatewayError]


def to_client_error(error: UpstreamError, target: Target) -> GatewayError:
    """Return the error to answer with. `error.provider` in its body holds the provider's facts."""
    told = _BUILDERS[error.failure](error, target)
    facts = {"name": target.provider, "status": error.status, "code": error.code}
    told.extra = {**(error.extra or {}), **(told.extra or {}), "provider": facts}
    return told


def _bad_request(error: UpstreamError, target: Target) -> GatewayError:
    kind = PayloadTooLarge if error.status == 413 else InvalidRequest
    return kind(_said(error, target), param=error.param, code=error.code)


def _context_length(error: UpstreamError, target: Target) -> GatewayError:
    return InvalidRequest(_said(error, target), param="messages", code="context_length_exceeded")


def _content_filter(error: UpstreamError, target: Target) -> GatewayError:
    return InvalidRequest(_said(error, target), param=error.param, code="content_filter")


def _not_found(error: UpstreamError, target: Target) -> GatewayError:
    return ModelNotFound(_said(error, target), param="model")


def _key_rejected(error: UpstreamError, target: Target) -> GatewayError:
    provider = target.provider
    match target.key_source:
        case KeySource.OWN:
            # A 403 speaks of what the key may not do; a 401 often quotes a part of the key.
            why = f" ({error.message})" if error.status == 403 else ""
            return ProviderKeyRejected(
                f"{provider} refused your key '{target.key_name}'{why}. Check it, and save a "
                f"valid one with PUT /v1/me/providers/{target.key_name}."
            )
        case KeySource.PLATFORM:
            return PlatformKeyRejected(
                f"{provider} refused the key of this gateway's operator. Only they can mend it; "
                f"or use your own: PUT /v1/me/providers/{provider}."
            )
        case KeySource.NONE:
            return ProviderKeyMissing(
                f"{provider} wants a key and you have none. Save one with "
                f"PUT /v1/me/providers/{provider}."
            )


def _quota(error: UpstreamError, target: Target) -> GatewayError:
    if target.key_source is KeySource.PLATFORM:
        return PlatformQuotaExhausted(
            f"The account of this gateway's operator at {target.provider} is out of quota."
        )
    return QuotaExhausted(_said(error, target))


def _rate_limited(error: UpstreamError, target: Target) -> GatewayError:
    if target.key_source is KeySource.PLATFORM:
        message = f"{target.provider} limits the rate of requests with the operator's key."
    else:
        message = _said(error, target)
    return UpstreamRateLimited(message, retry_after_s=error.wait_s)


def _timeout(_: UpstreamError, target: Target) -> GatewayError:
    return UpstreamTimeout(f"{target.provider} did not answer in time.")


def _unreachable(_: UpstreamError, target: Target) -> GatewayError:
    return UpstreamFailed(f"{target.provider} could not be reached.")


def _broken(error: UpstreamError, target: Target) -> GatewayError:
    return UpstreamFailed(_said(error, target), retry_after_s=error.wait_s)


def _nonsense(_: UpstreamError, target: Target) -> GatewayError:
    return UpstreamFailed(f"{target.provider} sent an answer that cannot be read.")


def _cut(_: UpstreamError, target: Target) -> GatewayError:
    return UpstreamFailed(f"{target.provider} ended its answer before it was complete.")


def _endpoint_refused(_: UpstreamError, target: Target) -> GatewayError:
    return PolicyError(
        f"The endpoint of '{target.provider}' leads to an address this gateway does not connect "
        "to. Give a public address, or ask the operator to allow this one.",
        code="endpoint_not_allowed",
    )


def _said(error: UpstreamError, target: Target) -> str:
    return f"{target.provider}: {error.message}"


_BUILDERS: Mapping[Failure, _Build] = {
    Failure.BAD_REPLY: _nonsense,
    Failure.BAD_REQUEST: _bad_request,
    Failure.CONFLICT: _broken,
    Failure.CONTENT_FILTER: _content_filter,
    Failure.CONTEXT_LENGTH: _context_length,
    Failure.CUT: _cut,
    Failure.ENDPOINT_REFUSED: _endpoint_refused,
    Failure.KEY_REJECTED: _key_rejected,
    Failure.NOT_FOUND: _not_found,
    Failure.OVERLOADED: _broken,
    Failure.QUOTA: _quota,
    Failure.RATE_LIMITED: _rate_limited,
    Failure.SERVER: _broken,
    Failure.TIMEOUT: _timeout,
    Failure.UNREACHABLE: _unreachable,
}
