"""The sandbox's own endpoints under `/sandbox`: its books, what arrived, and a clean slate.

They ask for no key: the sandbox holds made-up answers and whatever its callers send it, and is
meant for loopback.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qs

import orjson
from msgspec import DecodeError, Meta, Struct, ValidationError, structs
from msgspec.json import decode

from gateway.sandbox.accounts import LIFETIME_S, Account
from gateway.sandbox.asgi import Call
from gateway.sandbox.formats.registry import FORMATS
from gateway.sandbox.ledger import MAX_ROWS
from gateway.sandbox.rsa import BadKey, read_public_key
from gateway.sandbox.scenes import MODIFIERS, PREFIX, SCENES
from gateway.sandbox.world import World


class _Registration(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of `POST /sandbox/service-accounts`."""

    client_email: Annotated[str, Meta(min_length=3, max_length=320)]
    public_key: Annotated[str, Meta(max_length=8192)]
    private_key_id: str | None = None
    token_lifetime_s: Annotated[int, Meta(ge=1, le=43_200)] = LIFETIME_S
    failures: Annotated[list[Annotated[int, Meta(ge=400, le=599)]], Meta(max_length=64)] = []


def control(world: World, call: Call) -> tuple[int, bytes]:
    """Return status and JSON body of a request below `/sandbox`."""
    query = {name: values[-1] for name, values in parse_qs(call.query).items()}
    match call.method, call.path.strip("/"):
        case "GET", "" | "ledger" | "requests" | "service-accounts" as what:
            return 200, orjson.dumps(_show(world, what, query))
        case "POST", "service-accounts":
            return _register(world, call)
        case "DELETE", what:
            return _clear(world, what)
        case _:
            return 404, b'{"error":"nothing here; GET /sandbox lists what there is"}'


def _show(world: World, what: str, query: Mapping[str, str]) -> dict[str, Any]:
    client_id = query.get("client_request_id")
    match what:
        case "ledger":
            limit = query.get("limit", "")
            rows = world.ledger.rows(client_id, int(limit) if limit.isdecimal() else MAX_ROWS)
            return {"rows": _rows(rows), "dropped": world.ledger.dropped}
        case "requests":
            entries = world.journal.entries(client_id)
            return {"requests": [entry.as_json() for entry in entries]}
        case "service-accounts":
            return {"service_accounts": [account.as_json() for account in world.accounts.all()]}
        case _:
            return _index()


def _clear(world: World, what: str) -> tuple[int, bytes]:
    parts = {
        "ledger": world.ledger.clear,
        "requests": world.journal.clear,
        "cache": world.cache.clear,
        "takes": world.clear_takes,
        "service-accounts": world.accounts.clear,
    }
    if what and what not in parts:
        return 404, b'{"error":"nothing to clear here"}'
    for name, clear in parts.items():
        if what in ("", name):
            clear()
    return 200, b"{}"


def _register(world: World, call: Call) -> tuple[int, bytes]:
    """Add a Google service account; only its public key is wanted."""
    try:
        wanted = decode(call.body, type=_Registration)
        key = read_public_key(wanted.public_key)
    except ValidationError as bad:
        return 400, orjson.dumps({"error": str(bad)})
    except (DecodeError, BadKey):
        return 400, b'{"error":"public_key must be an RSA public key in PEM"}'
    account = Account(
        client_email=wanted.client_email,
        key=key,
        key_id=wanted.private_key_id,
        lifetime_s=wanted.token_lifetime_s,
        failures=deque(wanted.failures),
    )
    world.accounts.register(account)
    return 200, orjson.dumps(account.as_json())


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
            "GET, POST, DELETE /sandbox/service-accounts",
            "DELETE /sandbox (all of it)",
        ],
    }
