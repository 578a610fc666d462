"""The `models` section of the config file: aliases, lists, and corrections to the catalogue."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.types.models import ReasoningStyle

Tokens = Annotated[int, Meta(ge=1)]


class AliasTarget(Struct, frozen=True, forbid_unknown_fields=True):
    """One target of an alias: a configured provider and a model it has."""

    provider: str
    model: str


class Rates(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """US dollars per million tokens. What is left out costs what `input` or `output` does."""

    input: Decimal
    output: Decimal
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    reasoning: Decimal | None = None
    audio_input: Decimal | None = None
    audio_output: Decimal | None = None
    audio_cache_read: Decimal | None = None


class TierOverride(Rates, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The rates of requests with more than `above` prompt tokens."""

    above: Tokens


class PriceOverride(Rates, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A negotiated price: rates, dearer tiers, and dollars for each request beside them."""

    tiers: tuple[TierOverride, ...] = ()
    per_request: Decimal = Decimal(0)


class ModelOverride(Struct, frozen=True, forbid_unknown_fields=True):
    """What the operator knows better than the catalogue; what is left out stays as it is."""

    context_window: Tokens | None = None
    max_output: Tokens | None = None
    modalities_in: tuple[str, ...] | None = None
    modalities_out: tuple[str, ...] | None = None
    tools: bool | None = None
    json_schema: bool | None = None
    reasoning: ReasoningStyle | None = None
    refuses: tuple[str, ...] | None = None
    price: Literal["free"] | PriceOverride | None = None


class ModelsConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Which models there are, by which names, and who decides when an application asks for others.

    `allow` and `deny` hold names with `*`, matched against the alias, the model, and
    `provider/model`. `overrides` are by provider and model (or a name with `*`).
    """

    aliases: Mapping[str, tuple[AliasTarget, ...]] = {}
    substitute: bool = True
    allow: tuple[str, ...] | None = None
    deny: tuple[str, ...] = ()
    overrides: Mapping[str, Mapping[str, ModelOverride]] = {}
