"""`/admin/v1`: the operator's side. An admin token can neither call models nor read context."""

from typing import Any

import msgspec

from gateway.endpoints.me import minted_token, public_token, public_user
from gateway.endpoints.replies import Reply, json_reply
from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.services import Services
from gateway.errors import InvalidRequest
from gateway.identity.admin_tokens import Admin
from gateway.identity.changes import NewUser, UserChange
from gateway.identity.minting import TokenRequest

_MOST_LISTED = 200
_DEFAULT_LISTED = 100


async def list_users(services: Services, request: IncomingRequest, admin: Admin) -> Reply:  # noqa: ARG001
    """Return a page of users (`limit`, `cursor`), or those whose external id has a `prefix`."""
    query = request.query
    page = await services.users.index.page(
        cursor=query.get("cursor"), limit=_read_limit(query), prefix=query.get("prefix")
    )
    data = [public_user(record) for record in page.users]
    return json_reply({"object": "list", "data": data, "next_cursor": page.next_cursor})


async def create_user(services: Services, request: IncomingRequest, admin: Admin) -> Reply:
    """Create a user; 409 if the external id is taken."""
    new = await request.read_as(NewUser)
    record = await services.users.create(new, services.snapshots.current.providers.keys())
    await _note(services, request, admin, "user.create", record.id)
    return json_reply(public_user(record), 201)


async def put_user(services: Services, request: IncomingRequest, admin: Admin) -> Reply:
    """Create or change the user with this external id: the same call twice makes one user."""
    change = await request.read_as(UserChange)
    record, created = await services.users.put_by_external_id(
        request.path_params["external_id"], change, services.snapshots.current.providers.keys()
    )
    await _note(services, request, admin, "user.put", record.id)
    return json_reply(public_user(record), 201 if created else 200)


async def show_user(services: Services, request: IncomingRequest, admin: Admin) -> Reply:  # noqa: ARG001
    """Return a user."""
    return json_reply(public_user(await services.users.get(request.path_params["user_id"])))


async def change_user(services: Services, request: IncomingRequest, admin: Admin) -> Reply:
    """Change a user: name, disabled, ceilings, preferences, metadata."""
    change = await request.read_as(UserChange)
    user_id = request.path_params["user_id"]
    record = await services.users.change(
        user_id, change, services.snapshots.current.providers.keys()
    )
    await _note(services, request, admin, "user.change", user_id)
    return json_reply(public_user(record))


async def remove_user(services: Services, request: IncomingRequest, admin: Admin) -> Reply:
    """Erase a user; of one who is erased already, return the receipt as it stands by now."""
    user_id = request.path_params["user_id"]
    receipt = await services.privacy.erasure.erase(user_id, admin.token.id, request.peer)
    return json_reply(services.privacy.signer.sign(receipt), 202)


async def list_user_tokens(services: Services, request: IncomingRequest, admin: Admin) -> Reply:  # noqa: ARG001
    """Return a user's tokens, never the tokens themselves."""
    tokens = await services.tokens.list_tokens(request.path_params["user_id"])
    return json_reply({"object": "list", "data": [public_token(token) for token in tokens]})


async def mint_user_token(services: Services, request: IncomingRequest, admin: Admin) -> Reply:
    """Make a token for a user. It is audited, and the user sees it among their tokens."""
    wanted = await request.read_as(TokenRequest)
    user_id = request.path_params["user_id"]
    minted = await services.tokens.mint(user_id, wanted, created_by="admin")
    await _note(services, request, admin, "token.mint", f"{user_id}/{minted.info.id}")
    return json_reply(minted_token(minted), 201)


async def revoke_user_token(services: Services, request: IncomingRequest, admin: Admin) -> Reply:
    """Revoke a user's token."""
    user_id, token_id = request.path_params["user_id"], request.path_params["token_id"]
    await services.tokens.revoke(user_id, token_id)
    await _note(services, request, admin, "token.revoke", f"{user_id}/{token_id}")
    return json_reply({"id": token_id, "revoked": True})


async def rotate_dek(services: Services, request: IncomingRequest, admin: Admin) -> Reply:
    """Give a user a new data key, and seal everything of theirs under it."""
    user_id = request.path_params["user_id"]
    done = await services.deks.rotate(user_id)
    await _note(services, request, admin, "user.rotate_dek", user_id)
    return json_reply(msgspec.to_builtins(done))


async def read_audit(services: Services, request: IncomingRequest, admin: Admin) -> Reply:  # noqa: ARG001
    """Return what admins did, newest first (`limit`, `cursor`)."""
    page = await services.audit.list_entries(
        request.query.get("cursor"), _read_limit(request.query)
    )
    data = [msgspec.to_builtins(entry) for entry in page.entries]
    return json_reply({"object": "list", "data": data, "next_cursor": page.next_cursor})


async def _note(
    services: Services, request: IncomingRequest, admin: Admin, what: str, target: str
) -> None:
    await services.audit.record(admin.token.id, what, target, address=request.peer)


def _read_limit(query: dict[str, Any]) -> int:
    text = query.get("limit", str(_DEFAULT_LISTED))
    if not (text.isdecimal() and 1 <= int(text) <= _MOST_LISTED):
        raise InvalidRequest(f"'limit' is a number from 1 to {_MOST_LISTED}.", param="limit")
    return int(text)
