"""Arguments of a call that come piece by piece, which Vertex does when asked to.

`functionCall.partialArgs[]` names a place by JSON path (`$.a.b[0]`) and gives its value, or the next
piece of a string (`PartialArg` in the Vertex API reference, 2026-11).
"""

import re
from itertools import pairwise
from typing import Any

from gateway.providers.anthropic.lenient import as_list, as_object, as_text

_STEP = re.compile(r"""\.([^.\[]+)|\[(\d{1,4})\]|\[['"]([^'"\]]*)['"]\]""")
_VALUES = ("stringValue", "numberValue", "boolValue", "structValue", "listValue")
_MOST_STEPS = 64


class PartialArgs:
    """The arguments of one call, growing."""

    def __init__(self) -> None:
        self.value: dict[str, Any] = {}

    def add(self, pieces: object) -> None:
        """Take the `partialArgs` of one part; a piece with an unreadable place is left out."""
        for piece in map(as_object, as_list(pieces)):
            steps = _steps(as_text(piece.get("jsonPath")))
            if steps:
                self._put(steps, piece)

    def _put(self, steps: list[str | int], piece: dict[str, Any]) -> None:
        node: Any = self.value
        for step, following in pairwise(steps):
            empty: Any = [] if isinstance(following, int) else {}
            node = _child(node, step, empty)
        last = steps[-1]
        value = next((piece[name] for name in _VALUES if name in piece), None)
        before = _child(node, last, None)
        if isinstance(before, str) and isinstance(value, str):
            value = before + value
        if isinstance(node, dict if isinstance(last, str) else list):
            place: Any = last
            node[place] = value


def _child(node: Any, step: str | int, empty: Any) -> Any:
    """Return what stands at a step, made if it is not there yet."""
    if isinstance(node, dict) and isinstance(step, str):
        return node.setdefault(step, empty)
    if isinstance(node, list) and isinstance(step, int):
        node.extend(None for _ in range(step + 1 - len(node)))
        if node[step] is None:
            node[step] = empty
        return node[step]
    return None


def _steps(path: str) -> list[str | int]:
    """Read a JSON path; nothing for one that is not understood whole."""
    if not path.startswith("$"):
        return []
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or len(steps) >= _MOST_STEPS:
            return []
        steps.append(int(found[2]) if found[2] else found[1] or found[3] or "")
        at = found.end()
    return steps if steps and isinstance(steps[0], str) else []
