"""What is known of a model: capabilities and prices. Filled by the catalogue and the config."""

from enum import StrEnum

from msgspec import Struct


class Price(Struct, frozen=True, omit_defaults=True):
    """Integer nano-dollars (1e-9 USD) per million tokens, by usage bucket.

    `None` in an optional bucket means: priced like `input` or `output`; `cache_write_1h` like
    `cache_write`.
    """

    input: int
    output: int
    cache_read: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None
    reasoning: int | None = None
    audio_input: int | None = None
    audio_output: int | None = None


class PriceTier(Struct, frozen=True, omit_defaults=True):
    """The price that holds for a request with more than `above` prompt tokens."""

    above: int
    price: Price


class PriceState(StrEnum):
    """Whether a model's price is known. `unknown` is never treated as zero."""

    PRICED = "priced"
    FREE = "free"
    UNKNOWN = "unknown"


class PriceChange(Struct, frozen=True, omit_defaults=True):
    """A price that takes the base's place: from a moment on, or in some hours of every day.

    `since` is in Unix seconds. `daily` is (start, end) in seconds of the UTC day, the end
    excluded; a start after the end spans midnight.
    """

    base: Price
    tiers: tuple[PriceTier, ...] = ()
    since: int | None = None
    daily: tuple[int, int] | None = None

    def holds(self, now: float) -> bool:
        """Whether this price is in force at `now` (Unix seconds)."""
        if self.since is not None and now < self.since:
            return False
        if self.daily is None:
            return True
        start, end = self.daily
        second = now % 86_400
        return start <= second < end if start <= end else second >= start or second < end


class ModelPrice(Struct, frozen=True, omit_defaults=True):
    """A model's base price and its long-context tiers, ascending by `above`.

    `per_request` is charged for each request beside its tokens, in nano-dollars. `changes` are
    prices announced for later and peak hours; of those in force the last one holds.
    """

    state: PriceState
    base: Price | None = None
    tiers: tuple[PriceTier, ...] = ()
    per_request: int = 0
    changes: tuple[PriceChange, ...] = ()


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
