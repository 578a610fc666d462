"""The story of one chat request: the stages in order, on one screen.

    (edge: authenticate) → read & validate → plan route → admit → open context
                         → for each attempt (`attempt.py`) → answer and account (`answer.py`)

Every stage is one named call with typed values between them. Config, prices and preferences are
taken first, as immutable values; a reload changes nothing for a request in flight.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from msgspec import Struct

from gateway.accounting.ledger import Ledger
from gateway.accounting.rows import Status
from gateway.answer import Answer, book_attempt
from gateway.attempt import OpenedReply, open_attempt
from gateway.config.snapshot import Snapshot, Snapshots
from gateway.context.render import inject
from gateway.context.source import ContextSource
from gateway.context.stage import RequestContext, ScopeRules, load_context
from gateway.errors import Failure, GatewayError, StoreAway, UpstreamError
from gateway.exchange import Attempt, Downstream, Exchange
from gateway.identity.accounts import Caller
from gateway.identity.provider_keys import ProviderKeys
from gateway.keep_alive import KeepAlive
from gateway.metrics import OVERHEAD_SECONDS
from gateway.routing.attempts import Failed, Try, Wait, attempts
from gateway.routing.outcome import to_client_error
from gateway.routing.plan import RoutePlan, plan_route
from gateway.types.chat import ChatRequest
from gateway.types.clock import Clock
from gateway.types.upstream import Credential, KeySource, Target
from gateway.upstream.transport import Timeouts, Transport
from gateway.wire.chat_read import read_chat
from gateway.wire.json_body import read_json_object
from gateway.wire.options import GatewayOptions, read_options

_TRACEPARENT = re.compile(r"00-(?P<trace>[0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_LEAST_TIMEOUT_S = 0.001  # a caller's zero or less: already over


class Services(Struct, frozen=True):
    """What the pipeline works with; built once, by `app.py`. `random` gives floats in [0, 1)."""

    snapshots: Snapshots
    provider_keys: ProviderKeys
    context: ContextSource
    transport: Transport
    ledger: Ledger
    clock: Clock
    random: Callable[[], float]


class Call(Struct, frozen=True):
    """One authenticated HTTP request; `timing` and `summary` are filled as stages pass.

    `received` is wall-clock, `started` monotonic, header names are lower-case.
    """

    request_id: str
    received: float
    started: float
    headers: Mapping[str, str]
    body: bytes
    timing: dict[str, float]
    summary: dict[str, Any]


async def answer_chat(
    services: Services, call: Call, caller: Caller, downstream: Downstream
) -> None:
    """Answer one `/v1/chat/completions`. Raises GatewayError only before anything was sent."""
    snapshot = services.snapshots.current
    options, chat = read_request(call)
    plan = plan_route(
        chat.model,
        caller.account.view,
        snapshot,
        fallbacks=options.fallbacks or None,
        allowed_models=caller.token.models,
    )
    exchange = Exchange(
        request_id=call.request_id,
        received=call.received,
        started=call.started,
        caller=caller,
        chat=chat,
        options=options,
        warnings=plan.warnings,
        ledger=services.ledger,
        clock=services.clock,
        trace_headers=trace_headers(call),
        timing=call.timing,
        summary=call.summary,
    )
    with timed(call.timing, "context", services.clock):
        context = await open_context(services, exchange, snapshot)
    with KeepAlive(downstream, snapshot.config.stream, enabled=chat.stream) as alive:
        try:
            attempt, opened = await pursue(services, exchange, plan, context, snapshot)
        except GatewayError as error:
            await alive.fail(error)
            raise
        await Answer(exchange, attempt, opened).write(alive)


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


def read_request(call: Call) -> tuple[GatewayOptions, ChatRequest]:
    """Read and validate the body. Raises InvalidRequest with the path of the fault as `param`."""
    body = read_json_object(call.body)
    options, rest = read_options(body, call.headers)
    return options, read_chat(rest)


async def open_context(
    services: Services, exchange: Exchange, snapshot: Snapshot
) -> RequestContext:
    """Resolve the scope of the user's context and open what it needs, for this request only."""
    account, options = exchange.caller.account, exchange.options
    config = snapshot.config.context
    rules = ScopeRules(
        requested=options.scope,
        preferences=account.record.preferences,
        default=config.default_scope,
        ceilings={
            "token": exchange.caller.token.scope_ceiling,
            "user": account.record.scope_ceiling,
            "operator": config.ceiling,
        },
        provider_ceilings={n: p.scope_ceiling for n, p in snapshot.providers.items()},
    )
    return await load_context(
        services.context, exchange.caller.user_id, account.data_keys, rules, options.include,
        exchange.received,
    )  # fmt: skip


