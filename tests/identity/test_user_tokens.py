"""Tokens of users over a real store."""

import pytest

from gateway.errors import AuthenticationFailed, Conflict, NotAllowed, NotFound
from gateway.identity.changes import NewUser
from gateway.identity.minting import TokenRequest
from gateway.identity.tokens import digest
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.types.account import Need, Scope
from tests.identity.scene import PEPPER, bearer, make_scene


async def test_a_minted_token_works_with_what_it_was_given(store: RedisStore) -> None:
    scene = make_scene(store)
    user = await scene.users.create(NewUser())

    minted = await scene.tokens.mint(
        user.id,
        TokenRequest(
            "app", ttl=60, allows=(Need.CHAT,), scope_ceiling=Scope.MINIMAL, models=("m",)
        ),
        created_by="admin",
    )

    caller = await scene.accounts.authenticate(bearer(minted.token.reveal()))
    assert caller.token == minted.info
    assert minted.info.created_by == "admin"
    assert minted.info.expires == int(scene.clock.now()) + 60
    assert minted.info.last4 == minted.token.reveal()[-4:]
    assert await scene.tokens.list_tokens(user.id) == [minted.info]


async def test_a19_a_token_cannot_make_a_wider_one(store: RedisStore) -> None:
    scene = make_scene(store)
    user = await scene.users.create(NewUser())
    own = await scene.tokens.mint(
        user.id, TokenRequest("own", allows=(Need.CHAT, Need.ACCOUNT), scope_ceiling=Scope.MINIMAL)
    )

    for request in (
        TokenRequest("x", allows=(Need.CONTEXT_READ,)),
        TokenRequest("x", scope_ceiling=Scope.COMPREHENSIVE),
    ):
        with pytest.raises(NotAllowed):
            await scene.tokens.mint(user.id, request, minter=own.info)
    made = await scene.tokens.mint(user.id, TokenRequest("x"), minter=own.info)

    assert (made.info.allows, made.info.scope_ceiling) == ((Need.CHAT,), Scope.MINIMAL)
    assert len(await scene.tokens.list_tokens(user.id)) == 2


async def test_a17_nobody_can_revoke_or_see_a_token_of_somebody_else(store: RedisStore) -> None:
    scene = make_scene(store)
    alice, bob = [await scene.users.create(NewUser()) for _ in range(2)]
    minted = await scene.tokens.mint(alice.id, TokenRequest("app"))

    with pytest.raises(NotFound) as theirs:
        await scene.tokens.revoke(bob.id, minted.info.id)
    with pytest.raises(NotFound) as nobodys:
        await scene.tokens.revoke(bob.id, "t_" + "0" * 22)

    assert str(theirs.value) == str(nobodys.value)
    assert await scene.tokens.list_tokens(bob.id) == []
    await scene.accounts.authenticate(bearer(minted.token.reveal()))


async def test_revoking_says_what_it_was_and_works_once(store: RedisStore) -> None:
    scene = make_scene(store)
    user = await scene.users.create(NewUser())
    minted = await scene.tokens.mint(user.id, TokenRequest("app"))

    assert await scene.tokens.revoke(user.id, minted.info.id) == minted.info
    with pytest.raises(NotFound):
        await scene.tokens.revoke(user.id, minted.info.id)

    hashed = digest(PEPPER, minted.token.reveal())
    assert await store.run("EXISTS", names.token_index(hashed)) == 0


async def test_the_index_of_a_token_with_an_end_goes_away_by_itself(store: RedisStore) -> None:
    scene = make_scene(store)
    user = await scene.users.create(NewUser())
    ending = await scene.tokens.mint(user.id, TokenRequest("a", ttl=3600))
    lasting = await scene.tokens.mint(user.id, TokenRequest("b"))

    ttls = [
        await store.run("TTL", names.token_index(digest(PEPPER, minted.token.reveal())))
        for minted in (ending, lasting)
    ]

    assert 3600 < ttls[0] <= 3600 + 86_400
    assert ttls[1] == -1


async def test_a_user_has_a_bounded_number_of_tokens_and_expired_ones_make_room(
    store: RedisStore,
) -> None:
    scene = make_scene(store)
    user = await scene.users.create(NewUser())
    first = await scene.tokens.mint(user.id, TokenRequest("short", ttl=60))
    for number in range(99):
        await scene.tokens.mint(user.id, TokenRequest(f"app {number}"))
    with pytest.raises(Conflict) as caught:
        await scene.tokens.mint(user.id, TokenRequest("one too many"))
    assert caught.value.code == "too_many_tokens"

    scene.clock.pass_s(60)
    await scene.tokens.mint(user.id, TokenRequest("in its place"))

    listed = await scene.tokens.list_tokens(user.id)
    assert len(listed) == 100
    assert first.info.id not in {info.id for info in listed}
    with pytest.raises(AuthenticationFailed):
        await scene.accounts.authenticate(bearer(first.token.reveal()))


async def test_tokens_are_listed_oldest_first(store: RedisStore) -> None:
    scene = make_scene(store)
    user = await scene.users.create(NewUser())
    for name in ("c", "a", "b"):
        scene.clock.pass_s(1)
        await scene.tokens.mint(user.id, TokenRequest(name))

    assert [info.name for info in await scene.tokens.list_tokens(user.id)] == ["c", "a", "b"]


async def test_a_minted_token_does_not_show_itself(store: RedisStore) -> None:
    scene = make_scene(store)
    user = await scene.users.create(NewUser())

    minted = await scene.tokens.mint(user.id, TokenRequest("app"))

    assert minted.token.reveal() not in repr(minted)
