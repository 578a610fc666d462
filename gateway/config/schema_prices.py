"""The `prices` section of the config file: what holds where the catalogue is silent or too dear."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from msgspec import Struct


class UnknownPrice(StrEnum):
    """What becomes of a request for a model whose price nobody knows."""

    ALLOW = "allow"  # answered, and booked without a cost
    CEILING = "ceiling"  # answered, and charged at `prices.ceiling`
    REFUSE = "refuse"  # 403, before any provider is called


class CeilingRates(Struct, frozen=True, forbid_unknown_fields=True):
    """US dollars per million tokens: every prompt token at `input`, every other at `output`."""

    input: Decimal
    output: Decimal


class PricesConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What the operator says of prices beside those of single models, which are final.

    `discounts` are parts of the catalogue's price (0.15: 15 % off), by provider or
    `provider/model`, in which `*` stands for any text.
    """

    unknown: UnknownPrice = UnknownPrice.ALLOW
    ceiling: CeilingRates | None = None
    own_endpoints: Literal["unknown", "free"] = "unknown"
    discounts: Mapping[str, Decimal] = {}
