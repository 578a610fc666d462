"""How the sandbox's tests talk to Google's formats, and read what they stream."""

import json
from typing import Any

import httpx

GEMINI = "/gemini/v1beta/models/"
VERTEX = "/vertex/v1/projects/p1/locations/us-central1/publishers/google/models/"
VERTEX_BETA = VERTEX.replace("/v1/", "/v1beta1/")

WEATHER: dict[str, Any] = {
    "type": "OBJECT",
    "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER", "minimum": 1}},
    "required": ["city"],
}


def user(*parts: dict[str, Any]) -> dict[str, Any]:
    """Return a content of the user's."""
    return {"role": "user", "parts": list(parts)}


def model(*parts: dict[str, Any]) -> dict[str, Any]:
    """Return a content of the model's."""
    return {"role": "model", "parts": list(parts)}


def text(value: str) -> dict[str, Any]:
    """Return a part that is text."""
    return {"text": value}


def call(name: str, **more: Any) -> dict[str, Any]:
    """Return a part that is a call; `sig` signs it."""
    signature = more.pop("sig", None)
    part: dict[str, Any] = {"functionCall": {"name": name, "args": {}, **more}}
    return part | ({"thoughtSignature": signature} if signature else {})


def response(name: str, value: str = "done", **more: Any) -> dict[str, Any]:
    """Return a part that is a function's response."""
    return {"functionResponse": {"name": name, "response": {"result": value}, **more}}


def ask(said: str = "hello there", **more: Any) -> dict[str, Any]:
    """Return a request of one user content."""
    return {"contents": [user(text(said))], **more}


def functions(*names: str, schema: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """Return the `tools` member with these functions."""
    declared = [{"name": name, "parameters": schema or WEATHER} for name in names]
    return [{"functionDeclarations": declared}]


def force(*names: str) -> dict[str, Any]:
    """Return the `toolConfig` that demands a call."""
    config: dict[str, Any] = {"mode": "ANY"}
    return {
        "functionCallingConfig": config | ({"allowedFunctionNames": list(names)} if names else {})
    }


def read_events(body: str) -> list[Any]:
    """Return the data of every event; data that is not JSON stays text."""
    found = []
    for block in body.split("\r\n\r\n"):
        if block.startswith("data: "):
            try:
                found.append(json.loads(block.removeprefix("data: ")))
            except json.JSONDecodeError:
                found.append(block)
    return found


def parts_of(reply: Any) -> list[dict[str, Any]]:
    """Return the parts of a reply's first candidate."""
    parts: list[dict[str, Any]] = reply["candidates"][0].get("content", {}).get("parts", [])
    return parts


def said(replies: list[Any]) -> str:
    """Return what pieces of a reply say together, thoughts aside."""
    parts = [part for one in replies if one.get("candidates") for part in parts_of(one)]
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))


def refused(reply: httpx.Response, status: int = 400) -> str:
    """Return what a refusal says, after checking its shape."""
    assert reply.status_code == status, reply.text
    error = reply.json()["error"]
    assert error["code"] == status
    assert error["status"] == {400: "INVALID_ARGUMENT", 404: "NOT_FOUND"}.get(
        status, error["status"]
    )
    return str(error["message"])
