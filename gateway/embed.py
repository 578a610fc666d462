"""The story of one embeddings request: as a chat's, without context and in one piece.

    (edge: authenticate) → read & validate → plan route → for each attempt → answer and account

An embedding belongs to its model: a fallback to another model would give vectors that compare with
nothing, so the only targets are the one that was asked for and an operator's alias.
"""

from msgspec.structs import replace

from gateway.accounting.cost import format_usd
from gateway.accounting.limits.gate import Wanted
from gateway.accounting.meter import Meter
from gateway.accounting.rows import Status
from gateway.admission import reserve_embeddings, want
from gateway.attempt import send_whole
from gateway.booking import book_attempt, note_sending, price_warnings
from gateway.errors import InvalidRequest
from gateway.exchange import JSON_HEADERS, Attempt, Call, Downstream, Exchange
from gateway.identity.accounts import Caller
from gateway.providers.registry import PROVIDERS
from gateway.pursuit import Services, let_in, note_key, open_exchange, pursue
from gateway.routing.attempts import Try
from gateway.routing.plan import RoutePlan, plan_route
from gateway.types.embeddings import EmbeddingJob, EmbeddingReply
from gateway.types.upstream import Credential
from gateway.types.usage import Certainty, Usage, estimate_tokens
from gateway.upstream.transport import Timeouts
from gateway.wire.embeddings_read import read_embeddings
from gateway.wire.embeddings_write import write_embeddings
from gateway.wire.json_body import read_json_object
from gateway.wire.options import GatewayOptions, read_options

FEATURE = "embeddings"
Planned = tuple[GatewayOptions, EmbeddingJob, RoutePlan]
_BYTES_A_TOKEN_ID = 4


async def answer_embeddings(
    services: Services, call: Call, caller: Caller, downstream: Downstream
) -> None:
    """Answer one `/v1/embeddings`. Raises GatewayError before anything was sent."""

    def plan_job(caller: Caller) -> tuple[Planned, Wanted]:
        options, rest = read_options(read_json_object(call.body), call.headers)
        options = replace(options, feature=options.feature or FEATURE)
        job = read_embeddings(rest)
        plan = plan_route(
            job.model,
            caller.account.view,
            services.snapshots.current,
            fallbacks=(),
            allowed_models=caller.token.models,
        )
        reserved = reserve_embeddings(plan, body_bytes=len(call.body), received=call.received)
        wanted = want(
            caller,
            services.snapshots.current,
            request_id=call.request_id,
            feature=options.feature,
            reserved=reserved,
        )
        return (options, job, plan), wanted

    entered, (options, job, plan) = await services.entrance.admit(caller, plan_job)
    with let_in(services, entered):
        exchange = open_exchange(services, call, entered, options, plan, stream=False)
        await _answer(services, exchange, plan, job, downstream)


async def _answer(
    services: Services,
    exchange: Exchange,
    plan: RoutePlan,
    job: EmbeddingJob,
    downstream: Downstream,
) -> None:
    def prepare(step: Try) -> Attempt:
        return Attempt(step.target, step.number, services.clock.monotonic())

    async def send(
        attempt: Attempt, credential: Credential | None, timeouts: Timeouts
    ) -> EmbeddingReply:
        return await embed(services, exchange, job, attempt, credential, timeouts)

    attempt, reply = await pursue(services, exchange, plan, send, prepare)
    headers = account(exchange, attempt, job, reply)
    body = write_embeddings(reply, job)
    await downstream.start(200, {**headers, "content-length": str(len(body))})
    await downstream.write(body, more=False)
    await note_key(services, exchange, attempt.target, "ok")


async def embed(
    services: Services,
    exchange: Exchange,
    job: EmbeddingJob,
    attempt: Attempt,
    credential: Credential | None,
    timeouts: Timeouts,
) -> EmbeddingReply:
    """Send the native requests one after another; vendors limit how much one may hold.

    Raises InvalidRequest where the provider has no embeddings, UpstreamError.
    """
    target = attempt.target
    provider = PROVIDERS[target.type]
    requests = provider.build_embeddings(job, target)
    if not requests:
        raise InvalidRequest(
            f"{target.provider} offers no embeddings. Name another: 'provider/model'.",
            param="model",
            code="unsupported_parameter",
        )
    bodies = [
        await send_whole(
            transport=services.transport,
            clock=services.clock,
            request=request,
            target=target,
            credential=credential,
            timeouts=timeouts,
            headers=exchange.trace_headers,
            before_send=lambda size: note_sending(exchange, attempt, size),
        )
        for request in requests
    ]
    return provider.parse_embeddings(job, target, bodies)


def account(
    exchange: Exchange, attempt: Attempt, job: EmbeddingJob, reply: EmbeddingReply
) -> dict[str, str]:
    """Book the attempt and return the headers that say what it was."""
    meter = Meter()
    meter.model = reply.model
    usage = reply.usage or Usage(input=estimate_tokens(_input_bytes(job)))
    row = book_attempt(
        exchange,
        attempt,
        status=Status.OK,
        usage=usage,
        certainty=Certainty.MEASURED if reply.usage else Certainty.ESTIMATED,
        meter=meter,
    )
    exchange.summary.update(model=row.model, tokens=usage.total, cost_nano=row.cost_nano)
    headers = {
        **JSON_HEADERS,
        **exchange.admission.headers(),
        "x-gateway-provider": attempt.target.provider,
        "x-gateway-model": row.model,
        "x-gateway-attempts": str(attempt.number),
    }
    if row.cost_nano is not None:
        headers["x-gateway-cost-usd"] = format_usd(row.cost_nano)
    warnings = exchange.warnings + price_warnings(exchange, attempt.target, reply.model)
    if warnings:
        headers["x-gateway-warnings"] = "; ".join(warnings)
    return headers


def _input_bytes(job: EmbeddingJob) -> int:
    return sum(
        len(item.encode()) if isinstance(item, str) else _BYTES_A_TOKEN_ID * len(item)
        for item in job.inputs
    )
