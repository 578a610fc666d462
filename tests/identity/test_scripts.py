"""Every change of a user raises the epoch in the same step; what is no change does not."""

from collections.abc import Awaitable, Callable

import pytest

from gateway.identity.changes import NewUser, OwnChange, UserChange
from gateway.identity.minting import TokenRequest
from gateway.identity.provider_keys import KeyChange
from gateway.store import names
from gateway.store.client import RedisStore
from tests.identity.scene import OFFER, Scene, make_scene

SECRET = "sk-test-0123456789abcdefWXYZ"
Change = Callable[[Scene, str, str], Awaitable[object]]

MUTATORS: dict[str, Change] = {
    "mint a token": lambda s, uid, _: s.tokens.mint(uid, TokenRequest("x")),
    "revoke a token": lambda s, uid, tid: s.tokens.revoke(uid, tid),
    "save a key": lambda s, uid, _: s.keys.put(uid, "openai", KeyChange(secret=SECRET), OFFER),
    "replace a secret": lambda s, uid, _: s.keys.put(
        uid, "azure", KeyChange(secret=SECRET + "2", settings={"azure_resource": "res"}), OFFER
    ),
    "change settings": lambda s, uid, _: s.keys.put(
        uid, "azure", KeyChange(settings={"azure_resource": "res", "api_version": "v1"}), OFFER
    ),
    "remove a key": lambda s, uid, _: s.keys.remove(uid, "azure"),
    "change preferences": lambda s, uid, _: s.users.change(uid, OwnChange({"default_model": "m"})),
    "disable": lambda s, uid, _: s.users.change(uid, UserChange(disabled=True)),
    "set a ceiling": lambda s, uid, _: s.users.change(uid, UserChange(platform_keys=False)),
    "put by external id": lambda s, uid, _: s.users.put_by_external_id("42", UserChange(name="x")),
}
READERS: dict[str, Change] = {
    "read the user": lambda s, uid, _: s.users.get(uid),
    "find the user": lambda s, uid, _: s.users.find("42"),
    "list tokens": lambda s, uid, _: s.tokens.list_tokens(uid),
    "list keys": lambda s, uid, _: s.keys.list_keys(uid),
    "load": lambda s, uid, _: s.accounts.load(uid),
    "admit": lambda s, uid, _: s.accounts.admit(uid),
    "note use": lambda s, uid, _: s.keys.note_use(uid, "azure", "ok"),
    "change nothing": lambda s, uid, _: s.users.change(uid, UserChange(disabled=False)),
}


async def furnish(scene: Scene) -> tuple[str, str]:
    user = await scene.users.create(NewUser(external_id="42"))
    minted = await scene.tokens.mint(user.id, TokenRequest("app"))
    change = KeyChange(secret=SECRET, settings={"azure_resource": "res"})
    await scene.keys.put(user.id, "azure", change, OFFER)
    return user.id, minted.info.id


async def epoch_of(scene: Scene, user_id: str) -> int:
    epoch = await scene.accounts.admit(user_id)
    assert epoch is not None
    return epoch


@pytest.mark.parametrize("change", MUTATORS.values(), ids=MUTATORS)
async def test_a_change_raises_the_epoch(store: RedisStore, change: Change) -> None:
    scene = make_scene(store)
    user_id, token_id = await furnish(scene)
    before = await epoch_of(scene, user_id)

    await change(scene, user_id, token_id)

    assert await epoch_of(scene, user_id) > before


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
async def test_reading_leaves_the_epoch(store: RedisStore, read: Change) -> None:
    scene = make_scene(store)
    user_id, token_id = await furnish(scene)
    before = await epoch_of(scene, user_id)

    await read(scene, user_id, token_id)

    assert await epoch_of(scene, user_id) == before


async def test_removal_ends_the_epoch_for_good(store: RedisStore) -> None:
    scene = make_scene(store)
    user_id, _ = await furnish(scene)

    await scene.users.remove(user_id)

    assert await scene.accounts.admit(user_id) is None


async def test_every_method_that_writes_is_in_the_table() -> None:
    """A new public method must be put on one side or the other."""
    scene_parts = ("users", "tokens", "keys")
    public = {
        f"{part}.{name}"
        for part in scene_parts
        for name in dir(Scene.__annotations__[part])
        if not name.startswith("_")
    }

    assert public == {
        "users.create", "users.put_by_external_id", "users.get", "users.find", "users.change",
        "users.remove", "users.finish_removal", "tokens.mint", "tokens.list_tokens", "tokens.revoke", "keys.put",
        "keys.list_keys", "keys.remove", "keys.open_key", "keys.note_use",
    }  # fmt: skip


async def test_a_store_that_lost_its_tail_never_returns_to_an_epoch_with_other_content(
    store: RedisStore,
) -> None:
    """A worker holds what a crash took back; the next change must not look like that."""
    scene = make_scene(store)
    user_id, _ = await furnish(scene)
    record, old_epoch = await store.run("HMGET", names.user(user_id), "record", "epoch")
    await scene.users.change(user_id, UserChange(name="lost"))
    held = await epoch_of(scene, user_id)

    await store.run("HSET", names.user(user_id), "record", record, "epoch", old_epoch)
    await scene.users.change(user_id, UserChange(name="kept"))

    assert await epoch_of(scene, user_id) != held


async def test_an_epoch_from_a_clock_that_ran_ahead_still_rises(store: RedisStore) -> None:
    scene = make_scene(store)
    user_id, _ = await furnish(scene)
    await store.run("HSET", names.user(user_id), "epoch", 2**52)

    await scene.users.change(user_id, UserChange(name="x"))

    assert await epoch_of(scene, user_id) == 2**52 + 1


async def test_a_change_by_counting_raises_it_too(store: RedisStore) -> None:
    """Other parts may raise it with HINCRBY: the value stays a plain integer."""
    scene = make_scene(store)
    user_id, _ = await furnish(scene)
    before = await epoch_of(scene, user_id)

    assert await store.run("HINCRBY", names.user(user_id), "epoch", 1) == before + 1
