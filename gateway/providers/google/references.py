"""`$ref` within a JSON Schema: finding what one points to, without growing beyond bounds."""

from collections.abc import Mapping
from typing import Any

import orjson

Schema = Mapping[str, Any]

_MOST_BYTES = 512 * 1024  # of definitions copied into one schema: more than a model could follow
_MOST_DEPTH = 32  # of references within references


class References:
    """Resolves the references of one schema, each copy counted.

    A definition that contains itself, and every copy beyond the limits, becomes any object: else a
    small schema could grow without end.
    """

    def __init__(self, root: Schema) -> None:
        self._root = root
        self._sizes: dict[str, int] = {}
        self._left = _MOST_BYTES

    def resolve(self, node: Schema, inside: frozenset[str]) -> tuple[Schema, frozenset[str]]:
        """Return what a node with a `$ref` stands for, and the references that it is now inside.

        What stands beside the reference is kept and goes before what it points to.
        """
        name = node.get("$ref")
        beside = {key: value for key, value in node.items() if key != "$ref"}
        if isinstance(name, str) and name not in inside and len(inside) < _MOST_DEPTH:
            found = self._find(name)
            if found is not None and self._may_copy(name, found):
                return {**found, **beside}, inside | {name}
        return {"type": "object", **beside}, inside

    def _may_copy(self, name: str, found: Schema) -> bool:
        if name not in self._sizes:
            self._sizes[name] = len(orjson.dumps(found))
        self._left -= self._sizes[name]
        return self._left >= 0

    def _find(self, name: str) -> Schema | None:
        if not name.startswith("#"):
            return None
        node: object = self._root
        for step in name[1:].strip("/").split("/") if name.strip("#/") else ():
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(node, list) and key.isdecimal() and int(key) < len(node):
                node = node[int(key)]
            elif isinstance(node, Mapping) and key in node:
                node = node[key]
            else:
                return None
        return node if isinstance(node, Mapping) else None
