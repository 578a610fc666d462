"""Authentication over a real store: what is looked up, what is remembered, what is refused."""

import os

import pytest

from gateway.errors import AuthenticationFailed, NotFound, RecordIntegrity, StoreAway
from gateway.identity.changes import NewUser, UserChange
from gateway.identity.minting import TokenRequest
from gateway.identity.tokens import TokenKind, digest, mint
from gateway.identity.user_tokens import UserTokens
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.types.account import DEFAULT_ALLOWS
from tests.identity.scene import PEPPER, ManualClock, Scene, bearer, ending_in, make_scene


async def user_with_token(scene: Scene, **request: object) -> tuple[str, str, str]:
    """Return a new user's id, their token, and the token's id."""
    user = await scene.users.create(NewUser())
    minted = await scene.tokens.mint(user.id, TokenRequest("app", **request))  # type: ignore[arg-type]
    return user.id, minted.token.reveal(), minted.info.id


async def test_a_token_authenticates_its_user(store: RedisStore) -> None:
    scene = make_scene(store)
    user_id, token, token_id = await user_with_token(scene)

    caller = await scene.accounts.authenticate(f"bEARER {token}")

    assert caller.user_id == user_id == caller.account.record.id
    assert (caller.token.id, caller.token.allows) == (token_id, DEFAULT_ALLOWS)
    assert caller.account.data_keys.current == 1
    assert caller.account.view.record == caller.account.record
    assert repr(caller.account) == f"Account({user_id}, epoch={caller.account.epoch})"


async def test_a_known_caller_costs_one_look_up(store: RedisStore) -> None:
    scene = make_scene(store)
    _, token, _ = await user_with_token(scene)
    await scene.accounts.authenticate(bearer(token))
    scene.store.asked.clear()

    await scene.accounts.authenticate(bearer(token))

    assert scene.store.asked == ["admission"]


async def test_a02_junk_never_reaches_the_store(store: RedisStore) -> None:
    scene = make_scene(store)
    good = mint(TokenKind.USER, os.urandom).reveal()
    last = "0" if good[-1] != "0" else "1"
    headers = [
        None,
        "",
        "Basic Og==",
        bearer(good[:-1] + last),
        bearer("sk-123"),
        f"Bearer  {good}",
    ]

    for header in headers:
        with pytest.raises(AuthenticationFailed):
            await scene.accounts.authenticate(header)
        with pytest.raises(AuthenticationFailed):
            await scene.admins.authenticate(header)
    for _ in range(1000):
        wrong = mint(TokenKind.USER, os.urandom).reveal()[:-6] + "000000"
        with pytest.raises(AuthenticationFailed):
            await scene.accounts.authenticate(bearer(wrong))

    assert scene.store.asked == []


async def test_a03_an_unknown_token_fails_alike_and_is_remembered_for_a_moment(
    store: RedisStore,
) -> None:
    scene = make_scene(store)
    unknown = bearer(mint(TokenKind.USER, os.urandom).reveal())

    errors = set()
    for header in (unknown, unknown, bearer("junk")):
        with pytest.raises(AuthenticationFailed) as caught:
            await scene.accounts.authenticate(header)
        errors.add((caught.value.message, caught.value.code, caught.value.param))
    assert len(errors) == 1
    assert scene.store.asked == ["GET"]

    scene.clock.pass_s(6)
    with pytest.raises(AuthenticationFailed):
        await scene.accounts.authenticate(unknown)
    assert scene.store.asked == ["GET", "GET"]


async def test_a03_what_is_remembered_of_unknown_tokens_is_bounded(store: RedisStore) -> None:
    scene = make_scene(store)
    first = bearer(mint(TokenKind.USER, os.urandom).reveal())

    for header in [
        first,
        *(bearer(mint(TokenKind.USER, os.urandom).reveal()) for _ in range(1024)),
    ]:
        with pytest.raises(AuthenticationFailed):
            await scene.accounts.authenticate(header)
    scene.store.asked.clear()
    with pytest.raises(AuthenticationFailed):
        await scene.accounts.authenticate(first)

    assert scene.store.asked == ["GET"]


async def test_a09_a_revoked_token_fails_on_the_next_request_of_every_worker(
    store: RedisStore,
) -> None:
    one, two = make_scene(store), make_scene(store)
    user_id, token, token_id = await user_with_token(one)
    other = await one.tokens.mint(user_id, TokenRequest("other"))
    for scene in (one, two):
        await scene.accounts.authenticate(bearer(token))

    await one.tokens.revoke(user_id, token_id)

    for scene in (one, two):
        for _ in range(100):
            with pytest.raises(AuthenticationFailed):
                await scene.accounts.authenticate(bearer(token))
        await scene.accounts.authenticate(bearer(other.token.reveal()))


