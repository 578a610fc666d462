"""Pursues an answer over the targets of a plan: what every kind of model request has in common."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar

from msgspec import Struct

from gateway.accounting.ledger import Ledger
from gateway.admission import Entered, Entrance
from gateway.booking import book_unanswered
from gateway.config.snapshot import Snapshot, Snapshots
from gateway.context.source import ContextSource
from gateway.errors import Failure, StoreAway, UpstreamError
from gateway.exchange import Attempt, Call, Exchange
from gateway.identity.account import Account
from gateway.identity.provider_keys import ProviderKeys
from gateway.metrics import OVERHEAD_SECONDS, RESCUED
from gateway.routing.attempts import Failed, Try, Wait, attempts
from gateway.routing.outcome import to_client_error
from gateway.routing.plan import RoutePlan
from gateway.types.clock import Clock
from gateway.types.upstream import Credential, KeySource, Target
from gateway.upstream.exchange import ExchangeKey, TokenExchange, needs_exchange
from gateway.upstream.media import MediaFetcher
from gateway.upstream.transport import Timeouts, Transport
from gateway.wire.options import GatewayOptions

T = TypeVar("T")
_TRACEPARENT = re.compile(r"00-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_UNAUTHORIZED = 401
_LEAST_TIMEOUT_S = 0.001  # a caller's zero or less: already over


class Services(Struct, frozen=True):
    """What model requests work with; built once, by `app.py`. `random` gives floats in [0, 1)."""

    snapshots: Snapshots
    provider_keys: ProviderKeys
    context: ContextSource
    transport: Transport
    tokens: TokenExchange
    media: MediaFetcher
    ledger: Ledger
    entrance: Entrance
    clock: Clock
    random: Callable[[], float]


def open_exchange(
    services: Services,
    call: Call,
    entered: Entered,
    options: GatewayOptions,
    plan: RoutePlan,
    *,
    stream: bool,
) -> Exchange:
    """Fix what the stages after planning share."""
    snapshot = services.snapshots.current
    total = snapshot.config.timeouts.total_s
    if options.timeout_s is not None:  # the caller may give it less, never more
        total = min(total, max(options.timeout_s, _LEAST_TIMEOUT_S))
    return Exchange(
        request_id=call.request_id,
        received=call.received,
        started=call.started,
        deadline=call.started + total,
        stream=stream,
        caller=entered.caller,
        snapshot=snapshot,
        options=options,
        warnings=plan.warnings,
        admission=entered.admission,
        ledger=services.ledger,
        clock=services.clock,
        trace_headers=trace_headers(call),
        timing=call.timing,
        summary=call.summary,
    )


@contextmanager
def let_in(services: Services, entered: Entered) -> Iterator[None]:
    """See to it that what a request holds of its limits is given back, behind its rows."""
    admission = entered.admission
    try:
        yield
    finally:
        services.entrance.end(admission)
        wanted = admission.wanted
        services.ledger.release(wanted.user_id, wanted.request_id, admission.tally)


async def pursue(
    services: Services,
    exchange: Exchange,
    plan: RoutePlan,
    send: Callable[[Attempt, Credential | None, Timeouts], Awaitable[T]],
    prepare: Callable[[Try], Attempt],
) -> tuple[Attempt, T]:
    """Try targets until one begins to answer; the generator decides, this acts.

    `send` makes one attempt. Raises GatewayError for the last failure when nothing is left to try.
    """
    steps = attempts(plan, exchange.snapshot.config.retries, services.random)
    step: Try | Wait = next(steps)
    while True:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            step = steps.send(None)
            continue
        attempt = prepare(step)
        try:
            opened = await _try_target(services, exchange, attempt, send)
        except UpstreamError as error:
            failed = Failed(error, exchange.deadline - services.clock.monotonic())
        else:
            if attempt.number > 1:
                RESCUED.labels(attempt.target.label).inc()
            return attempt, opened
        try:
            step = steps.send(failed)
        except StopIteration:
            raise to_client_error(failed.error, attempt.target) from None


async def _try_target(
    services: Services,
    exchange: Exchange,
    attempt: Attempt,
    send: Callable[[Attempt, Credential | None, Timeouts], Awaitable[T]],
) -> T:
    """Make one attempt; whatever fails has its row. Raises UpstreamError, GatewayError."""
    target = attempt.target
    account = exchange.caller.account
    credential = open_credential(services.provider_keys, account, exchange.snapshot, target)
    exchange.summary.update(provider=target.provider, model=target.model, attempts=attempt.number)
    if attempt.number == 1:
        uploading_s = exchange.timing.get("body", 0.0) / 1000
        OVERHEAD_SECONDS.observe(attempt.started - exchange.started - uploading_s)
    try:
        return await _send_with_key(services, exchange, attempt, credential, send)
    except UpstreamError as error:
        book_unanswered(exchange, attempt, error)
        if error.failure is Failure.KEY_REJECTED:
            await note_key(services, exchange, target, "rejected")
        raise
    except asyncio.CancelledError:
        book_unanswered(exchange, attempt, None)
        raise


async def _send_with_key(
    services: Services,
    exchange: Exchange,
    attempt: Attempt,
    credential: Credential | None,
    send: Callable[[Attempt, Credential | None, Timeouts], Awaitable[T]],
) -> T:
    """Send once; and once more with a new access token where the one at hand was refused.

    Google may end a token before its time. Raises UpstreamError, GatewayError.
    """
    target, account = attempt.target, exchange.caller.account
    timeouts = timeouts_of(exchange, target)
    try:
        opened = await exchanged(services.tokens, account, target, credential, exchange.deadline)
    except UpstreamError as error:
        error.sent = False  # the token endpoint failed: nothing went to the provider
        raise
    try:
        return await send(attempt, opened, timeouts)
    except UpstreamError as error:
        if opened is credential or opened is None or error.status != _UNAUTHORIZED:
            raise
    services.tokens.forget(exchange_key(account, target), opened.secret)
    opened = await exchanged(services.tokens, account, target, credential, exchange.deadline)
    return await send(attempt, opened, timeouts)


async def note_key(services: Services, exchange: Exchange, target: Target, health: str) -> None:
    """Note how the user's own key fared; written when that changes, else once in a while."""
    if target.key_source is KeySource.OWN and target.key_name is not None:
        with suppress(StoreAway):
            await services.provider_keys.note_use(exchange.caller.user_id, target.key_name, health)


