"""What is known of a model: capabilities and prices. Filled by the catalogue and the config."""

from enum import StrEnum

from msgspec import Struct

_DAY_S = 86_400
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday, counted from Monday
_SATURDAY = 5


class Price(Struct, frozen=True, omit_defaults=True):
    """Integer nano-dollars (1e-9 USD) per million tokens, by usage bucket.

    `None` in an optional bucket means: priced like `input` or `output`; `cache_write_1h` like
    `cache_write`, `audio_cache_read` like `cache_read`.
    """

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None
    audio_cache_read: int | None = None


class PriceTier(Struct, frozen=True, omit_defaults=True):
    """The price that holds for a request with more than `above` prompt tokens."""

    above: int
    price: Price


class PriceState(StrEnum):
    """Whether a model's price is known, and in a ledger row: what its cost is made of.

    `unknown` is never treated as zero. The last two are of rows only.
    """

    PRICED = "priced"
    FREE = "free"
    UNKNOWN = "unknown"
    CEILING = "ceiling"  # unknown, and charged at the operator's `prices.ceiling`
    APPROXIMATE = "approximate"  # the reply names a price we do not have; charged at the usual one
    REPORTED = "reported"  # the provider itself said what it charged


class PriceChange(Struct, frozen=True, omit_defaults=True):
    """A price that takes the base's place: from a moment on, or in some hours of every day.

    `since` is in Unix seconds. `daily` is (start, end) in seconds of the UTC day, the end
    excluded; a start after the end spans midnight. `weekdays`: from Monday to Friday (UTC) only.
    """

    base: Price
    tiers: tuple[PriceTier, ...] = ()
    since: int | None = None
    daily: tuple[int, int] | None = None
    weekdays: bool = False

    def holds(self, now: float) -> bool:
        """Whether this price is in force at `now` (Unix seconds)."""
        if self.since is not None and now < self.since:
            return False
        if self.weekdays and (now // _DAY_S + _EPOCH_WEEKDAY) % 7 >= _SATURDAY:
            return False
        if self.daily is None:
            return True
        start, end = self.daily
        second = now % _DAY_S
        return start <= second < end if start <= end else second >= start or second < end


class ServicePrice(Struct, frozen=True, omit_defaults=True):
    """The price of a way of serving that costs other than usual (`priority`, `flex`, `fast`).

    `name` is the word by which replies tell of it. `since` is in Unix seconds.
    """

    name: str
    base: Price
    tiers: tuple[PriceTier, ...] = ()
    since: int | None = None


class ModelPrice(Struct, frozen=True, omit_defaults=True):
    """A model's base price and its long-context tiers, ascending by `above`.

    `per_request` is charged for each request beside its tokens, `per_search` for each search on the
    provider's side that a reply tells of, in nano-dollars. `changes` are
    prices announced for later and peak hours; of those in force the last one holds, and likewise
    among the `services` of one name. `agreed`: it is the operator's word (an override, a discount),
    which counts more than what a reply says of its own cost.
    """

    state: PriceState
    base: Price | None = None
    tiers: tuple[PriceTier, ...] = ()
    per_request: int = 0
    changes: tuple[PriceChange, ...] = ()
    services: tuple[ServicePrice, ...] = ()
    per_search: int = 0
    agreed: bool = False


def is_known(price: ModelPrice) -> bool:
    """Whether a price is that of the model: not unknown, and no ceiling in its place."""
    return price.state in (PriceState.PRICED, PriceState.FREE)


UNKNOWN_PRICE = ModelPrice(PriceState.UNKNOWN)
FREE_PRICE = ModelPrice(PriceState.FREE)


class ReasoningStyle(StrEnum):
    """How a model is asked to think; vendors differ between generations."""

    NONE = "none"
    EFFORT = "effort"  # an effort word (OpenAI family)
    BUDGET = "budget"  # a token budget (Anthropic up to 4.5, Gemini 2.5)
    ADAPTIVE = "adaptive"  # Anthropic: the model decides, guided by an effort word
    BUDGET_OR_ADAPTIVE = "budget_or_adaptive"


class ModelInfo(Struct, frozen=True):
    """One model at one provider. None means unknown; capability defaults are permissive.

    An unknown model is sent as the client wrote it and the provider decides.
    """

    provider: str
    id: str
    context_window: int | None = None
    max_output: int | None = None
    modalities_in: tuple[str, ...] = ("text",)
    modalities_out: tuple[str, ...] = ("text",)
    tools: bool = True
    json_schema: bool | None = None
    reasoning: ReasoningStyle | None = None
    refuses: tuple[str, ...] = ()  # request fields this model answers with 400
    price: ModelPrice = UNKNOWN_PRICE
    known: bool = True  # False: made up for a name the catalogue does not list
