"""The sandbox's own endpoints under `/sandbox`: its books, what arrived, and a clean slate.

They ask for no key: the sandbox holds made-up answers and whatever its callers send it, and is
meant for loopback.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs

import orjson
from msgspec import structs

from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.registry import FORMATS
from gateway.sandbox.ledger import MAX_ROWS
from gateway.sandbox.scenes import MODIFIERS, PREFIX, SCENES
from gateway.sandbox.world import World


def control(world: World, call: Call) -> tuple[int, bytes]:
    """Return status and JSON body of a request below `/sandbox`."""
    query = {name: values[-1] for name, values in parse_qs(call.query).items()}
    client_id = query.get("client_request_id")
    match call.method, call.path.strip("/"):
        case "GET", "":
            return 200, orjson.dumps(_index())
        case "GET", "ledger":
            limit = query.get("limit", "")
            rows = world.ledger.rows(client_id, int(limit) if limit.isdecimal() else MAX_ROWS)
            found = {"rows": _rows(rows), "dropped": world.ledger.dropped}
            return 200, orjson.dumps(found)
        case "GET", "requests":
            entries = [entry.as_json() for entry in world.journal.entries(client_id)]
            return 200, orjson.dumps({"requests": entries})
        case "DELETE", what:
            return _clear(world, what)
        case _:
            return 404, b'{"error":"nothing here; GET /sandbox lists what there is"}'


def _clear(world: World, what: str) -> tuple[int, bytes]:
    parts = {
        "ledger": world.ledger.clear,
        "requests": world.journal.clear,
        "cache": world.cache.clear,
        "takes": world.clear_takes,
    }
    if what and what not in parts:
        return 404, b'{"error":"nothing to clear here"}'
    for name, clear in parts.items():
        if what in ("", name):
            clear()
    return 200, b"{}"


def _rows(rows: Iterable[Any]) -> list[dict[str, Any]]:
    return [structs.asdict(row) for row in rows]


def _index() -> dict[str, Any]:
    return {
        "formats": [f"/{name}" for name in FORMATS],
        "scenes": [f"{PREFIX}{name}" for name in SCENES],
        "modifiers": [f"+{name}" for name in MODIFIERS],
        "endpoints": [
            "GET /sandbox",
            "GET, DELETE /sandbox/ledger?client_request_id=",
            "GET, DELETE /sandbox/requests?client_request_id=",
            "DELETE /sandbox/cache",
            "DELETE /sandbox/takes",
            "DELETE /sandbox (all of it)",
        ],
    }
