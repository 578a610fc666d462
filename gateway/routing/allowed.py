"""Which models a request may reach: the operator's lists and prices, and the list of its token."""

from collections.abc import Sequence

from msgspec import Struct

from gateway.config.overrides import matches
from gateway.config.schema_models import ModelsConfig
from gateway.config.schema_prices import UnknownPrice
from gateway.errors import ModelNotAllowed, PolicyError, PriceUnknown
from gateway.types.models import is_known
from gateway.types.upstream import Target


class Lists(Struct, frozen=True):
    """The lists that hold for one request. `alias` is the name asked for, if it is a fixed one.

    An entry names a model, `provider/model` or an alias; `*` stands for any text. Whatever was
    asked for, the target it leads to has to be on the lists, or the alias that leads there.
    """

    models: ModelsConfig
    token: Sequence[str] | None
    alias: str | None
    unknown_price: UnknownPrice = UnknownPrice.ALLOW

    def refusal(self, target: Target) -> PolicyError | None:
        """Return why a target may not be used, None if it may."""
        names = [target.model, f"{target.provider}/{target.model}"]
        if self.alias is not None:
            names.append(self.alias)
        if _any_match(self.models.deny, names):
            return _refused(target, "the operator's list of denied models names it")
        if self.models.allow is not None and not _any_match(self.models.allow, names):
            return _refused(target, "the operator's list of allowed models does not name it")
        if self.token is not None and not _any_match(self.token, names):
            return _refused(target, "this token's list of models does not name it")
        if self.unknown_price is UnknownPrice.REFUSE and not is_known(target.info.price):
            return _unpriced(target)
        return None


def _unpriced(target: Target) -> PriceUnknown:
    cure = f"a price in the config, under models.overrides.{target.provider}"
    if not target.trusted:
        cure = "'own_endpoints: free' in the config, under prices"
    return PriceUnknown(
        f"The price of '{target.model}' at '{target.provider}' is not known, and this gateway "
        f"refuses what it cannot price. Name another model, or ask the operator for {cure}.",
        param="model",
    )


def _any_match(patterns: Sequence[str], names: Sequence[str]) -> bool:
    return any(matches(pattern, name) for pattern in patterns for name in names)


def _refused(target: Target, why: str) -> ModelNotAllowed:
    return ModelNotAllowed(
        f"The model '{target.model}' at '{target.provider}' may not be used: {why}.", param="model"
    )
