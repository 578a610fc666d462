"""How the sandbox's tests talk to it, and read what it streams and books."""

import json
from typing import Any

import httpx

from tests.waiting import wait_until

OPENAI = "/openai/v1/chat/completions"
ANTHROPIC = "/anthropic/v1/messages"

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000003000000020802000000129f2a8d0000000c4944415408d763f8"
    "cfc000000301010018dd8db00000000049454e44ae426082"
)

WEATHER: dict[str, Any] = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
    "required": ["city"],
}


def chat(model: str, text: str = "hello there", **more: Any) -> dict[str, Any]:
    """Return a chat request of one user message."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


def message(model: str, text: str = "hello there", **more: Any) -> dict[str, Any]:
    """Return a Messages request of one user message."""
    return {"max_tokens": 1000, **chat(model, text, **more)}


def function(name: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a tool as OpenAI wants it."""
    return {"type": "function", "function": {"name": name, "parameters": schema or WEATHER}}


def tool(name: str, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a tool as Anthropic wants it."""
    return {"name": name, "input_schema": schema or WEATHER}


def read_sse(body: str) -> list[tuple[str, Any]]:
    """Return (event name, data) of every event; data that is not JSON stays text."""
    events = []
    for block in body.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.split("\n") if line)
        if "data" in fields:
            events.append((fields.get("event", ""), _parse(fields["data"])))
    return events


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def chat_text(events: list[tuple[str, Any]]) -> str:
    """Return what the chunks of a chat say together."""
    chunks = [data for _, data in events if isinstance(data, dict) and data.get("choices")]
    return "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)


def message_text(events: list[tuple[str, Any]]) -> str:
    """Return what the deltas of a message say together."""
    return "".join(
        data["delta"].get("text", "") for name, data in events if name == "content_block_delta"
    )


def rows(client: httpx.Client) -> list[dict[str, Any]]:
    """Return the ledger rows of a client's own request id, newest first."""
    wanted = {"client_request_id": client.headers["x-client-request-id"]}
    found: list[dict[str, Any]] = client.get("/sandbox/ledger", params=wanted).json()["rows"]
    return found


def ended_row(client: httpx.Client) -> dict[str, Any]:
    """Wait for a request to end, also one whose client left early, and return its row."""
    found = wait_until(lambda: next((one for one in rows(client) if one["ended"]), None))
    assert found is not None
    return found


def row(client: httpx.Client) -> dict[str, Any]:
    """Return the newest ledger row of a client's own request id."""
    return rows(client)[0]
