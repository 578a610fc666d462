"""The shapes of the committed catalogue: how a name is recognised, what it costs, what it can do."""

import re
from collections.abc import Iterator

from msgspec import Struct

from gateway.types.models import UNKNOWN_PRICE, ModelPrice, ReasoningStyle


class Rule(
    Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, rename={"every": "all"}
):
    """Recognises a model's names; any alternative suffices. Everything but `regex` is lower-case.

    Vendors date and re-spell their names (`gpt-4o-2024-08-06`), so a plain table would miss most.
    `every` holds conjunctions: of each, all rules must match.
    """

    equals: tuple[str, ...] = ()
    starts_with: tuple[str, ...] = ()
    ends_with: tuple[str, ...] = ()
    contains: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    every: tuple[tuple["Rule", ...], ...] = ()

    def matches(self, name: str) -> bool:
        """Whether `name` (lower-case) is one of the model's names."""
        return name in self.equals or self.matches_pattern(name)

    def matches_pattern(self, name: str) -> bool:
        """Whether `name` matches by anything but being listed itself."""
        return (
            name.startswith(self.starts_with)
            or name.endswith(self.ends_with)
            or any(part in name for part in self.contains)
            or any(re.search(pattern, name) for pattern in self.regex)
            or any(all(rule.matches(name) for rule in rules) for rules in self.every)
        )

    @property
    def has_patterns(self) -> bool:
        """Whether there is more than a list of names."""
        return bool(self.starts_with or self.ends_with or self.contains or self.regex or self.every)


class ModelRow(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One model at one provider. `id` is a name the provider takes, where there is one.

    `listed` is False for retired models and families of names (fine-tunes): still priced, but
    nothing to offer in a list of models.
    """

    id: str
    rule: Rule
    price: ModelPrice = UNKNOWN_PRICE
    context_window: int | None = None
    embedding: bool = False
    listed: bool = True


class CapabilityRow(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the models of a family can do. None: says nothing, so an earlier row's word stands."""

    rule: Rule
    context_window: int | None = None
    max_output: int | None = None
    modalities_in: tuple[str, ...] | None = None
    modalities_out: tuple[str, ...] | None = None
    tools: bool | None = None
    json_schema: bool | None = None
    reasoning: ReasoningStyle | None = None
    refuses: tuple[str, ...] | None = None

    def said(self) -> Iterator[tuple[str, object]]:
        """Yield the fields this row has a word on, by their name in `ModelInfo`."""
        for name in self.__struct_fields__[1:]:
            value = getattr(self, name)
            if value is not None:
                yield name, value


class ProviderRows(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One provider's models in the order they are tried; of `capabilities` the last word counts.

    `fallback` names providers whose models this one serves too (Azure: OpenAI's).
    """

    models: tuple[ModelRow, ...]
    capabilities: tuple[CapabilityRow, ...] = ()
    fallback: tuple[str, ...] = ()


class Source(Struct, frozen=True, forbid_unknown_fields=True):
    """Where the prices come from. `made` (YYYY-MM-DD) is the day whose prices are the base."""

    name: str
    version: str
    made: str
