"""The `limits` section of the config file: what requests may be and use at most."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from gateway.types.limits import NO_LIMITS, LimitSet


class WhenStoreIsAway(StrEnum):
    """What becomes of known users' requests while the store cannot count them."""

    LOCAL = "local"  # each process counts by itself
    REFUSE = "refuse"  # 503
    ALLOW = "allow"  # nobody counts


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What a request may be at most, and what may be used in a minute, a day and a month.

    `user` and `token` hold for every user and token without a word of its own, `features` for each
    user's use of a declared feature, `everyone` for the deployment. `reserve_output` is how many
    tokens of reply are set aside for a request at most.
    """

    max_body_bytes: Annotated[int, Meta(ge=1_024, le=1 << 30)] = 32 * 1024 * 1024
    reserve_output: Annotated[int, Meta(ge=1, le=1_000_000)] = 2_048
    timezone: str = "UTC"
    when_store_is_away: WhenStoreIsAway = WhenStoreIsAway.LOCAL
    user: LimitSet = NO_LIMITS
    token: LimitSet = NO_LIMITS
    features: Mapping[str, LimitSet] = {}
    everyone: LimitSet = NO_LIMITS
