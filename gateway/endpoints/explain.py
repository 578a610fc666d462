"""`POST /v1/explain` and `POST /v1/me/context/preview`: what a request would do. Nobody is called."""

from typing import Any

from gateway.accounting.cost import cost_nano, format_usd
from gateway.accounting.limits.counters import Standing
from gateway.context.inject import inject
from gateway.context.render import Block
from gateway.context.stage import TargetBlocks, load_context
from gateway.endpoints.replies import Reply, json_reply
from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.services import Services
from gateway.errors import GatewayError, InvalidRequest, UpstreamError
from gateway.exchange import Call
from gateway.identity.accounts import Caller
from gateway.pipeline import plan_chat, scope_rules, want_chat
from gateway.providers.fates import apply_fates
from gateway.providers.registry import PROVIDERS
from gateway.routing.plan import RoutePlan, plan_route
from gateway.types.chat import ChatRequest
from gateway.types.upstream import Target
from gateway.types.usage import Usage, estimate_tokens
from gateway.wire.chat_read import read_chat
from gateway.wire.json_body import read_json_object
from gateway.wire.options import GatewayOptions, read_options


async def explain(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Return what would become of a chat request: who would answer, with whose key, at what price.

    The body is that of `/v1/chat/completions`. Of the context only kinds and counts are told.
    """
    body = await request.read_body()
    options, rest = read_options(read_json_object(body), request.headers)
    chat = read_chat(rest)
    plan = plan_chat(services.chat, chat, caller, options)
    blocks = await _load(services, request, caller, options, plan)
    first, *others = (
        _explain_target(services, chat, options, target, blocks, request.received)
        for target in plan.targets
    )
    call = Call(
        request_id=request.request_id,
        received=request.received,
        started=request.started,
        headers=request.headers,
        body=body,
        timing=request.timing,
        summary=request.summary,
    )
    wanted = want_chat(services.chat, call, caller, options, chat, plan)
    standings = await services.chat.entrance.look(wanted)
    return json_reply(
        {
            "object": "explanation",
            "target": first,
            "fallbacks": others,
            "limits": [_public_standing(each) for each in standings],
            "warnings": [*plan.warnings, *blocks.selection.warnings],
        }
    )


async def preview(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Return exactly the context block that a request would send, with its token count.

    The body is that of `/v1/chat/completions`, of which `model` and `gateway.context` matter;
    both may be left out.
    """
    body = await request.read_object()
    options, rest = read_options(body, request.headers)
    model = rest.get("model", "")
    if not isinstance(model, str):
        raise InvalidRequest("'model' must be a string.", param="model")
    plan = _plan_if_any(services, caller, options, model)
    blocks = await _load(services, request, caller, options, plan)
    seen = [
        (target, *blocks.block_for(target.provider, target.type, target.model))
        for target in (plan.targets if plan else ())
    ]
    block, warning = seen[0][1:] if seen else blocks.block_for("", "", "")
    warnings = [*blocks.selection.warnings, *([warning] if warning else ())]
    others = [{**_where(target), "context": _public_block(other)} for target, other, _ in seen[1:]]
    return json_reply(
        {
            "object": "context.preview",
            **(_where(seen[0][0]) if seen else {"provider": None, "model": None}),
            "context": _public_block(block),
            "receipt": block.receipt(),
            "text": block.text,
            "fallbacks": others,
            "warnings": warnings,
        }
    )


async def _load(
    services: Services,
    request: IncomingRequest,
    caller: Caller,
    options: GatewayOptions,
    plan: RoutePlan | None,
) -> TargetBlocks:
    snapshot = services.snapshots.current
    return await load_context(
        services.context,
        caller.user_id,
        scope_rules(caller, options, snapshot, plan.targets[0].provider if plan else None),
        snapshot.kinds,
        snapshot.config.context.budgets,
        request.received,
    )


def _plan_if_any(
    services: Services, caller: Caller, options: GatewayOptions, model: str
) -> RoutePlan | None:
    """Plan where a request would go; a user without any provider can look at their context too."""
    try:
        return plan_route(
            model,
            caller.account.view,
            services.snapshots.current,
            fallbacks=options.fallbacks or None,
            allowed_models=caller.token.models,
        )
    except GatewayError:
        if model:
            raise
        return None


def _explain_target(
    services: Services,
    chat: ChatRequest,
    options: GatewayOptions,
    target: Target,
    blocks: TargetBlocks,
    now: float,
) -> dict[str, Any]:
    block, warning = blocks.block_for(target.provider, target.type, target.model)
    snapshot = services.snapshots.current
    provider = PROVIDERS[target.type]
    policy = options.unsupported or snapshot.config.unsupported
    breakpoints = snapshot.config.context.cache_breakpoint
    explained = {
        **_where(target),
        "key": {"source": target.key_source.value, "name": target.key_name},
        "context": _public_block(block),
        "context_window": target.info.context_window,
        "max_output": target.info.max_output,
        "media_to_fetch": len(provider.media(chat, target)),
        "price": target.info.price.state.value,
    }
    warnings = [warning] if warning else []
    try:
        whole = inject(chat, block.text, provider.placement(target), breakpoints)
        fitted, changed = apply_fates(whole, provider.fates, policy, target.info.refuses)
        native = provider.build_chat(fitted, target)
    except (GatewayError, UpstreamError) as error:
        fault = {"message": error.message, "code": error.code, "param": error.param}
        return {**explained, "refused": fault, "warnings": warnings}
    prompt = estimate_tokens(len(native.body))
    return {
        **explained,
        "prompt_tokens": prompt,
        "cost_usd": _costs(target, prompt, chat.max_tokens, now),
        "warnings": [*warnings, *changed, *native.warnings],
    }


def _public_standing(standing: Standing) -> dict[str, Any]:
    """Return a counter as it stands; costs in dollars, `resets` in Unix seconds (0: never)."""
    counter = standing.counter
    amounts: dict[str, int | str] = {
        "limit": counter.limit,
        "used": standing.used,
        "reserved": standing.held,
        "left": standing.left,
        "this_request": counter.amount,
    }
    if counter.is_cost:
        amounts = {f"{name}_usd": format_usd(int(nano)) for name, nano in amounts.items()}
    where = {"subject": counter.subject, "measure": counter.measure.value}
    return {**where, **amounts, "resets": counter.window.end}


def _where(target: Target) -> dict[str, Any]:
    return {"provider": target.provider, "model": target.model}


def _public_block(block: Block) -> dict[str, Any]:
    return {
        "scope": block.scope.value,
        "tokens": block.tokens,
        "kinds": dict(block.kinds),
        "dropped": dict(block.dropped),
    }


def _costs(target: Target, prompt: int, wanted: int | None, now: float) -> dict[str, Any]:
    """Return the estimated cost of the prompt, and with the longest reply; None where unknown."""
    price, most = target.info.price, wanted or target.info.max_output
    of_prompt = cost_nano(Usage(input=prompt), price, now)
    of_all = None if most is None else cost_nano(Usage(input=prompt, output=most), price, now)
    return {
        "prompt": None if of_prompt is None else format_usd(of_prompt),
        "most": None if of_all is None else format_usd(of_all),
    }
