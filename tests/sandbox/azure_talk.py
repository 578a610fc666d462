"""How the sandbox's tests talk to Azure's format."""

from typing import Any

V1 = "/azure/openai/v1/chat/completions"
HELLO: Any = [{"role": "user", "content": "hello there"}]


def at(deployment: str, version: str = "2024-10-21") -> str:
    """Return the path of a deployment."""
    return f"/azure/openai/deployments/{deployment}/chat/completions?api-version={version}"


def body(**more: Any) -> dict[str, Any]:
    """Return a request that names no model."""
    return {"messages": HELLO, **more}
