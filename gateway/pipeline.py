"""The story of one chat request: the stages in order, on one screen.

    (edge: recognize) → read & validate → plan route → admit → open context
                         → for each attempt (`attempt.py`) → answer and account (`answer.py`)

Every stage is one named call with typed values between them. Config, prices and preferences are
taken first, as immutable values; a reload changes nothing for a request in flight.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from gateway.accounting.limits.gate import Wanted
from gateway.admission import reserve_chat, want
from gateway.answer import Answer
from gateway.attempt import OpenedReply, open_attempt
from gateway.booking import DEFAULT_FEATURE, note_sending
from gateway.config.schema_context import AboveCeiling
from gateway.config.snapshot import Snapshot
from gateway.context.inject import client_path, inject
from gateway.context.scopes import ScopeRules
from gateway.context.stage import TargetBlocks, load_context
from gateway.errors import GatewayError, InvalidRequest, UpstreamError
from gateway.exchange import Attempt, Call, Downstream, Exchange
from gateway.identity.accounts import Caller
from gateway.keep_alive import KeepAlive
from gateway.providers.registry import PROVIDERS
from gateway.pursuit import Services, let_in, note_key, open_exchange, pursue
from gateway.routing.attempts import Try
from gateway.routing.plan import RoutePlan, plan_route
from gateway.types.account import OnDisconnect
from gateway.types.chat import ChatRequest
from gateway.types.clock import Clock
from gateway.types.upstream import Credential, Target
from gateway.upstream.transport import Timeouts
from gateway.wire.chat_read import read_chat
from gateway.wire.json_body import read_json_object
from gateway.wire.media import replace_media
from gateway.wire.options import GatewayOptions, read_options

Planned = tuple[GatewayOptions, ChatRequest, RoutePlan]
"""A request that was read and planned."""


async def answer_chat(
    services: Services, call: Call, caller: Caller, downstream: Downstream
) -> None:
    """Answer one `/v1/chat/completions`. Raises GatewayError only before anything was sent."""

    def prepare(caller: Caller) -> tuple[Planned, Wanted]:
        options, chat = read_request(call)
        plan = plan_chat(services, chat, caller, options)
        return (options, chat, plan), want_chat(services, call, caller, options, chat, plan)

    entered, (options, chat, plan) = await services.entrance.admit(caller, prepare)
    with let_in(services, entered):
        exchange = open_exchange(services, call, entered, options, plan, stream=chat.stream)
        if drains(exchange):
            downstream.outlive_client()
        with timed(call.timing, "context", services.clock):
            blocks = await open_context(services, exchange, plan)
        with KeepAlive(downstream, exchange.snapshot.config.stream, enabled=chat.stream) as alive:
            try:
                attempt, opened = await begin_answer(services, exchange, plan, chat, blocks)
            except GatewayError as error:
                await alive.fail(error)
                raise
            await Answer(chat, exchange, attempt, opened).write(alive)
        await note_key(services, exchange, attempt.target, "ok")


def read_request(call: Call) -> tuple[GatewayOptions, ChatRequest]:
    """Read and validate the body. Raises InvalidRequest with the path of the fault as `param`."""
    body = read_json_object(call.body)
    options, rest = read_options(body, call.headers)
    return options, read_chat(rest)


def plan_chat(
    services: Services, chat: ChatRequest, caller: Caller, options: GatewayOptions
) -> RoutePlan:
    """Decide who may answer, in order. Raises GatewayError of many kinds."""
    return plan_route(
        chat.model,
        caller.account.view,
        services.snapshots.current,
        fallbacks=options.fallbacks or None,
        allowed_models=caller.token.models,
    )


def want_chat(
    services: Services,
    call: Call,
    caller: Caller,
    options: GatewayOptions,
    chat: ChatRequest,
    plan: RoutePlan,
) -> Wanted:
    """Reckon what a request may use, for its limits. Raises nothing: whether it fits is asked next."""
    snapshot = services.snapshots.current
    rules = scope_rules(caller, options, snapshot, None)
    reserved = reserve_chat(
        chat,
        plan,
        snapshot.config.limits,
        body_bytes=len(call.body),
        context_budget=snapshot.config.context.budgets.of(rules.highest()),
        received=call.received,
    )
    feature = options.feature or DEFAULT_FEATURE
    return want(caller, snapshot, request_id=call.request_id, feature=feature, reserved=reserved)


async def open_context(services: Services, exchange: Exchange, plan: RoutePlan) -> TargetBlocks:
    """Decide what of the user's context may be sent, and read it, for this request only."""
    account, snapshot = exchange.caller.account, exchange.snapshot
    return await load_context(
        services.context,
        account.record.id,
        scope_rules(exchange.caller, exchange.options, snapshot, plan.targets[0].provider),
        snapshot.kinds,
        snapshot.config.context.budgets,
        exchange.received,
    )


