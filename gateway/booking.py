"""Turns what became of an attempt into its ledger row, and counts it."""

from gateway.accounting.cost import Cost, cost_of
from gateway.accounting.ledger import Reached
from gateway.accounting.meter import Meter
from gateway.accounting.rows import LedgerRow, Status
from gateway.errors import UpstreamError
from gateway.exchange import Attempt, Exchange
from gateway.metrics import ATTEMPT_SECONDS, ATTEMPTS, CONTEXT_TOKENS, FIRST_TOKEN_SECONDS
from gateway.types.models import ModelPrice, PriceState, is_known
from gateway.types.upstream import Target
from gateway.types.usage import Certainty, Usage, estimate_tokens

DEFAULT_FEATURE = "chat"


def note_sending(exchange: Exchange, attempt: Attempt, request_bytes: int) -> None:
    """Note in the spool that an attempt is about to be sent: from here on it has a row, come what may."""
    opening = attempt.opening
    opening.request_bytes += request_bytes
    if opening.number == 0:
        row = _row(exchange, attempt, status=Status.CUT)
        opening.number = exchange.ledger.open(row, exchange.admission.tally)


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
) -> LedgerRow:
    """Book the attempt's row and count it. Never waits, so it works while cancelled."""
    row = _row(
        exchange,
        attempt,
        status=status,
        usage=usage,
        certainty=certainty,
        meter=meter,
        failure=failure,
        sent=sent,
    )
    exchange.ledger.close(attempt.opening.number, row, exchange.admission.tally)
    _count(attempt, exchange, row)
    return row


def book_unanswered(exchange: Exchange, attempt: Attempt, error: UpstreamError | None) -> LedgerRow:
    """Book an attempt that ended before its answer began: `error` says how, None if cancelled.

    A provider that refuses charges nothing. Where it said nothing, it may have done the work: what
    it was sent is booked as an estimate, because it may be on the bill.
    """
    opening = attempt.opening
    refused = error is not None and (error.status is not None or not error.sent)
    usage, certainty = Usage(), Certainty.ABORTED
    if opening.number and not refused:
        usage = Usage(input=estimate_tokens(opening.request_bytes))
        certainty = Certainty.ESTIMATED
    if error is None:
        return book_attempt(
            exchange, attempt, status=Status.CANCELLED, usage=usage, certainty=certainty
        )
    return book_attempt(
        exchange,
        attempt,
        status=Status.FAILED,
        usage=usage,
        certainty=certainty,
        failure=error.failure.value,
        sent=error.sent,
    )


def reached(exchange: Exchange, attempt: Attempt, meter: Meter) -> Reached:
    """Return how far an answer has come, for the spool."""
    usage = meter.usage(attempt.opening.request_bytes)
    return Reached(usage, _cost(exchange, attempt.target, usage, meter).nano)


def _row(  # noqa: PLR0913  # the facts of one row
    exchange: Exchange,
    attempt: Attempt,
    *,
    status: Status,
    usage: Usage = Usage(),  # noqa: B008  # an immutable zero
    certainty: Certainty = Certainty.ABORTED,
    meter: Meter | None = None,
    failure: str | None = None,
    sent: bool = True,
) -> LedgerRow:
    target, options, block = attempt.target, exchange.options, attempt.block
    first = meter.first_token if meter else None
    cost = _cost(exchange, target, usage, meter)
    return LedgerRow(
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
        latency_ms=round((exchange.clock.monotonic() - attempt.started) * 1000),
        first_token_ms=None if first is None else round((first - attempt.started) * 1000),
        stream=exchange.stream,
        scope=block.scope.value,
        kinds=dict(block.kinds),
        context_tokens=block.tokens,
        sent=sent,
        provider_label=target.label,
        model_label=target.info.id if target.info.known else "other",
    )


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


def _count(attempt: Attempt, exchange: Exchange, row: LedgerRow) -> None:
    label = attempt.target.label
    ATTEMPTS.labels(label, row.failure or row.status.value).inc()
    ATTEMPT_SECONDS.labels(label).observe(exchange.clock.monotonic() - attempt.started)
    if row.first_token_ms is not None:
        before = attempt.started - exchange.started
        FIRST_TOKEN_SECONDS.labels(label).observe(before + row.first_token_ms / 1000)
    if attempt.block.tokens:
        CONTEXT_TOKENS.labels(label, attempt.block.scope.value).inc(attempt.block.tokens)
