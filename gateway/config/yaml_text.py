"""Reads the YAML we accept: mappings, lists and plain scalars, nothing that runs or explodes.

Stricter than YAML 1.1 on purpose. Only `true` and `false` are booleans (`on`, `no` and `off` are
words), dates stay text (`api_version: 2023-06-01`), there are no merge keys and no tags (so no
`!!python/object`), a key may not come twice, and aliases may not unfold to more than a file of
this kind ever holds.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import yaml
from msgspec import Struct

from gateway.errors import ConfigError, ConfigFaults

_MAX_DEPTH = 32
_MAX_NODES = 50_000
_STRING = "tag:yaml.org,2002:str"
_PLAIN_TAGS = (_STRING, "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
_INT = re.compile(r"[-+]?\d[\d_]*", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?", re.ASCII)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}


class Document(Struct, frozen=True):
    """A file's value, and the line (from 1) of everything in it by its path."""

    value: Any
    lines: dict[str, int]

    def line_of(self, path: str) -> int | None:
        """Return the line of a path, or of the nearest thing around it."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = re.sub(r"(\.[^.\[]*|\[\d+\]|^[^.\[]*)$", "", path)
        return None


class _Loader(yaml.SafeLoader):
    """Composes nodes only: scalars stay text, and nesting is bounded before it costs stack."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # how PyYAML is told to resolve none

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise ConfigError(f"nested more than {_MAX_DEPTH} deep")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node


def read_yaml(text: str) -> Document:
    """Return the value of a YAML text. Raises ConfigFaults naming the line of each fault."""
    try:
        node = _compose(text)
    except yaml.MarkedYAMLError as error:
        problem = error.problem or "cannot be read"
        raise ConfigFaults([ConfigError(f"not valid YAML: {problem}{_mark(error)}")]) from None
    except yaml.YAMLError:
        # A character that YAML forbids; the library's message would repeat the text around it.
        raise ConfigFaults([ConfigError("not valid YAML: a forbidden character")]) from None
    except ConfigError as error:
        raise ConfigFaults([error]) from None
    if node is None:
        raise ConfigFaults([ConfigError("the file is empty")])
    builder = _Builder()
    value = builder.build(node, "")
    if value is None and not builder.faults:
        raise ConfigFaults([ConfigError("the file is empty")])
    if builder.faults:
        raise ConfigFaults(builder.faults)
    return Document(value, builder.lines)


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


class _Builder:
    """Turns nodes into values, noting lines and faults on the way."""

    def __init__(self) -> None:
        self.faults: list[ConfigError] = []
        self.lines: dict[str, int] = {}
        self._nodes = 0
        self._depth = 0

    def build(self, node: yaml.Node, path: str) -> Any:
        self._nodes += 1
        if self._nodes > _MAX_NODES or self._depth > _MAX_DEPTH:
            self._stop()
            return None
        self.lines.setdefault(path, _line(node))
        if node.tag not in _PLAIN_TAGS:
            self._fault(node, path, "tags such as '!!…' are not allowed")
            return None
        if isinstance(node, yaml.ScalarNode) and not _is_whole(node.value):
            self._fault(node, path, "holds half of a character ('\\ud…')")
            return None
        self._depth += 1
        value = self._children(node, path)
        self._depth -= 1
        return value

    def _children(self, node: yaml.Node, path: str) -> Any:
        if isinstance(node, yaml.MappingNode):
            return {
                key: self.build(value, f"{path}.{key}" if path else key)
                for key, value in self._entries(node, path)
            }
        if isinstance(node, yaml.SequenceNode):
            return [self.build(item, f"{path}[{i}]") for i, item in enumerate(node.value)]
        return _scalar(node) if isinstance(node, yaml.ScalarNode) else None

    def _entries(self, node: yaml.MappingNode, path: str) -> Iterator[tuple[str, yaml.Node]]:
        seen: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode) or not _is_whole(key.value):
                self._fault(key, path, "a key must be a plain word")
            elif key.value == "<<" and key.style is None:
                self._fault(key, path, "merge keys ('<<') are not supported")
            elif key.value in seen:
                where = f"'{key.value}' is given twice, first in line {seen[key.value]}"
                self._fault(key, path, where)
            else:
                seen[key.value] = _line(key)
                yield key.value, value

    def _fault(self, node: yaml.Node, path: str, message: str) -> None:
        self.faults.append(ConfigError(f"{message} (line {_line(node)})", path))

    def _stop(self) -> None:
        """Report once that aliases unfold without end; what is left is then not looked at."""
        if self._nodes < _MAX_NODES * 2:
            self._nodes = _MAX_NODES * 2
            self.faults.append(ConfigError("too large: its aliases unfold to too many values"))


def _scalar(node: yaml.ScalarNode) -> Any:
    text: str = node.value
    if node.style is not None:  # quoted, or a block: text as it stands
        return text
    word = text if text in ("", "~") else text.lower()
    if word in _WORDS:
        return _WORDS[word]
    readers: tuple[tuple[re.Pattern[str], Callable[[str], Any]], ...] = (
        (_INT, int),
        (_FLOAT, float),
    )
    for pattern, read in readers:
        if pattern.fullmatch(text) and len(text) <= 64:
            return read(text)
    return text


def _is_whole(text: str) -> bool:
    """Whether text can be encoded: a YAML escape can make half of a surrogate pair."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _line(node: yaml.Node) -> int:
    line: int = node.start_mark.line
    return line + 1


def _mark(error: yaml.MarkedYAMLError) -> str:
    return f" (line {error.problem_mark.line + 1})" if error.problem_mark else ""
