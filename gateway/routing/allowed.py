"""Which models a request may reach: the operator's lists, and the list of its token."""

from collections.abc import Sequence

from msgspec import Struct

from gateway.config.overrides import matches
from gateway.config.schema_models import ModelsConfig
from gateway.errors import ModelNotAllowed
from gateway.types.upstream import Target


class Lists(Struct, frozen=True):
    """The lists that hold for one request. `alias` is the name asked for, if it is a fixed one.

    An entry names a model, `provider/model` or an alias; `*` stands for any text. Whatever was
    asked for, the target it leads to has to be on the lists, or the alias that leads there.
    """

    models: ModelsConfig
    token: Sequence[str] | None
    alias: str | None

    def refusal(self, target: Target) -> ModelNotAllowed | None:
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
        return None


def _any_match(patterns: Sequence[str], names: Sequence[str]) -> bool:
    return any(matches(pattern, name) for pattern in patterns for name in names)


def _refused(target: Target, why: str) -> ModelNotAllowed:
    return ModelNotAllowed(
        f"The model '{target.model}' at '{target.provider}' may not be used: {why}.", param="model"
    )
