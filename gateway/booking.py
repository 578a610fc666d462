"""Turns what became of an attempt into its ledger row, and counts it."""

import asyncio

from gateway.accounting.cost import Cost, cost_of
from gateway.accounting.meter import Meter
from gateway.accounting.rows import LedgerRow, Status
from gateway.exchange import Attempt, Exchange
from gateway.metrics import ATTEMPT_SECONDS, ATTEMPTS, CONTEXT_TOKENS, FIRST_TOKEN_SECONDS
from gateway.types.models import ModelPrice, PriceState, is_known
from gateway.types.upstream import Target
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
    sent: bool = True,
) -> tuple[LedgerRow, "asyncio.Task[None]"]:
    """Hand the attempt's row to the ledger and count it. Never waits, so it works while cancelled."""
    target, options, block = attempt.target, exchange.options, attempt.block
    now = exchange.clock.monotonic()
    first = meter.first_token if meter else None
    cost = _cost(exchange, target, usage, meter)
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
        cost_nano=cost.nano,
        price_state=cost.state,
        feature=options.feature or DEFAULT_FEATURE,
        feature_id=options.feature_id,
        key_source=target.key_source.value,
        failure=failure,
        latency_ms=round((now - attempt.started) * 1000),
        first_token_ms=None if first is None else round((first - attempt.started) * 1000),
        stream=exchange.stream,
        scope=block.scope.value,
        kinds=dict(block.kinds),
        context_tokens=block.tokens,
        sent=sent,
        provider_label=target.label,
        model_label=target.model_label,
    )
    _count(attempt, exchange, row, now, first)
    return row, exchange.ledger.book(row)


def price_at_booking(exchange: Exchange, target: Target, answered: str | None) -> ModelPrice:
    """Return the price of the model that answered, as it was when the request began.

    Vendors let an old name, a deployment or a router lead to another model and charge for that. The
    price of the name asked stands where the operator gave it, or nothing is known of the other.
    """
    snapshot, asked = exchange.snapshot, target.info
    if answered is None or not target.trusted or snapshot.sets_price(target.provider, target.model):
        return asked.price
    other = snapshot.model(target.provider, answered)
    return other.price if is_known(other.price) and other.id != asked.id else asked.price


def price_warnings(exchange: Exchange, target: Target, answered: str | None) -> tuple[str, ...]:
    """Return what a client must be told of the price of an answer: nothing where it is known."""
    price = price_at_booking(exchange, target, answered)
    if is_known(price):
        return ()
    charged = price.state is PriceState.CEILING
    how = "charged at the operator's ceiling" if charged else "booked without a cost"
    return (f"price unknown: {target.provider}/{ascii(target.model[:100])[1:-1]} is {how}",)


def _cost(exchange: Exchange, target: Target, usage: Usage, meter: Meter | None) -> Cost:
    price = price_at_booking(exchange, target, meter.model if meter else None)
    if meter is None or meter.reported is None:
        service = meter.service if meter else None
        return cost_of(usage, price, exchange.received, service=service)
    return cost_of(
        meter.billable(usage),
        price,
        exchange.received,
        service=meter.service,
        reported=meter.reported.cost_nano if meter.is_measured else None,
        searches=meter.reported.searches,
    )


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
