"""One ledger row per attempt: ids, counts and prices, never content."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gateway.types.models import PriceState
from gateway.types.usage import Certainty, Usage


class Status(StrEnum):
    """How an attempt ended."""

    OK = "ok"
    FAILED = "failed"  # the provider or the way to it
    CANCELLED = "cancelled"  # the client hung up
    CUT = "cut"  # the answer broke off after it had begun


class LedgerRow(Struct, frozen=True, omit_defaults=True):
    """What one attempt used and cost. Times are Unix seconds, durations milliseconds.

    `cost_nano` is None where the model's price is unknown; it is never silently zero.
    `price_state` says what the cost is made of.
    """

    request_id: str
    attempt: int
    user_id: str
    token_id: str
    time: float
    provider: str
    model: str
    status: Status
    certainty: Certainty
    usage: Usage = Usage()
    cost_nano: int | None = None
    price_state: PriceState = PriceState.PRICED
    feature: str = "chat"
    feature_id: str | None = None
    key_source: str = "own"
    failure: str | None = None
    latency_ms: int = 0
    first_token_ms: int | None = None
    stream: bool = False
    scope: str = "none"
    kinds: Mapping[str, int] = {}  # tokens of each kind of context
    context_tokens: int = 0
    sent: bool = True  # False: known to have never left for the provider
    provider_label: str = "other"  # from a closed set, for metrics
    model_label: str = "other"


def anonymous(row: LedgerRow) -> LedgerRow:
    """Return what is kept of an erased user's row: what was used and what it cost.

    `feature_id` is the application's own text and may name a person; what context was sent, and by
    which token, is nothing that a bill needs.
    """
    return replace(row, token_id="", feature_id=None, scope="none", kinds={}, context_tokens=0)


def public_row(row: LedgerRow, cost: str | None) -> dict[str, Any]:
    """Return a row as the usage API shows it; `cost` is a decimal string of dollars."""
    usage = row.usage
    return {
        "request_id": row.request_id,
        "attempt": row.attempt,
        "time": row.time,
        "provider": row.provider,
        "model": row.model,
        "status": row.status.value,
        "failure": row.failure,
        "certainty": row.certainty.value,
        "tokens": {
            name: getattr(usage, name) for name in usage.__struct_fields__ if getattr(usage, name)
        },
        "total_tokens": usage.total,
        "cost_usd": cost,
        "price_state": row.price_state.value,
        "feature": row.feature,
        "feature_id": row.feature_id,
        "key_source": row.key_source,
        "latency_ms": row.latency_ms,
        "first_token_ms": row.first_token_ms,
        "stream": row.stream,
        "context": {
            "scope": row.scope,
            "kinds": dict(row.kinds),
            "tokens": row.context_tokens,
        },
    }
