"""The operator's corrections to the catalogue, applied to what it says of a model. Pure."""

from collections.abc import Mapping
from fnmatch import fnmatchcase

from msgspec.structs import replace

from gateway.config.schema_models import ModelOverride
from gateway.types.models import ModelInfo

_SPECIAL = ("price",)  # see pricing.py


def find_override(table: Mapping[str, ModelOverride], model: str) -> ModelOverride | None:
    """Return a model's override: under its own name, else under the longest name with `*`."""
    if model in table:
        return table[model]
    patterns = [name for name in table if "*" in name and matches(name, model)]
    return table[max(patterns, key=len)] if patterns else None


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern, in which only `*` has a meaning."""
    literal = pattern.replace("[", "[[]").replace("?", "[?]")
    return fnmatchcase(name, literal)


def apply_override(info: ModelInfo, override: ModelOverride) -> ModelInfo:
    """Return what is known of a model with the operator's word in place of the catalogue's.

    Of everything but its price, which has rules of its own.
    """
    said = {
        name: value
        for name in override.__struct_fields__
        if name not in _SPECIAL and (value := getattr(override, name)) is not None
    }
    return replace(info, **said)
