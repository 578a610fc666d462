"""Provider keys over a real store: saved, shown, opened for their audience, and never otherwise."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from gateway.errors import Conflict, InvalidRequest, NotFound, RecordIntegrity
from gateway.identity.account import StoredKey
from gateway.identity.changes import NewUser
from gateway.identity.key_settings import OWN_ENDPOINT
from gateway.identity.provider_keys import KeyChange
from gateway.store import names
from gateway.store.base import Argument, Script
from gateway.store.client import RedisStore
from tests.identity.scene import OFFER, Scene, WatchedStore, make_scene

SECRET = "sk-test-0123456789abcdefWXYZ"


async def make_user(scene: Scene) -> str:
    return (await scene.users.create(NewUser())).id


async def put(scene: Scene, user_id: str, name: str, change: KeyChange) -> None:
    await scene.keys.put(user_id, name, change, OFFER)


async def opened(scene: Scene, user_id: str, name: str) -> str:
    account = await scene.accounts.load(user_id)
    return scene.keys.open_key(account, name).secret.reveal()


def own(endpoint: str, **secret: str) -> KeyChange:
    return KeyChange(type=OWN_ENDPOINT, settings={"endpoint": endpoint}, **secret)


async def test_a_saved_key_opens_for_its_owner_and_shows_all_but_the_secret(
    store: RedisStore,
) -> None:
    scene = make_scene(store)
    user_id = await make_user(scene)

    info, created = await scene.keys.put(user_id, "openai", KeyChange(secret=SECRET), OFFER)

    assert created
    assert (info.name, info.type, info.audience) == ("openai", "openai", "openai")
    assert (info.last4, info.created) == ("WXYZ", int(scene.clock.now()))
    assert (info.last_used, info.health) == (None, "unknown")
    assert len(info.fingerprint) == 16
    assert await opened(scene, user_id, "openai") == SECRET
    assert await scene.keys.list_keys(user_id) == [info]
    assert (await scene.accounts.load(user_id)).view.keys == {"openai": info}


async def test_a_user_may_have_several_keys_and_own_endpoints(store: RedisStore) -> None:
    scene = make_scene(store)
    user_id = await make_user(scene)

    await put(scene, user_id, "work", KeyChange("openai", SECRET))
    await put(scene, user_id, "home", own("https://LLM.example/v1/", secret=SECRET + "2"))
    await put(scene, user_id, "other", own("https://llm.example:443/v2", secret=SECRET + "3"))

    listed = await scene.keys.list_keys(user_id)
    assert [(key.name, key.audience, dict(key.settings)) for key in listed] == [
        ("home", "https://llm.example:443", {"endpoint": "https://llm.example/v1"}),
        ("other", "https://llm.example:443", {"endpoint": "https://llm.example/v2"}),
        ("work", "openai", {}),
    ]
    assert await opened(scene, user_id, "home") == SECRET + "2"


async def test_a_fingerprint_tells_a_users_keys_apart_but_links_no_two_users(
    store: RedisStore,
) -> None:
    scene = make_scene(store)
    alice, bob = await make_user(scene), await make_user(scene)

    prints = []
    for user_id, secret in ((alice, SECRET), (alice, SECRET), (alice, SECRET + "2"), (bob, SECRET)):
        info, _ = await scene.keys.put(user_id, "openai", KeyChange(secret=secret), OFFER)
        prints.append(info.fingerprint)

    assert prints[0] == prints[1]
    assert len(set(prints)) == 3


async def test_a_first_save_needs_the_secret(store: RedisStore) -> None:
    scene = make_scene(store)
    user_id = await make_user(scene)

    with pytest.raises(InvalidRequest) as caught:
        await put(scene, user_id, "openai", KeyChange())

    assert (caught.value.code, caught.value.param) == ("secret_required", "secret")


async def test_b04_another_audience_needs_the_secret_again(store: RedisStore) -> None:
    """B-04."""
    scene = make_scene(store)
    user_id = await make_user(scene)
    await put(scene, user_id, "mine", own("https://llm.example/v1", secret=SECRET))

    for change in (
        own("https://evil.example/v1"),
        own("https://llm.example.evil.example/v1"),
        KeyChange("openai"),
    ):
        with pytest.raises(InvalidRequest) as caught:
            await put(scene, user_id, "mine", change)
        assert caught.value.code == "secret_required"
    assert await opened(scene, user_id, "mine") == SECRET

    await put(scene, user_id, "mine", own("https://evil.example/v1", secret=SECRET + "2"))
    assert await opened(scene, user_id, "mine") == SECRET + "2"


async def test_settings_change_alone_where_the_audience_stays(store: RedisStore) -> None:
    scene = make_scene(store)
    user_id = await make_user(scene)
    await put(scene, user_id, "mine", own("https://llm.example/v1", secret=SECRET))
    first = KeyChange("azure", SECRET, {"azure_resource": "res", "api_version": "v1"})
    await put(scene, user_id, "azure", first)

    await put(scene, user_id, "mine", own("https://LLM.example:443/v2"))
    again = KeyChange(settings={"azure_resource": "res", "azure_deployment": "d"})
    info, created = await scene.keys.put(user_id, "azure", again, OFFER)

    assert await opened(scene, user_id, "mine") == SECRET
    assert await opened(scene, user_id, "azure") == SECRET
    assert not created
    assert info.settings == {"azure_resource": "res", "azure_deployment": "d"}
    assert info.audience == "https://res.openai.azure.com:443"
    with pytest.raises(InvalidRequest) as caught:
        await put(scene, user_id, "azure", KeyChange(settings={"azure_resource": "other"}))
    assert caught.value.code == "secret_required"


@pytest.mark.parametrize(
    ("settings", "type_"),
    [
        ({"endpoint": "https://evil.example/v1"}, OWN_ENDPOINT),
        ({"endpoint": "nonsense"}, OWN_ENDPOINT),
        ({}, OWN_ENDPOINT),
        ({}, "openai"),
        ({"azure_resource": "evil"}, "azure"),
    ],
)
@pytest.mark.parametrize("with_audience", [False, True])
async def test_b04_a_key_repointed_in_the_store_does_not_open(
    store: RedisStore, settings: dict[str, str], type_: str, with_audience: bool
) -> None:
    """B-04."""
    scene = make_scene(store)
    user_id = await make_user(scene)
    await put(scene, user_id, "mine", own("https://llm.example/v1", secret=SECRET))
    table = names.user_keys(user_id)
    stored = msgspec.json.decode(await store.run("HGET", table, "mine"), type=StoredKey)
    info = msgspec.structs.replace(stored.info, settings=settings, type=type_)
    if with_audience:
        info = msgspec.structs.replace(info, audience="https://evil.example:443")
    await store.run("HSET", table, "mine", msgspec.json.encode(StoredKey(info, stored.sealed)))

    with pytest.raises(RecordIntegrity):
        await opened(scene, user_id, "mine")


async def test_b01_swapped_keys_fail_for_these_users_only(store: RedisStore) -> None:
    """B-01."""
    scene = make_scene(store)
    alice, bob, carol = [await make_user(scene) for _ in range(3)]
    for user_id in (alice, bob, carol):
        await put(scene, user_id, "openai", KeyChange(secret=SECRET))
    of_alice, of_bob = [
        await store.run("HGET", names.user_keys(user_id), "openai") for user_id in (alice, bob)
    ]

    await store.run("HSET", names.user_keys(alice), "openai", of_bob)
    await store.run("HSET", names.user_keys(bob), "openai", of_alice)

    for user_id in (alice, bob):
        with pytest.raises(RecordIntegrity) as caught:
            await opened(scene, user_id, "openai")
        assert SECRET not in str(caught.value)
    assert await opened(scene, carol, "openai") == SECRET


async def test_b02_two_swapped_keys_of_one_user_fail(store: RedisStore) -> None:
    """B-02."""
    scene = make_scene(store)
    user_id = await make_user(scene)
    for name in ("one", "two"):
        await put(scene, user_id, name, KeyChange("openai", SECRET + name))
    table = names.user_keys(user_id)
    one, two = await store.run("HMGET", table, "one", "two")

    await store.run("HSET", table, "one", two, "two", one)

    for name in ("one", "two"):
        with pytest.raises(RecordIntegrity):
            await opened(scene, user_id, name)


async def test_b03_a_moved_data_key_opens_nothing(store: RedisStore) -> None:
    """B-03. The user whose data key it was, and all others, are served as before."""
    scene = make_scene(store)
    alice, bob = await make_user(scene), await make_user(scene)
    await put(scene, bob, "openai", KeyChange(secret=SECRET))
    of_alice = await store.run("HGET", names.user_deks(alice), "1")

    await store.run("HSET", names.user_deks(bob), "1", of_alice)

    with pytest.raises(RecordIntegrity):
        await opened(scene, bob, "openai")
    with pytest.raises(RecordIntegrity):
        await put(scene, bob, "other", KeyChange("openai", SECRET))


async def test_a17_keys_are_found_under_their_owner_only(store: RedisStore) -> None:
    scene = make_scene(store)
    alice, bob = await make_user(scene), await make_user(scene)
    await put(scene, alice, "openai", KeyChange(secret=SECRET))

    assert await scene.keys.list_keys(bob) == []
    with pytest.raises(NotFound):
        await scene.keys.remove(bob, "openai")
    with pytest.raises(NotFound):
        await opened(scene, bob, "openai")
    assert await opened(scene, alice, "openai") == SECRET


async def test_a_removed_key_is_gone(store: RedisStore) -> None:
    scene = make_scene(store)
    user_id = await make_user(scene)
    await put(scene, user_id, "openai", KeyChange(secret=SECRET))
    await scene.keys.note_use(user_id, "openai", "ok")

    await scene.keys.remove(user_id, "openai")

    assert await scene.keys.list_keys(user_id) == []
    assert await store.run("EXISTS", names.user_key_marks(user_id)) == 0
    with pytest.raises(NotFound):
        await scene.keys.remove(user_id, "openai")


async def test_use_and_health_are_noted_coarsely_without_a_new_epoch(store: RedisStore) -> None:
    scene = make_scene(store)
    user_id = await make_user(scene)
    await put(scene, user_id, "openai", KeyChange(secret=SECRET))
    epoch = await scene.accounts.admit(user_id)
    used_at = int(scene.clock.now())
    scene.store.asked.clear()

    for _ in range(3):
        await scene.keys.note_use(user_id, "openai", "ok")
        scene.clock.pass_s(10)
    assert scene.store.asked == ["mark_key"]
    (info,) = await scene.keys.list_keys(user_id)
    assert (info.last_used, info.health) == (used_at, "ok")

    await scene.keys.note_use(user_id, "openai", "rejected")
    scene.clock.pass_s(3600)
    await scene.keys.note_use(user_id, "openai", "rejected")
    (info,) = await scene.keys.list_keys(user_id)
    assert (info.last_used, info.health) == (int(scene.clock.now()), "rejected")
    assert await scene.accounts.admit(user_id) == epoch


async def test_a_new_secret_has_no_history_and_a_lost_key_gets_none(store: RedisStore) -> None:
    scene = make_scene(store)
    user_id = await make_user(scene)
    await put(scene, user_id, "mine", own("https://llm.example/v1", secret=SECRET))
    await scene.keys.note_use(user_id, "mine", "rejected")
    first = (await scene.keys.list_keys(user_id))[0]

    await put(scene, user_id, "mine", own("https://llm.example/v2"))
    assert (await scene.keys.list_keys(user_id))[0].health == "rejected"
    scene.clock.pass_s(5)
    await put(scene, user_id, "mine", own("https://llm.example/v2", secret=SECRET + "2"))
    renewed = (await scene.keys.list_keys(user_id))[0]
    assert (renewed.health, renewed.last_used) == ("unknown", None)
    assert renewed.created == first.created

    await scene.keys.note_use(user_id, "never-there", "ok")
    assert await store.run("HKEYS", names.user_key_marks(user_id)) == []


async def test_saves_at_once_leave_one_whole_key(store: RedisStore) -> None:
    workers = [make_scene(store) for _ in range(3)]
    user_id = await make_user(workers[0])

    await asyncio.gather(
        *(
            put(w, user_id, "openai", KeyChange(secret=f"{SECRET}{n}"))
            for n, w in enumerate(workers)
        )
    )

    found = await opened(workers[0], user_id, "openai")
    assert found in {f"{SECRET}{n}" for n in range(3)}
    (info,) = await workers[0].keys.list_keys(user_id)
    assert info.last4 == found[-4:]


async def test_settings_that_raced_with_a_new_secret_do_not_bring_the_old_one_back(
    store: RedisStore,
) -> None:
    scene = make_scene(store)
    user_id = await make_user(scene)
    await put(scene, user_id, "mine", own("https://llm.example/v1", secret=SECRET))

    class Interrupted(WatchedStore):
        """Another worker saves a new secret between our reading and our writing."""

        waiting = True

        async def script(
            self, script: Script, keys: Sequence[str], args: Sequence[Argument]
        ) -> Any:
            if self.waiting:
                self.waiting = False
                await put(
                    scene, user_id, "mine", own("https://llm.example/v1", secret=SECRET + "2")
                )
            return await super().script(script, keys, args)

    late = make_scene(Interrupted(store))
    await put(late, user_id, "mine", own("https://llm.example/v2"))

    assert await opened(scene, user_id, "mine") == SECRET + "2"
    (info,) = await scene.keys.list_keys(user_id)
    assert info.settings == {"endpoint": "https://llm.example/v2"}


async def test_a_user_has_a_bounded_number_of_keys(store: RedisStore) -> None:
    scene = make_scene(store)
    user_id = await make_user(scene)
    for number in range(50):
        await put(scene, user_id, f"k{number}", KeyChange("openai", SECRET))

    with pytest.raises(Conflict) as caught:
        await put(scene, user_id, "k50", KeyChange("openai", SECRET))
    await put(scene, user_id, "k49", KeyChange("openai", SECRET + "2"))

    assert caught.value.code == "too_many_keys"


@pytest.mark.parametrize(
    "name", ["", "Work", "a/b", "-a", "a b", "a" * 49, "..", "é", "a\n", "a\x00", "{a}"]
)
async def test_a_name_is_a_short_plain_word(store: RedisStore, name: str) -> None:
    scene = make_scene(store)
    user_id = await make_user(scene)

    with pytest.raises(InvalidRequest) as caught:
        await put(scene, user_id, name, KeyChange("openai", SECRET))

    assert caught.value.param == "name"


async def test_a_bad_secret_is_refused_when_saved_and_never_written(store: RedisStore) -> None:
    scene = make_scene(store)
    user_id = await make_user(scene)

    with pytest.raises(InvalidRequest) as caught:
        await put(scene, user_id, "openai", KeyChange(secret=SECRET + "\n"))

    assert caught.value.code == "invalid_key_format"
    assert SECRET not in repr(caught.value)
    assert await scene.keys.list_keys(user_id) == []


def test_a_change_does_not_show_its_secret() -> None:
    assert SECRET not in repr(KeyChange(secret=SECRET))