async def test_a09_a_token_whose_index_outlived_it_fails_too(store: RedisStore) -> None:
    """The revocation was cut short between its two steps: the user's own slot decides."""
    scene = make_scene(store)
    user_id, token, token_id = await user_with_token(scene)
    await scene.tokens.revoke(user_id, token_id)
    await store.run("SET", names.token_index(digest(PEPPER, token)), f"{user_id} {token_id}")

    with pytest.raises(AuthenticationFailed):
        await scene.accounts.authenticate(bearer(token))


async def test_a10_expiry_goes_by_the_wall_clock_also_for_a_held_account(store: RedisStore) -> None:
    scene = make_scene(store)
    _, token, _ = await user_with_token(scene, ttl=100)

    scene.clock.wall += 99
    await scene.accounts.authenticate(bearer(token))
    scene.clock.wall += 1
    with pytest.raises(AuthenticationFailed):
        await scene.accounts.authenticate(bearer(token))


async def test_a10_a_clock_set_back_lengthens_no_memory(store: RedisStore) -> None:
    """Memory goes by monotonic time: an hour back does not make an old account trusted."""
    scene = make_scene(store, trust_cached_s=60)
    _, token, _ = await user_with_token(scene)
    await scene.accounts.authenticate(bearer(token))

    scene.clock.wall -= 3600
    scene.clock.steady += 61
    scene.store.away = True

    with pytest.raises(StoreAway):
        await scene.accounts.authenticate(bearer(token))


async def test_a11_each_token_is_itself_however_alike_two_look(store: RedisStore) -> None:
    scene = make_scene(store)
    callers = {}
    for end in range(5):
        alike = UserTokens(store, PEPPER, scene.clock, ending_in(bytes((end,))))
        user = await scene.users.create(NewUser())
        minted = await alike.mint(user.id, TokenRequest("app"))
        callers[minted.token.reveal()] = user.id
    assert len({token[:40] for token in callers}) == 1

    for _ in range(2):
        for token, user_id in callers.items():
            assert (await scene.accounts.authenticate(bearer(token))).user_id == user_id


async def test_a_disabled_user_fails_at_once_and_an_enabled_one_returns(store: RedisStore) -> None:
    one, two = make_scene(store), make_scene(store)
    user_id, token, _ = await user_with_token(one)
    await two.accounts.authenticate(bearer(token))

    await one.users.change(user_id, UserChange(disabled=True))
    with pytest.raises(AuthenticationFailed):
        await two.accounts.authenticate(bearer(token))
    assert two.accounts.recall(bearer(token)) is None

    await one.users.change(user_id, UserChange(disabled=False))
    assert (await two.accounts.authenticate(bearer(token))).user_id == user_id


async def test_a_removed_user_fails_at_once_in_every_worker(store: RedisStore) -> None:
    one, two = make_scene(store), make_scene(store)
    user_id, token, _ = await user_with_token(one)
    for scene in (one, two):
        await scene.accounts.authenticate(bearer(token))

    await one.users.remove(user_id)

    for scene in (one, two):
        with pytest.raises(AuthenticationFailed):
            await scene.accounts.authenticate(bearer(token))


async def test_an_admins_token_is_no_users_token_and_the_other_way_round(store: RedisStore) -> None:
    scene = make_scene(store)
    _, token, _ = await user_with_token(scene)
    admin = await scene.admins.mint(TokenRequest("root"))

    with pytest.raises(AuthenticationFailed):
        await scene.accounts.authenticate(bearer(admin.token.reveal()))
    with pytest.raises(AuthenticationFailed):
        await scene.admins.authenticate(bearer(token))


async def test_a_token_filed_under_another_user_is_not_theirs(store: RedisStore) -> None:
    """Somebody who can write to the store moves a token's index, or the token, to another user."""
    scene = make_scene(store)
    alice, token, token_id = await user_with_token(scene)
    bob, _, bobs_id = await user_with_token(scene)
    index = names.token_index(digest(PEPPER, token))

    await store.run("SET", index, f"{bob} {bobs_id}")
    with pytest.raises(AuthenticationFailed):
        await scene.accounts.authenticate(bearer(token))
    stored = await store.run("HGET", names.user_tokens(alice), token_id)
    await store.run("HSET", names.user_tokens(bob), token_id, stored)
    await store.run("SET", index, f"{bob} {token_id}")
    with pytest.raises(AuthenticationFailed):
        await make_scene(store).accounts.authenticate(bearer(token))


@pytest.mark.parametrize("value", [b"", b"nonsense", b"u_short t_1", b"\xff\xfe x", b"*"])
async def test_a_spoilt_index_entry_leads_nowhere(store: RedisStore, value: bytes) -> None:
    scene = make_scene(store)
    _, token, _ = await user_with_token(scene)
    await store.run("SET", names.token_index(digest(PEPPER, token)), value)

    with pytest.raises(AuthenticationFailed):
        await scene.accounts.authenticate(bearer(token))


