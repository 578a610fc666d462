"""The example file and its README say what the schema says: every key, and every default."""

import re
from enum import Enum
from pathlib import Path
from typing import Any

import msgspec

from gateway.config.builtin import BUILTIN_PROVIDERS
from gateway.config.load import load
from gateway.config.parse import parse
from gateway.config.schema import Config
from gateway.config.yaml_text import read_yaml
from tests.config.keys import PLACEHOLDERS, schema_keys

_FOLDER = Path(__file__).parents[2] / "config"
_TEXT = (_FOLDER / "gateway.yaml").read_text(encoding="utf-8")
_README = (_FOLDER / "README.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| `([^`]+)` \| [^|]+ \| (.+?) \| .+ \|$", re.MULTILINE)


def uncommented(text: str) -> str:
    """The example with its commented-out keys (`#key:`, no space) written out."""
    return re.sub(r"^(\s*)#(?=[a-z-])", r"\1", text, flags=re.MULTILINE)


def paths_in(value: Any, path: str = "") -> set[str]:
    """The schema's names for every key in a file."""
    if isinstance(value, dict) and value:
        if path in PLACEHOLDERS:
            inner = [paths_in(item, f"{path}.{PLACEHOLDERS[path]}") for item in value.values()]
        else:
            inner = [paths_in(v, f"{path}.{k}" if path else k) for k, v in value.items()]
        return {path, *(name for names in inner for name in names)}
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return {path, *(name for item in value for name in paths_in(item, f"{path}[]"))}
    return {path}


def test_the_example_changes_nothing_as_it_stands() -> None:
    assert load(_FOLDER / "gateway.yaml", {}).config == Config()


def test_the_example_shows_every_key() -> None:
    value = read_yaml(uncommented(_TEXT)).value
    parse(value)  # every example value is of the right type
    missing = {path for path, _, _ in schema_keys(Config)} - paths_in(value)
    assert missing == set()


def test_the_readme_explains_every_key_with_its_default() -> None:
    written = dict(_ROW.findall(_README))
    expected = {path: shown(default) for path, _, default in schema_keys(Config)}
    assert written == expected


def test_the_example_and_the_readme_name_every_built_in_provider() -> None:
    vendors = [name for name, entry in BUILTIN_PROVIDERS.items() if entry.offered]
    for text in (_TEXT, _README):
        assert [name for name in vendors if name not in text] == []


def shown(default: Any) -> str:
    if default is msgspec.NODEFAULT:
        return "required"
    if default is None:
        return "none"
    if default == ():
        return "`[]`"
    if isinstance(default, Enum):
        return f"`{default.value}`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"
