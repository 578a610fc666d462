"""Everything that can go wrong, split by whose fault it is.

    GatewayError                       what the client is told: status, type, code, param, origin
    ├── RequestError                   origin `request`: the caller can mend it
    │   ├── InvalidRequest 400, AuthenticationFailed 401, NotAllowed 403, NotFound 404,
    │   │   ModelNotFound 404, UnsupportedEndpoint 404, MethodNotAllowed 405, PayloadTooLarge 413,
    │   │   UnsupportedMediaType 415
    ├── PolicyError                    origin `policy`: a rule of the operator or the user
    │   └── ContextNotAllowed 403, ModelNotAllowed 403, PriceUnknown 403, RateLimited 429, …
    ├── UserKeyError                   origin `user_key`: the user's own provider key
    │   └── ProviderKeyMissing 403, ProviderKeyRejected 403, QuotaExhausted 429
    ├── ProviderError                  origin `provider`: the upstream
    │   └── UpstreamFailed 502, UpstreamTimeout 504, UpstreamRateLimited 429
    └── GatewayFault                   origin `gateway`: us, or the operator's setup
        └── PlatformKeyRejected 502, Overloaded 503, StoreAway 503, Internal 500

Messages are safe to show: no key, token, prompt or answer is ever put into one.
"""

from collections.abc import Mapping
from enum import StrEnum


class Origin(StrEnum):
    """Whose fault an error is; sent as `x-gateway-error-origin`."""

    REQUEST = "request"
    POLICY = "policy"
    USER_KEY = "user_key"
    PROVIDER = "provider"
    GATEWAY = "gateway"


class GatewayError(Exception):
    """The base of every error a client may see. Subclasses fix the fields, instances may refine."""

    status = 500
    type = "server_error"
    code = "internal_error"
    origin = Origin.GATEWAY

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: float | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or type(self).code
        self.retry_after_s = retry_after_s  # names a wait: SDKs may retry after it
        self.extra = extra  # further members of the `error` object
        self.headers: Mapping[str, str] = {}  # further headers of the answer


class RequestError(GatewayError):
    """The caller's request is at fault and the caller can mend it."""

    status = 400
    type = "invalid_request_error"
    code = "invalid_request"
    origin = Origin.REQUEST


class InvalidRequest(RequestError):
    """The body, a parameter or a header is not acceptable; `param` names it."""


class AuthenticationFailed(RequestError):
    """No, wrong, expired or revoked token: one constant body for all of them."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"

    def __init__(self) -> None:
        super().__init__(
            "Missing or invalid token. Send 'Authorization: Bearer gw_u_…' with a token "
            "issued by this gateway."
        )


class NotAllowed(RequestError):
    """The token is valid but may not do this."""

    status = 403
    type = "permission_error"
    code = "not_allowed"


class NotFound(RequestError):
    """No such thing, or it belongs to somebody else: the two answer alike."""

    status = 404
    code = "not_found"


class ModelNotFound(NotFound):
    """The named model is not available to this user."""

    code = "model_not_found"


class UnsupportedEndpoint(NotFound):
    """A known OpenAI or Anthropic path that this gateway does not serve."""

    code = "unsupported_endpoint"


class MethodNotAllowed(RequestError):
    """The path exists, the method does not."""

    status = 405
    code = "method_not_allowed"


class Conflict(RequestError):
    """The resource exists already, or was changed meanwhile."""

    status = 409
    code = "conflict"


class PayloadTooLarge(RequestError):
    """The body, a record or a list of records is larger than the operator's limit for it."""

    status = 413
    code = "request_too_large"


class UnsupportedMediaType(RequestError):
    """The body is not `application/json`, or is compressed."""

    status = 415
    code = "unsupported_media_type"


class PolicyError(GatewayError):
    """A rule set by the operator or the user refuses this."""

    status = 403
    type = "permission_error"
    code = "not_allowed_by_policy"
    origin = Origin.POLICY


class ModelNotAllowed(PolicyError):
    """An allow-list of the token or the operator does not name this model."""

    code = "model_not_allowed"


class PriceUnknown(PolicyError):
    """The operator refuses models whose price is not known (`prices.unknown: refuse`)."""

    code = "price_unknown"


class ContextNotAllowed(PolicyError):
    """The request asks for a deeper context scope than a ceiling allows."""

    code = "context_not_allowed"


class RateLimited(PolicyError):
    """One of our own rate limits."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class BudgetSpent(PolicyError):
    """One of our own budgets is used up."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"


class ExceedsLimit(PolicyError):
    """The request alone can never fit a limit."""

    status = 400
    type = "invalid_request_error"
    code = "exceeds_limit"


class UserKeyError(GatewayError):
    """The user's own provider key is missing, refused or out of credit."""

    status = 403
    type = "permission_error"
    code = "provider_key_rejected"
    origin = Origin.USER_KEY


class ProviderKeyMissing(UserKeyError):
    """The user has no key for this provider and may not use the operator's."""

    code = "provider_key_missing"


class ProviderKeyRejected(UserKeyError):
    """The provider refused the user's own key."""


class QuotaExhausted(UserKeyError):
    """The provider says that the user's own account is out of quota or credit."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"


class ProviderError(GatewayError):
    """The upstream is at fault."""

    status = 502
    type = "api_error"
    code = "upstream_error"
    origin = Origin.PROVIDER


class UpstreamFailed(ProviderError):
    """Broken, unreachable, or an answer that makes no sense."""


class UpstreamTimeout(ProviderError):
    """The deadline passed."""

    status = 504
    type = "timeout_error"
    code = "upstream_timeout"


class UpstreamRateLimited(ProviderError):
    """The provider's rate limit, still in force after our own retries."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class GatewayFault(GatewayError):
    """Our own fault, or the operator's setup."""


class PlatformKeyRejected(GatewayFault):
    """The provider refused the operator's key."""

    status = 502
    type = "api_error"
    code = "platform_key_rejected"


class PlatformQuotaExhausted(GatewayFault):
    """The operator's account at the provider is out of quota or credit."""

    status = 429
    type = "insufficient_quota"
    code = "insufficient_quota"


class Overloaded(GatewayFault):
    """Shedding load, draining, or not ready yet."""

    status = 503
    type = "server_error"
    code = "overloaded"


class StoreAway(GatewayFault):
    """The store does not answer and nothing confirmed recently is at hand."""

    status = 503
    type = "server_error"
    code = "store_unavailable"


class RecordIntegrity(GatewayFault):
    """A sealed record does not open: altered, moved, or sealed under another key."""

    code = "record_integrity"


class Internal(GatewayFault):
    """A bug. The message says nothing but the request id."""