async def pursue(
    services: Services,
    exchange: Exchange,
    plan: RoutePlan,
    context: RequestContext,
    snapshot: Snapshot,
) -> tuple[Attempt, OpenedReply]:
    """Try targets until one begins to answer; the generator decides, this acts.

    Raises GatewayError for the last failure when there is nothing left to try.
    """
    deadline = deadline_of(exchange, snapshot)
    steps = attempts(plan, snapshot.config.retries, services.random)
    step: Try | Wait = next(steps)
    while True:
        if isinstance(step, Wait):
            await asyncio.sleep(step.seconds)
            step = steps.send(None)
            continue
        tried = step
        try:
            return await try_target(services, exchange, tried, context, snapshot)
        except UpstreamError as error:
            failed = Failed(error, deadline - services.clock.monotonic())
        try:
            step = steps.send(failed)
        except StopIteration:
            raise to_client_error(failed.error, tried.target) from None


async def try_target(
    services: Services,
    exchange: Exchange,
    step: Try,
    context: RequestContext,
    snapshot: Snapshot,
) -> tuple[Attempt, OpenedReply]:
    """Make one attempt; whatever becomes of it has its row. Raises UpstreamError, GatewayError."""
    target, clock = step.target, services.clock
    credential = open_credential(services, exchange.caller, target, snapshot)
    block = context.block_for(target.provider)
    attempt = Attempt(target, step.number, clock.monotonic(), block)
    exchange.summary.update(provider=target.provider, model=target.model, attempts=step.number)
    if step.number == 1:
        OVERHEAD_SECONDS.observe(attempt.started - exchange.started)
    try:
        opened = await open_attempt(
            transport=services.transport,
            clock=clock,
            chat=inject(exchange.chat, block),
            target=target,
            credential=credential,
            policy=exchange.options.unsupported or snapshot.config.unsupported,
            timeouts=attempt_timeouts(exchange, snapshot, target),
            headers=exchange.trace_headers,
        )
    except UpstreamError as error:
        booked = book_attempt(exchange, attempt, status=Status.FAILED, failure=error.failure.value)
        await booked[1]
        if error.failure is Failure.KEY_REJECTED:
            await note_key(services, exchange, target, "rejected")
        raise
    except asyncio.CancelledError:
        book_attempt(exchange, attempt, status=Status.CANCELLED)
        raise
    await note_key(services, exchange, target, "ok")
    return attempt, opened


async def note_key(services: Services, exchange: Exchange, target: Target, health: str) -> None:
    """Note how the user's own key fared; written when that changes, else once in a while."""
    if target.key_source is KeySource.OWN and target.key_name is not None:
        with suppress(StoreAway):
            await services.provider_keys.note_use(exchange.caller.user_id, target.key_name, health)


def open_credential(
    services: Services, caller: Caller, target: Target, snapshot: Snapshot
) -> Credential | None:
    """Open the provider key of one attempt, for its audience only. Raises RecordIntegrity."""
    if target.key_source is KeySource.NONE:
        return None
    if target.key_source is KeySource.PLATFORM:
        secret = snapshot.providers[target.provider].platform_key
        return None if secret is None else Credential(secret)
    return services.provider_keys.open_key(caller.account, target.key_name or target.provider)


def attempt_timeouts(exchange: Exchange, snapshot: Snapshot, target: Target) -> Timeouts:
    """Return the limits of one send: the operator's, within what the caller still gives it."""
    entry = snapshot.providers.get(target.provider)
    limits = snapshot.config.timeouts if entry is None else entry.timeouts
    return Timeouts(
        connect_s=limits.connect_s,
        first_byte_s=limits.first_token_s,
        gap_s=limits.gap_s,
        deadline=deadline_of(exchange, snapshot),
    )


def deadline_of(exchange: Exchange, snapshot: Snapshot) -> float:
    """Return the one deadline of the request, monotonic: the operator's, or the caller's earlier."""
    total = snapshot.config.timeouts.total_s
    if exchange.options.timeout_s is not None:
        total = min(total, max(exchange.options.timeout_s, _LEAST_TIMEOUT_S))
    return exchange.started + total


@contextmanager
def timed(timing: dict[str, float], stage: str, clock: Clock) -> Iterator[None]:
    """Note how many milliseconds a stage took."""
    started = clock.monotonic()
    yield
    timing[stage] = (clock.monotonic() - started) * 1000