def scope_rules(
    caller: Caller, options: GatewayOptions, snapshot: Snapshot, provider: str | None
) -> ScopeRules:
    """Gather everybody's say in what may be sent. `provider` is the first target's."""
    config, record = snapshot.config.context, caller.account.record
    entries = snapshot.providers.items()
    return ScopeRules(
        requested=options.scope,
        preferences=record.preferences,
        default=config.default_scope,
        ceilings={
            "token": caller.token.scope_ceiling,
            "user": record.scope_ceiling,
            "operator": config.ceiling,
        },
        provider_ceilings={name: entry.scope_ceiling for name, entry in entries},
        include=options.include,
        date_range=options.date_range,
        provider=provider,
        lower=config.above_ceiling is AboveCeiling.LOWER,
    )


def drains(exchange: Exchange) -> bool:
    """Whether the answer is to be read to its end even if the client hangs up."""
    preferred = exchange.caller.account.record.preferences.on_disconnect
    return (exchange.options.on_disconnect or preferred) is OnDisconnect.DRAIN


async def begin_answer(
    services: Services,
    exchange: Exchange,
    plan: RoutePlan,
    chat: ChatRequest,
    blocks: TargetBlocks,
) -> tuple[Attempt, OpenedReply]:
    """Try targets until one begins to answer. Raises GatewayError for the last failure."""
    media = RequestMedia(services, exchange)
    breakpoints = exchange.snapshot.config.context.cache_breakpoint

    def prepare(step: Try) -> Attempt:
        target = step.target
        block, warning = blocks.block_for(target.provider, target.type, target.model)
        warnings = blocks.selection.warnings + ((warning,) if warning else ())
        return Attempt(target, step.number, services.clock.monotonic(), block, warnings)

    async def send(
        attempt: Attempt, credential: Credential | None, timeouts: Timeouts
    ) -> OpenedReply:
        target = attempt.target
        fitted = await media.put_into(chat, target)
        placement = PROVIDERS[target.type].placement(target)
        whole = inject(fitted, attempt.block.text, placement, breakpoints)
        with client_paths(fitted, whole):
            return await open_attempt(
                transport=services.transport,
                clock=services.clock,
                chat=whole,
                target=target,
                credential=credential,
                policy=exchange.options.unsupported or exchange.snapshot.config.unsupported,
                timeouts=timeouts,
                headers=exchange.trace_headers,
                before_send=lambda size: note_sending(exchange, attempt, size),
            )

    return await pursue(services, exchange, plan, send, prepare)


@contextmanager
def client_paths(client: ChatRequest, sent: ChatRequest) -> Iterator[None]:
    """Let errors name the client's own messages, not those with the context block among them."""
    try:
        yield
    except (InvalidRequest, UpstreamError) as error:
        if error.param is not None:
            error.param = client_path(error.param, client, sent)
        raise


class RequestMedia:
    """What the providers of one request cannot fetch themselves; fetched at most once."""

    def __init__(self, services: Services, exchange: Exchange) -> None:
        self._services = services
        self._exchange = exchange
        self._fetched: dict[str, str] = {}

    async def put_into(self, chat: ChatRequest, target: Target) -> ChatRequest:
        """Return the request with data URIs where this provider needs them.

        Raises InvalidRequest naming the part that cannot be had, or that may not be fetched.
        """
        refs = PROVIDERS[target.type].media(chat, target)
        missing = [ref for ref in refs if ref.url not in self._fetched]
        if missing:
            limits = self._exchange.snapshot.config.media
            left = self._exchange.deadline - self._services.clock.monotonic()
            limits = replace(limits, timeout_s=max(min(limits.timeout_s, left), 0.001))
            self._fetched.update(await self._services.media.fetch(missing, limits))
        return replace_media(chat, self._fetched) if refs else chat


@contextmanager
def timed(timing: dict[str, float], stage: str, clock: Clock) -> Iterator[None]:
    """Note how many milliseconds a stage took."""
    started = clock.monotonic()
    yield
    timing[stage] = (clock.monotonic() - started) * 1000
