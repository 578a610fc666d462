"""Turns what became of an attempt into its ledger row, and counts it."""

import asyncio

from gateway.accounting.cost import cost_nano
from gateway.accounting.meter import Meter
from gateway.accounting.rows import LedgerRow, Status
from gateway.exchange import Attempt, Exchange
from gateway.metrics import ATTEMPT_SECONDS, ATTEMPTS, CONTEXT_TOKENS, FIRST_TOKEN_SECONDS
from gateway.types.usage import Certainty, Usage

DEFAULT_FEATURE = "chat"


def book_attempt(  # noqa: PLR0913  # the facts of one row
    exchange: Exchange,
    attempt: Attempt,
    *,
    status: Status,
    usage: Usage = Usage(),  # noqa: B008  # an immutable zero
    certainty: Certainty = Certainty.ABORTED,
    meter: Meter | None = None,
    failure: str | None = None,
) -> tuple[LedgerRow, "asyncio.Task[None]"]:
    """Hand the attempt's row to the ledger and count it. Never waits, so it works while cancelled."""
    target, options, block = attempt.target, exchange.options, attempt.block
    now = exchange.clock.monotonic()
    first = meter.first_token if meter else None
    row = LedgerRow(
        request_id=exchange.request_id,
        attempt=attempt.number,
        user_id=exchange.caller.user_id,
        token_id=exchange.caller.token.id,
        time=exchange.received,
        provider=target.provider,
        model=(meter.model if meter else None) or target.model,
        status=status,
        certainty=certainty,
        usage=usage,
        cost_nano=cost_nano(usage, target.info.price, exchange.received),
        feature=options.feature or DEFAULT_FEATURE,
        feature_id=options.feature_id,
        key_source=target.key_source.value,
        failure=failure,
        latency_ms=round((now - attempt.started) * 1000),
        first_token_ms=None if first is None else round((first - attempt.started) * 1000),
        stream=exchange.stream,
        scope=block.scope.value,
        kinds=block.kinds,
        context_tokens=block.tokens,
        provider_label=target.label,
        model_label=target.info.id if target.info.known else "other",
    )
    _count(attempt, exchange, row, now, first)
    return row, exchange.ledger.book(row)


def _count(
    attempt: Attempt, exchange: Exchange, row: LedgerRow, now: float, first: float | None
) -> None:
    label = attempt.target.label
    ATTEMPTS.labels(label, row.failure or row.status.value).inc()
    ATTEMPT_SECONDS.labels(label).observe(now - attempt.started)
    if first is not None:
        FIRST_TOKEN_SECONDS.labels(label).observe(first - exchange.started)
    if attempt.block.tokens:
        CONTEXT_TOKENS.labels(label, attempt.block.scope.value).inc(attempt.block.tokens)