def open_credential(
    provider_keys: ProviderKeys, account: Account, snapshot: Snapshot, target: Target
) -> Credential | None:
    """Open the provider key of one send, for its audience only. Raises RecordIntegrity."""
    if target.key_source is KeySource.NONE:
        return None
    if target.key_source is KeySource.PLATFORM:
        secret = snapshot.providers[target.provider].platform_key
        return None if secret is None else Credential(secret)
    return provider_keys.open_key(account, target.key_name or target.provider)


async def exchanged(
    tokens: TokenExchange,
    account: Account,
    target: Target,
    credential: Credential | None,
    deadline: float,
) -> Credential | None:
    """Turn a service account into an access token; any other credential stays as it is.

    Raises UpstreamError.
    """
    if credential is None or not needs_exchange(credential.secret):
        return credential
    key = exchange_key(account, target)
    return Credential(await tokens.access_token(key, credential.secret, deadline=deadline))


def exchange_key(account: Account, target: Target) -> ExchangeKey:
    """Return whose access token a target needs: the user's, or the operator's."""
    if target.key_source is KeySource.PLATFORM:
        return ExchangeKey("", target.provider, 0)
    return ExchangeKey(account.record.id, target.key_name or target.provider, account.epoch)


def timeouts_of(exchange: Exchange, target: Target) -> Timeouts:
    """Return the limits of one send: the operator's, within the request's one deadline."""
    entry = exchange.snapshot.providers.get(target.provider)
    limits = exchange.snapshot.config.timeouts if entry is None else entry.timeouts
    return Timeouts(
        connect_s=limits.connect_s,
        first_byte_s=limits.first_token_s,
        gap_s=limits.gap_s,
        deadline=exchange.deadline,
    )


def trace_headers(call: Call) -> tuple[tuple[str, str], ...]:
    """Return the ids that follow the request upstream: ours, and the caller's trace if it has one.

    `traceparent` is W3C Trace Context, version 00; anything else in its place is not passed on.
    """
    ours = ("x-client-request-id", call.request_id)
    trace = _TRACEPARENT.fullmatch(call.headers.get("traceparent", ""))
    if trace is None:
        return (ours,)
    call.summary["trace"] = trace["trace"]
    return (ours, ("traceparent", trace[0]))
