"""Turns a plain mapping into a `Config`, naming every fault by its path. Pure.

msgspec stops at the first fault of what it is given, so structs, tables and lists are walked here
and msgspec judges only the leaves.
"""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import FieldInfo, fields

from gateway.config.schema import Config
from gateway.errors import ConfigError, ConfigFaults

_PLACE = re.compile(r"^(?P<what>.*?)(?: - at `\$(?P<where>[^`]*)`)?$", re.DOTALL)


def parse(value: object) -> Config:
    """Return the configuration a mapping describes. Raises ConfigFaults."""
    faults: list[ConfigError] = []
    config = _read(Config, value, "", faults)
    if faults:
        raise ConfigFaults(faults)
    assert isinstance(config, Config)  # noqa: S101  # no fault, so it was built
    return config


def _read(kind: Any, value: object, path: str, faults: list[ConfigError]) -> Any:
    """Return `value` as `kind`, or UNSET after noting what is wrong with it."""
    kind = _inner(kind, value)
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _read_struct(kind, value, path, faults)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Mapping:
        return _read_table(arguments[1], value, path, faults)
    if origin is tuple:
        return _read_list(arguments[0], value, path, faults)
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        faults.append(_leaf_fault(error, kind, path))
        return UNSET


def _inner(kind: Any, value: object) -> Any:
    """Choose the alternative of an optional or a union that the value is meant to be."""
    if get_origin(kind) not in (UnionType, Union):
        return kind
    choices = [choice for choice in get_args(kind) if choice is not type(None)]
    structured = [choice for choice in choices if _is_structured(choice)]
    if value is None or not structured:
        return kind
    if len(choices) == 1 or isinstance(value, dict | list):
        return structured[0]
    return kind


def _is_structured(kind: Any) -> bool:
    if get_origin(kind) is Annotated:
        return False
    return get_origin(kind) in (Mapping, tuple) or (
        isinstance(kind, type) and issubclass(kind, Struct)
    )


def _read_struct(
    kind: type[Struct], value: object, path: str, faults: list[ConfigError]
) -> Struct | UnsetType:
    value = {} if value is None else value  # a section whose every line is commented out
    if not isinstance(value, dict):
        faults.append(ConfigError(f"expected a table of keys, got {_shown(value)}", path))
        return UNSET
    known = {field.encode_name: field for field in fields(kind)}
    before = len(faults)
    unknown = [key for key in value if key not in known]
    faults.extend(_unknown_key(str(key), list(known), path) for key in unknown)
    given = {
        field.name: _read(field.type, value[name], _join(path, name), faults)
        for name, field in known.items()
        if name in value
    }
    for name, field in known.items():
        if name not in value and _is_required(field):
            faults.append(ConfigError("is missing", _join(path, name)))
    return kind(**given) if len(faults) == before else UNSET


def _read_table(
    kind: Any, value: object, path: str, faults: list[ConfigError]
) -> Mapping[str, Any] | UnsetType:
    value = {} if value is None else value
    if not isinstance(value, dict):
        faults.append(ConfigError(f"expected a table of names, got {_shown(value)}", path))
        return UNSET
    return {str(k): _read(kind, item, _join(path, str(k)), faults) for k, item in value.items()}


def _read_list(
    kind: Any, value: object, path: str, faults: list[ConfigError]
) -> tuple[Any, ...] | UnsetType:
    if not isinstance(value, list | tuple):
        faults.append(ConfigError(f"expected a list, got {_shown(value)}", path))
        return UNSET
    return tuple(_read(kind, item, f"{path}[{i}]", faults) for i, item in enumerate(value))


def _unknown_key(key: str, known: Sequence[str], path: str) -> ConfigError:
    close = get_close_matches(key, known, n=1)
    hint = f"; did you mean '{close[0]}'?" if close else ""
    return ConfigError(f"unknown key{hint}", _join(path, key))


def _is_required(field: FieldInfo) -> bool:
    return field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT


def _leaf_fault(error: msgspec.ValidationError, kind: Any, path: str) -> ConfigError:
    match = _PLACE.match(str(error))
    what, where = (match["what"], match["where"] or "") if match else ("Is not valid", "")
    if what.startswith("Invalid enum value"):
        what = f"Must be one of {', '.join(_choices(kind))}"
    return ConfigError((what[:1].lower() + what[1:]).replace("`", "'"), f"{path}{where}")


def _choices(kind: Any) -> list[str]:
    """Return the words an enum, a literal or an optional one of them allows."""
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [str(member.value) for member in kind]
    if get_origin(kind) is Literal:
        return [str(word) for word in get_args(kind)]
    return [word for choice in get_args(kind) for word in _choices(choice)]


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _shown(value: object) -> str:
    """Name what was given instead, without repeating it: it may be a secret in the wrong place."""
    names = {dict: "a table", list: "a list", str: "text", bool: "true or false"}
    names |= {int: "a number", float: "a number", type(None): "nothing"}
    return names.get(type(value), "something else")
