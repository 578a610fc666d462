"""Citations: which words of an answer a tool's result stands behind."""

from typing import Any

from gateway.sandbox.formats.base import Reply, parse_object
from gateway.sandbox.prompt import ToolResult


def cite(reply: Reply, said: str) -> list[dict[str, Any]]:
    """Return the citations of an answer, in order; `start` and `end` count characters."""
    found: list[dict[str, Any]] = []
    at = 0
    for result in reply.prompt.last_results:
        start = said.find(result.text, at) if result.text else -1
        if start < 0:
            continue
        at = start + len(result.text)
        found.append(
            {
                "start": start,
                "end": at,
                "text": result.text,
                "sources": [_source(result)],
                "type": "TEXT_CONTENT",
            }
        )
    return found


def _source(result: ToolResult) -> dict[str, Any]:
    """Return the tool's output; one that is an object is shown member by member, as text."""
    members = parse_object(result.text.encode())
    output = {name: str(value) for name, value in members.items()} if members else None
    return {
        "type": "tool",
        "id": f"{result.id}:0",
        "tool_output": output or {"content": result.text},
    }