async def test_a_spoilt_account_fails_for_its_user_only(store: RedisStore) -> None:
    scene = make_scene(store)
    alice, alices_token, _ = await user_with_token(scene)
    _, bobs_token, _ = await user_with_token(scene)
    await store.run("HSET", names.user(alice), "record", b"{broken")

    with pytest.raises(RecordIntegrity):
        await scene.accounts.authenticate(bearer(alices_token))
    await scene.accounts.authenticate(bearer(bobs_token))


async def test_a_record_of_somebody_else_is_not_used(store: RedisStore) -> None:
    scene = make_scene(store)
    alice, alices_token, _ = await user_with_token(scene)
    bob, _, _ = await user_with_token(scene)
    record = await store.run("HGET", names.user(bob), "record")
    await store.run("HSET", names.user(alice), "record", record)

    with pytest.raises(RecordIntegrity):
        await scene.accounts.authenticate(bearer(alices_token))


async def test_while_the_store_is_away_a_recently_confirmed_account_is_used(
    store: RedisStore,
) -> None:
    scene = make_scene(store, trust_cached_s=60)
    _, token, _ = await user_with_token(scene)
    _, stranger, _ = await user_with_token(scene)
    await scene.accounts.authenticate(bearer(token))
    scene.store.away = True

    scene.clock.pass_s(60)
    await scene.accounts.authenticate(bearer(token))
    scene.clock.pass_s(1)
    with pytest.raises(StoreAway):
        await scene.accounts.authenticate(bearer(token))
    with pytest.raises(StoreAway):
        await scene.accounts.authenticate(bearer(stranger))


async def test_trust_counts_from_the_last_confirmation_not_the_first(store: RedisStore) -> None:
    scene = make_scene(store, trust_cached_s=60)
    _, token, _ = await user_with_token(scene)
    await scene.accounts.authenticate(bearer(token))
    scene.clock.pass_s(50)
    await scene.accounts.authenticate(bearer(token))

    scene.store.away = True
    scene.clock.pass_s(50)

    await scene.accounts.authenticate(bearer(token))


async def test_a_token_that_ends_while_the_store_is_away_ends(store: RedisStore) -> None:
    scene = make_scene(store, trust_cached_s=60)
    _, token, _ = await user_with_token(scene, ttl=30)
    await scene.accounts.authenticate(bearer(token))

    scene.store.away = True
    scene.clock.pass_s(30)

    with pytest.raises(AuthenticationFailed):
        await scene.accounts.authenticate(bearer(token))


async def test_memory_is_bounded_and_what_it_dropped_is_read_again(store: RedisStore) -> None:
    scene = make_scene(store, most_accounts=2, most_tokens=3)
    tokens = [(await user_with_token(scene))[1] for _ in range(5)]
    for token in tokens:
        await scene.accounts.authenticate(bearer(token))

    asked = []
    for token in (tokens[4], tokens[3], tokens[2], tokens[0]):
        scene.store.asked.clear()
        await scene.accounts.authenticate(bearer(token))
        asked.append(scene.store.asked.copy())

    load = "HMGET+HGETALL+HGETALL+HGETALL"
    assert asked == [
        ["admission"], ["admission"], ["admission", load], ["GET", "admission", load],
    ]  # fmt: skip


async def test_recall_knows_without_io_and_confirm_settles_it(store: RedisStore) -> None:
    one, two = make_scene(store), make_scene(store)
    user_id, token, _ = await user_with_token(one)
    assert two.accounts.recall(bearer(token)) is None
    await two.accounts.authenticate(bearer(token))
    two.store.asked.clear()

    recalled = two.accounts.recall(bearer(token))
    assert recalled is not None
    assert two.store.asked == []

    same = await two.accounts.confirm(recalled, await two.accounts.admit(user_id))
    assert same.account is recalled.account
    await one.users.change(user_id, UserChange(name="Ann"))
    newer = await two.accounts.confirm(recalled, await two.accounts.admit(user_id))
    assert newer.account.record.name == "Ann"
    with pytest.raises(AuthenticationFailed):
        two.accounts.recall(bearer("junk"))


async def test_load_reads_a_user_as_of_now(store: RedisStore) -> None:
    scene = make_scene(store)
    user_id, _, token_id = await user_with_token(scene)

    assert set((await scene.accounts.load(user_id)).tokens) == {token_id}
    for nobody in ("u_" + "0" * 22, "*", ""):
        with pytest.raises(NotFound):
            await scene.accounts.load(nobody)


async def test_two_clocks_of_two_workers_do_not_matter_to_epochs(store: RedisStore) -> None:
    one, two = make_scene(store), make_scene(store, ManualClock(now=1.0))
    user_id, token, _ = await user_with_token(one)
    before = (await one.accounts.authenticate(bearer(token))).account.epoch

    await two.users.change(user_id, UserChange(name="Ann"))

    assert (await one.accounts.authenticate(bearer(token))).account.epoch > before
