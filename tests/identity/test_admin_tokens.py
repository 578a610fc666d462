"""Tokens of the operator over a real store."""

import os

import pytest

from gateway.errors import AuthenticationFailed, InvalidRequest, NotFound, StoreAway
from gateway.identity.minting import TokenRequest
from gateway.identity.tokens import TokenKind, digest, mint
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.types.account import Need, Scope
from tests.identity.scene import PEPPER, bearer, make_scene


async def test_an_admin_token_authenticates_until_it_is_revoked(store: RedisStore) -> None:
    scene = make_scene(store)
    minted = await scene.admins.mint(TokenRequest("root"), created_by="cli")
    other = await scene.admins.mint(TokenRequest("other"))
    header = bearer(minted.token.reveal())

    assert (await scene.admins.authenticate(header)).token == minted.info
    assert minted.info.admin
    assert minted.info.allows == (Need.ADMIN, Need.METRICS)
    assert {info.id for info in await scene.admins.list_tokens()} == {
        minted.info.id,
        other.info.id,
    }

    assert await scene.admins.revoke(minted.info.id) == minted.info
    with pytest.raises(AuthenticationFailed):
        await scene.admins.authenticate(header)
    with pytest.raises(NotFound):
        await scene.admins.revoke(minted.info.id)
    assert await scene.admins.list_tokens() == [other.info]


async def test_an_admin_token_can_end(store: RedisStore) -> None:
    scene = make_scene(store)
    minted = await scene.admins.mint(TokenRequest("root", ttl=60))

    scene.clock.pass_s(60)

    with pytest.raises(AuthenticationFailed):
        await scene.admins.authenticate(bearer(minted.token.reveal()))


async def test_an_unknown_admin_token_fails(store: RedisStore) -> None:
    scene = make_scene(store)
    unknown = mint(TokenKind.ADMIN, os.urandom).reveal()

    with pytest.raises(AuthenticationFailed):
        await scene.admins.authenticate(bearer(unknown))


async def test_a_users_token_planted_among_the_admins_is_none(store: RedisStore) -> None:
    """Its prefix says user; and an entry under another digest than its own is not used."""
    scene = make_scene(store)
    one = await scene.admins.mint(TokenRequest("one"))
    two = mint(TokenKind.ADMIN, os.urandom).reveal()
    (hashed, blob) = await store.run("HGETALL", names.admin_tokens())
    assert hashed == digest(PEPPER, one.token.reveal()).encode()
    await store.run("HSET", names.admin_tokens(), digest(PEPPER, two), blob)

    with pytest.raises(AuthenticationFailed):
        await scene.admins.authenticate(bearer(two))


async def test_admin_tokens_are_not_trusted_while_the_store_is_away(store: RedisStore) -> None:
    scene = make_scene(store)
    minted = await scene.admins.mint(TokenRequest("root"))
    await scene.admins.authenticate(bearer(minted.token.reveal()))

    scene.store.away = True

    with pytest.raises(StoreAway):
        await scene.admins.authenticate(bearer(minted.token.reveal()))


@pytest.mark.parametrize(
    "request_",
    [
        TokenRequest("x", allows=(Need.CHAT,)),
        TokenRequest("x", scope_ceiling=Scope.MINIMAL),
        TokenRequest("x", models=("m",)),
        TokenRequest(""),
    ],
)
async def test_an_admin_token_has_no_rights_of_a_user(
    store: RedisStore, request_: TokenRequest
) -> None:
    with pytest.raises(InvalidRequest):
        await make_scene(store).admins.mint(request_)
