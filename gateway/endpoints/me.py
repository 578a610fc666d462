"""`/v1/me`: a user's own account, preferences, tokens and provider keys."""

from typing import Any

import msgspec

from gateway.endpoints.replies import Reply, json_reply
from gateway.endpoints.requests import IncomingRequest
from gateway.endpoints.services import Services
from gateway.identity.accounts import Caller
from gateway.identity.changes import OwnChange
from gateway.identity.minting import TokenRequest
from gateway.identity.provider_keys import KeyChange, Offer
from gateway.identity.user_tokens import Minted
from gateway.types.account import ProviderKeyInfo, TokenInfo, UserRecord


async def show(services: Services, request: IncomingRequest, caller: Caller) -> Reply:  # noqa: ARG001
    """Return the account and its preferences."""
    return json_reply(public_user(caller.account.record))


async def change(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Change preferences: a member that is null goes back to its default."""
    wanted = await request.read_as(OwnChange)
    known = services.snapshots.current.providers.keys() | caller.account.keys.keys()
    record = await services.users.change(caller.user_id, wanted, known)
    return json_reply(public_user(record))


async def list_tokens(services: Services, request: IncomingRequest, caller: Caller) -> Reply:  # noqa: ARG001
    """Return the user's tokens, also those that an admin minted; never the tokens themselves."""
    tokens = await services.tokens.list_tokens(caller.user_id)
    return json_reply({"object": "list", "data": [public_token(token) for token in tokens]})


async def mint_token(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Make a token, no wider than the one that asks; it is shown this once."""
    wanted = await request.read_as(TokenRequest)
    minted = await services.tokens.mint(caller.user_id, wanted, minter=caller.token)
    return json_reply(minted_token(minted), 201)


async def revoke_token(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Revoke a token; it holds from the next request, in every worker."""
    revoked = await services.tokens.revoke(caller.user_id, request.path_params["token_id"])
    return json_reply({"id": revoked.id, "revoked": True})


async def list_keys(services: Services, request: IncomingRequest, caller: Caller) -> Reply:  # noqa: ARG001
    """Return the user's provider keys, without their secrets."""
    keys = await services.provider_keys.list_keys(caller.user_id)
    return json_reply({"object": "list", "data": [public_key(key) for key in keys]})


async def put_key(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Add or change a provider key; the secret is sealed and never shown again."""
    wanted = await request.read_as(KeyChange)
    offer = Offer(services.snapshots.current.providers, services.endpoint_rules())
    name = request.path_params["name"]
    key, created = await services.provider_keys.put(caller.user_id, name, wanted, offer)
    return json_reply(public_key(key), 201 if created else 200)


async def remove_key(services: Services, request: IncomingRequest, caller: Caller) -> Reply:
    """Remove a provider key."""
    name = request.path_params["name"]
    await services.provider_keys.remove(caller.user_id, name)
    return json_reply({"name": name, "deleted": True})


def public_user(record: UserRecord) -> dict[str, Any]:
    """Return a user as the API shows it, every member present."""
    shown: dict[str, Any] = msgspec.to_builtins(record)
    for name in record.__struct_fields__:
        shown.setdefault(name, msgspec.to_builtins(getattr(record, name)))
    shown["preferences"] = {
        name: msgspec.to_builtins(getattr(record.preferences, name))
        for name in record.preferences.__struct_fields__
    }
    return {"object": "user", **shown}


def public_token(info: TokenInfo) -> dict[str, Any]:
    """Return a token as the API shows it: everything but the token."""
    return {name: msgspec.to_builtins(getattr(info, name)) for name in info.__struct_fields__}


def minted_token(minted: Minted) -> dict[str, Any]:
    """Return a new token with the token itself, this once."""
    return {**public_token(minted.info), "token": minted.token.reveal()}


def public_key(info: ProviderKeyInfo) -> dict[str, Any]:
    """Return a provider key as its owner sees it: everything but the secret."""
    return {name: msgspec.to_builtins(getattr(info, name)) for name in info.__struct_fields__}
