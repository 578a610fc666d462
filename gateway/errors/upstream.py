"""What one attempt at a provider can meet; routing decides what becomes of it."""

from collections.abc import Mapping
from enum import StrEnum


class Failure(StrEnum):
    """What one attempt met, in our own words; every provider's errors map to these."""

    UNREACHABLE = "unreachable"  # refused, reset, no DNS answer, TLS: before any reply
    ENDPOINT_REFUSED = "endpoint_refused"  # the address guard said no; nothing was sent
    TIMEOUT = "timeout"  # connect, first token, gap or total
    BAD_REPLY = "bad_reply"  # nonsense, or a 200 that is no answer
    CUT = "cut"  # the reply ended before its end
    BAD_REQUEST = "bad_request"  # 400, 413, 422: the provider refuses the request itself
    CONTEXT_LENGTH = "context_length"  # prompt too long for the model
    CONTENT_FILTER = "content_filter"  # prompt blocked by the provider's policy
    NOT_FOUND = "not_found"  # no such model or deployment
    KEY_REJECTED = "key_rejected"  # 401, 403
    QUOTA = "quota"  # out of credit or a hard spend limit: waiting does not help
    RATE_LIMITED = "rate_limited"  # 429 that passes
    CONFLICT = "conflict"  # 409
    OVERLOADED = "overloaded"  # 503, 529
    SERVER = "server"  # other 5xx, 408


class UpstreamError(Exception):
    """One attempt failed. `message` is the provider's own text, with known secrets removed.

    `status` is the provider's HTTP status (None if there was none), `wait_s` the wait it asked
    for, `should_retry` its `x-should-retry`, `code` and `param` its own words for the client.
    `sent` is False where nothing of the request can have left for the provider.
    """

    def __init__(  # noqa: PLR0913  # a record of facts, keyword-only
        self,
        failure: Failure,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        param: str | None = None,
        wait_s: float | None = None,
        should_retry: bool | None = None,
        extra: Mapping[str, object] | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(failure.value)
        self.failure = failure
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        self.wait_s = wait_s
        self.should_retry = should_retry
        self.extra = extra
        self.sent = sent

    def __repr__(self) -> str:
        return f"UpstreamError({self.failure.value}, status={self.status})"
