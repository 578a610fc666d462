"""`GET /v1/models`, `GET /v1/models/{id}`: what this user can call now, and what it costs."""

from typing import Any

from gateway.accounting.cost import format_usd, rates_in_force
from gateway.endpoints.replies import Reply, json_reply
from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.services import Services
from gateway.identity.accounts import Caller
from gateway.offers.models import Because, OfferedModel, find_offered, offered_models, wish_of
from gateway.types.models import ModelInfo, ModelPrice, Price, PriceState, ReasoningStyle

_ALIAS_OWNER = "operator"


async def list_models(services: Services, request: IncomingRequest, caller: Caller) -> Reply:  # noqa: ARG001
    """Return every model the caller can call, in OpenAI's shape with members of ours."""
    offered = await offered_models(services.model_lists, caller, services.snapshots.current)
    now = services.clock.now()
    return json_reply({"object": "list", "data": [public_model(entry, now) for entry in offered]})


async def show_model(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Return one model, by the id it is listed under or any other name that leads to it."""
    snapshot = services.snapshots.current
    offered = await offered_models(services.model_lists, caller, snapshot)
    entry = find_offered(request.path_params["id"], wish_of(caller, snapshot), offered)
    return json_reply(public_model(entry, services.clock.now()))


def public_model(entry: OfferedModel, now: float) -> dict[str, Any]:
    """Return a model as the API shows it; null means unknown. `now` (Unix seconds) is for prices."""
    info, is_alias = entry.info, entry.because is Because.ALIAS
    return {
        "id": entry.id,
        "object": "model",
        "created": entry.created,
        "owned_by": _ALIAS_OWNER if is_alias else entry.target.provider,
        "provider": entry.target.provider,
        "model": entry.target.model,
        "available_because": entry.because.value,
        "listed_by": entry.listed_by.value,
        "context_window": info.context_window,
        "max_output_tokens": info.max_output,
        "modalities": {"input": info.modalities_in, "output": info.modalities_out},
        "capabilities": _public_capabilities(info),
        "price": public_price(info.price, now),
    }


def public_price(price: ModelPrice, now: float) -> dict[str, Any] | str:
    """Return what holds now in US dollars per million tokens, as decimal strings, or one word.

    A bucket that is left out costs what `input` or `output` does; `tiers` are the rates of requests
    with more than `above` prompt tokens, `per_request` is added to each.
    """
    if price.state is not PriceState.PRICED or price.base is None:
        free = price.state is PriceState.FREE
        return (PriceState.FREE if free else PriceState.UNKNOWN).value
    rates, tiers = rates_in_force(price.base, price, now)
    shown: dict[str, Any] = _public_rates(rates)
    if price.per_request:
        shown["per_request"] = format_usd(price.per_request)
    if tiers:
        shown["tiers"] = [{"above": tier.above, **_public_rates(tier.price)} for tier in tiers]
    return shown


def _public_rates(rates: Price) -> dict[str, str]:
    given = ((name, getattr(rates, name)) for name in rates.__struct_fields__)
    return {name: format_usd(nano) for name, nano in given if nano is not None}


def _public_capabilities(info: ModelInfo) -> dict[str, bool | None]:
    """Return what a model can do. Of one that nobody described, `tools` is only a guess: null."""
    thinks = None if info.reasoning is None else info.reasoning is not ReasoningStyle.NONE
    return {
        "tools": info.tools if info.known or not info.tools else None,
        "json_schema": info.json_schema,
        "reasoning": thinks,
    }
