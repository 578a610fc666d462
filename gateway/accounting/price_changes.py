"""What one catalogue has otherwise than another: models, and prices by bucket. Pure.

Prices are compared as they hold at one moment, so that an announced change which has come into
force meanwhile is none; changes announced for later are compared as such.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import asdict

from gateway.accounting.cost import rates_in_force
from gateway.catalogue.lookup import Catalogue
from gateway.catalogue.rows import ModelRow
from gateway.types.models import ModelPrice, Price, PriceState, PriceTier

STATE = "state"


class Kind(StrEnum):
    """What became of a model, or of one part of its price."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


class PriceDifference(Struct, frozen=True):
    """One line of the comparison. `what` is `state`, or a rate: `input`, `flex output`, ….

    `old` and `new` are nano-dollars (per million tokens, or for one request or search), or a
    state's name; None where there is no such rate.
    """

    kind: Kind
    provider: str
    model: str
    what: str
    old: int | str | None
    new: int | str | None


def compare(old: Catalogue, new: Catalogue, at: float) -> Iterator[PriceDifference]:
    """Yield what differs at a moment (Unix seconds), by provider and model."""
    for provider in sorted({*old.types, *new.types}):
        before = _rows(old, provider)
        after = _rows(new, provider)
        for model in sorted({*before, *after}):
            yield from _model(provider, model, before.get(model), after.get(model), at)


def price_parts(price: ModelPrice, at: float) -> dict[str, int | str]:
    """Return a price as named parts: its state, and every rate in nano-dollars."""
    parts: dict[str, int | str] = {STATE: price.state.value}
    if price.base is None or price.state is PriceState.FREE:
        return parts
    parts |= _rates("", *rates_in_force(price.base, price, at))
    for change in price.changes:
        if change.daily is not None:
            start, end = (f"{second // 3600:02}:{second // 60 % 60:02}" for second in change.daily)
            days = "Mon-Fri " if change.weekdays else ""
            parts |= _rates(f"{days}{start}-{end} UTC ", change.base, change.tiers)
        elif change.since is not None and change.since > at:
            parts |= _rates(f"from {_day(change.since)} ", change.base, change.tiers)
    for special in price.services:
        later = special.since is not None and special.since > at
        since = f"from {_day(special.since)} " if later and special.since else ""
        parts |= _rates(f"{since}{special.name} ", special.base, special.tiers)
    fees = {"per request": price.per_request, "per search": price.per_search}
    return parts | {name: nano for name, nano in fees.items() if nano}


def _model(
    provider: str, model: str, before: ModelRow | None, after: ModelRow | None, at: float
) -> Iterator[PriceDifference]:
    old = price_parts(before.price, at) if before else {}
    new = price_parts(after.price, at) if after else {}
    kind = Kind.ADDED if before is None else Kind.REMOVED if after is None else Kind.CHANGED
    for what in dict.fromkeys([*old, *new]):
        if old.get(what) != new.get(what):
            yield PriceDifference(kind, provider, model, what, old.get(what), new.get(what))


def _rows(catalogue: Catalogue, provider: str) -> Mapping[str, ModelRow]:
    return {row.id: row for row in catalogue.rows(provider)}


def _rates(prefix: str, base: Price, tiers: tuple[PriceTier, ...]) -> dict[str, int | str]:
    found: dict[str, int | str] = {}
    for start, price in [("", base), *((f" above {tier.above}", tier.price) for tier in tiers)]:
        given = {name: rate for name, rate in asdict(price).items() if rate is not None}
        found |= {f"{prefix}{name}{start}": rate for name, rate in given.items()}
    return found


def _day(since: int) -> str:
    return datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d")
