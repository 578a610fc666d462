"""Walks the schema, for tests that compare it with what is written about it."""

from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from msgspec import Struct
from msgspec.structs import fields

PLACEHOLDERS = {
    "providers": "<name>",
    "context.kinds": "<kind>",
    "context.kinds.<kind>.fields": "<field>",
    "limits.features": "<feature>",
    "models.aliases": "<alias>",
    "models.overrides": "<provider>",
    "models.overrides.<provider>": "<model>",
}


def schema_keys(kind: type[Struct], path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (path, type, default) of every key that holds a value; NODEFAULT where it must be given."""
    for field in fields(kind):
        here = f"{path}.{field.name}" if path else field.name
        inner = _struct_in(field.type)
        default = field.default
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        if inner is None:
            yield here, field.type, default
            continue
        struct, suffix = _under(field.type, here)
        yield from schema_keys(struct, here + suffix)
        if len(get_args(field.type)) > 2 or (get_origin(field.type) is UnionType and suffix == ""):
            yield here, field.type, default


def _under(kind: Any, path: str) -> tuple[type[Struct], str]:
    """Return the struct at the bottom of tables and lists, and what the path there adds."""
    suffix = ""
    while not (isinstance(kind, type) and issubclass(kind, Struct)):
        if get_origin(kind) is Mapping:
            suffix += f".{PLACEHOLDERS[path + suffix]}"
            kind = get_args(kind)[1]
        elif get_origin(kind) is tuple:
            suffix += "[]"
            kind = get_args(kind)[0]
        else:
            kind = next(choice for choice in get_args(kind) if _struct_in(choice) is not None)
    return kind, suffix


def _struct_in(kind: Any) -> type[Struct] | None:
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind
    if get_origin(kind) in (UnionType, Union, Mapping, tuple) and get_origin(kind) is not Annotated:
        return next((found for c in get_args(kind) if (found := _struct_in(c)) is not None), None)
    return None
