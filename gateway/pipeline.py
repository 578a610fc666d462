"""The story of one chat request: the stages in order, on one screen.

    (edge: authenticate) → read & validate → plan route → admit → open context
                         → for each attempt (`attempt.py`) → answer and account (`answer.py`)

Every stage is one named call with typed values between them. Config, prices and preferences are
taken first, as immutable values; a reload changes nothing for a request in flight.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from gateway.answer import Answer
from gateway.attempt import OpenedReply, open_attempt
from gateway.context.render import inject
from gateway.context.stage import RequestContext, ScopeRules, load_context
from gateway.errors import GatewayError
from gateway.exchange import Attempt, Call, Downstream, Exchange
from gateway.identity.accounts import Caller
from gateway.keep_alive import KeepAlive
from gateway.providers.registry import PROVIDERS
from gateway.pursuit import Services, note_key, open_exchange, pursue
from gateway.routing.attempts import Try
from gateway.routing.plan import RoutePlan, plan_route
from gateway.types.chat import ChatRequest
from gateway.types.clock import Clock
from gateway.types.upstream import Credential, Target
from gateway.upstream.transport import Timeouts
from gateway.wire.chat_read import read_chat
from gateway.wire.json_body import read_json_object
from gateway.wire.media import replace_media
from gateway.wire.options import GatewayOptions, read_options


async def answer_chat(
    services: Services, call: Call, caller: Caller, downstream: Downstream
) -> None:
    """Answer one `/v1/chat/completions`. Raises GatewayError only before anything was sent."""
    options, chat = read_request(call)
    plan = plan_chat(services, chat, caller, options)
    exchange = open_exchange(services, call, caller, options, plan, stream=chat.stream)
    with timed(call.timing, "context", services.clock):
        context = await open_context(services, exchange)
    with KeepAlive(downstream, exchange.snapshot.config.stream, enabled=chat.stream) as alive:
        try:
            attempt, opened = await begin_answer(services, exchange, plan, chat, context)
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


async def open_context(services: Services, exchange: Exchange) -> RequestContext:
    """Resolve the scope of the user's context and open what it needs, for this request only."""
    account, options = exchange.caller.account, exchange.options
    config = exchange.snapshot.config.context
    providers = exchange.snapshot.providers
    rules = ScopeRules(
        requested=options.scope,
        preferences=account.record.preferences,
        default=config.default_scope,
        ceilings={
            "token": exchange.caller.token.scope_ceiling,
            "user": account.record.scope_ceiling,
            "operator": config.ceiling,
        },
        provider_ceilings={name: entry.scope_ceiling for name, entry in providers.items()},
    )
    return await load_context(
        services.context, account.data_keys, rules, options.include, exchange.received
    )


async def begin_answer(
    services: Services,
    exchange: Exchange,
    plan: RoutePlan,
    chat: ChatRequest,
    context: RequestContext,
) -> tuple[Attempt, OpenedReply]:
    """Try targets until one begins to answer. Raises GatewayError for the last failure."""
    media = RequestMedia(services, exchange)

    def prepare(step: Try) -> Attempt:
        block = context.block_for(step.target.provider)
        return Attempt(step.target, step.number, services.clock.monotonic(), block)

    async def send(
        attempt: Attempt, credential: Credential | None, timeouts: Timeouts
    ) -> OpenedReply:
        fitted = await media.put_into(chat, attempt.target)
        return await open_attempt(
            transport=services.transport,
            clock=services.clock,
            chat=inject(fitted, attempt.block),
            target=attempt.target,
            credential=credential,
            policy=exchange.options.unsupported or exchange.snapshot.config.unsupported,
            timeouts=timeouts,
            headers=exchange.trace_headers,
        )

    return await pursue(services, exchange, plan, send, prepare)


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
