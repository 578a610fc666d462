"""Users over a real store."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.errors import Conflict, InvalidRequest, NotFound, RecordIntegrity
from gateway.identity.changes import NewUser, OwnChange, UserChange
from gateway.identity.minting import TokenRequest
from gateway.identity.provider_keys import KeyChange
from gateway.identity.removal import Destroyed
from gateway.store import names
from gateway.store.base import Argument, Script
from gateway.store.client import RedisStore
from gateway.types.account import Preferences
from tests.identity.scene import OFFER, WatchedStore, make_scene

NOBODY = "u_" + "0" * 22


async def test_a_new_user_has_an_id_a_record_and_a_data_key(store: RedisStore) -> None:
    scene = make_scene(store)

    user = await scene.users.create(
        NewUser(external_id="42", name="Ann", preferences={"provider": "openai"}), ["openai"]
    )

    assert user == await scene.users.get(user.id) == await scene.users.find("42")
    assert (user.name, user.created) == ("Ann", int(scene.clock.now()))
    assert user.preferences == Preferences(provider="openai")
    assert await store.run("HKEYS", names.user_deks(user.id)) == [b"1"]


async def test_an_external_id_belongs_to_one_user(store: RedisStore) -> None:
    scene = make_scene(store)
    await scene.users.create(NewUser(external_id="42"))

    with pytest.raises(Conflict) as caught:
        await scene.users.create(NewUser(external_id="42"))

    assert caught.value.param == "external_id"
    assert len((await scene.users.index.page()).users) == 1


async def test_put_by_external_id_creates_then_changes_and_is_idempotent(store: RedisStore) -> None:
    scene = make_scene(store)

    first, created = await scene.users.put_by_external_id("42", UserChange(name="Ann"))
    again, created_again = await scene.users.put_by_external_id("42", UserChange(name="Ann"))
    epoch = await scene.accounts.admit(first.id)
    renamed, _ = await scene.users.put_by_external_id("42", UserChange(name="Bea"))
    kept, _ = await scene.users.put_by_external_id("42", UserChange(metadata={"a": 1}))

    assert (created, created_again) == (True, False)
    assert first == again
    assert renamed.id == first.id
    assert (kept.name, kept.metadata, kept.external_id) == ("Bea", {"a": 1}, "42")
    assert epoch is not None
    assert (await scene.accounts.admit(first.id) or 0) > epoch


async def test_an_unchanged_put_writes_nothing(store: RedisStore) -> None:
    scene = make_scene(store)
    user, _ = await scene.users.put_by_external_id("42", UserChange(name="Ann"))
    epoch = await scene.accounts.admit(user.id)

    await scene.users.put_by_external_id("42", UserChange(name="Ann"))

    assert await scene.accounts.admit(user.id) == epoch


async def test_puts_of_one_external_id_at_once_make_one_user(store: RedisStore) -> None:
    workers = [make_scene(store) for _ in range(4)]

    results = await asyncio.gather(
        *(
            worker.users.put_by_external_id("42", UserChange(metadata={f"k{n}": n}))
            for n in range(8)
            for worker in workers
        )
    )

    assert len({user.id for user, _ in results}) == 1
    assert sum(created for _, created in results) == 1
    page = await workers[0].users.index.page()
    assert [user.id for user in page.users] == [results[0][0].id]
    assert await store.run("ZCARD", names.users()) == 1
    assert await store.run("ZCARD", names.external_ids()) == 1


async def test_changes_at_once_lose_nothing(store: RedisStore) -> None:
    one, two = make_scene(store), make_scene(store)
    user = await one.users.create(NewUser())

    await asyncio.gather(
        one.users.change(user.id, UserChange(name="Ann")),
        two.users.change(user.id, UserChange(metadata={"a": 1})),
        one.users.change(user.id, OwnChange({"timezone": "Europe/Berlin"})),
        two.users.change(user.id, OwnChange({"default_model": "m"})),
    )

    merged = await one.users.get(user.id)
    assert (merged.name, merged.metadata) == ("Ann", {"a": 1})
    assert merged.preferences == Preferences(timezone="Europe/Berlin", default_model="m")


async def test_a_preference_may_name_a_key_of_the_user_or_a_configured_provider(
    store: RedisStore,
) -> None:
    scene = make_scene(store)
    user = await scene.users.create(NewUser(external_id="42"))
    change = OwnChange({"provider": "work"})
    with pytest.raises(InvalidRequest):
        await scene.users.change(user.id, change, ["openai"])

    await scene.keys.put(user.id, "work", KeyChange("openai", "sk-0123456789abcdef"), OFFER)

    assert (await scene.users.change(user.id, change)).preferences.provider == "work"
    patch = UserChange(preferences={"provider": "work"})
    again, created = await scene.users.put_by_external_id("42", patch)
    assert (again.preferences.provider, created) == ("work", False)


@pytest.mark.parametrize("user_id", [NOBODY, "", "*", "u_}{", "../x", "u_" + "é" * 22])
async def test_nobody_is_not_found(store: RedisStore, user_id: str) -> None:
    scene = make_scene(store)

    for attempt in (
        scene.users.get(user_id),
        scene.users.change(user_id, UserChange(name="x")),
        scene.users.remove(user_id),
        scene.tokens.list_tokens(user_id),
        scene.tokens.mint(user_id, TokenRequest("x")),
        scene.tokens.revoke(user_id, "t_1"),
        scene.keys.list_keys(user_id),
        scene.keys.put(user_id, "openai", KeyChange(secret="sk-1"), OFFER),
        scene.keys.remove(user_id, "openai"),
    ):
        with pytest.raises(NotFound):
            await attempt
    with pytest.raises(NotFound):
        await scene.users.find("nobody")
    assert await store.run("KEYS", "*") == []


async def test_a_removed_user_leaves_what_was_booked_and_a_mark_that_counts_what_was(
    store: RedisStore,
) -> None:
    scene = make_scene(store)
    user = await scene.users.create(NewUser(external_id="42", name="Ann"))
    other = await scene.users.create(NewUser(external_id="43"))
    await scene.tokens.mint(user.id, TokenRequest("app"))
    await scene.keys.put(user.id, "openai", KeyChange(secret="sk-0123456789abcdef"), OFFER)
    await scene.keys.note_use(user.id, "openai", "ok")
    await store.run("HSET", names.context(user.id, "entries"), "1", "sealed", "2", "sealed")
    await store.run("ZADD", names.context_days(user.id, "entries"), 1, "1", 2, "2")
    await store.run("SET", names.usage_request(user.id, "req_1"), "row")
    others_keys = set(await store.run("KEYS", f"*{other.id}*"))

    removed = await scene.users.remove(user.id, kinds=["entries", "habits"], receipt="er_1")

    assert removed.destroyed == Destroyed(1, 1, 1, {"entries": 2})
    assert (removed.at, removed.receipt) == (int(scene.clock.now()), "er_1")
    everything = set(await store.run("KEYS", "*"))
    shared = {names.users(), names.external_ids(), names.external_id("43")}
    assert everything == others_keys | {name.encode() for name in shared} | {
        names.user_gone(user.id).encode(),
        names.usage_request(user.id, "req_1").encode(),
    }
    mark = await store.run("GET", names.user_gone(user.id))
    assert b"42" not in mark
    assert await scene.users.finish_removal(user.id) == replace(
        removed, external_id=None, digests=""
    )
    assert [left.id for left in (await scene.users.index.page()).users] == [other.id]
    for lost in (scene.users.get(user.id), scene.users.find("42"), scene.users.remove(user.id)):
        with pytest.raises(NotFound):
            await lost


async def test_the_data_keys_and_tokens_go_first_and_together(store: RedisStore) -> None:
    """A removal that is cut short right after its first step has destroyed what matters."""
    scene = make_scene(store)
    user = await scene.users.create(NewUser(external_id="42"))
    await scene.tokens.mint(user.id, TokenRequest("app"))

    class CutShort(WatchedStore):
        async def run(self, *command: object) -> object:
            raise ConnectionError("the process died here")

    dying = make_scene(CutShort(store))
    with pytest.raises(ConnectionError):
        await dying.users.remove(user.id)

    assert await store.run("KEYS", f"*{{u:{user.id}}}*") == [names.user_gone(user.id).encode()]
    assert await store.run("EXISTS", names.external_id("42"))
    assert len(await store.run("KEYS", names.token_index("*"))) == 1

    assert await scene.users.finish_removal(user.id)  # whoever finds it, later

    assert await store.run("KEYS", "*") == [names.user_gone(user.id).encode()]
    assert (await scene.users.index.page()).users == []
    with pytest.raises(NotFound):
        await scene.users.find("42")


async def test_what_is_written_while_a_user_is_removed_comes_too_late(store: RedisStore) -> None:
    """The removal happens between reading and writing: nothing may outlive it."""
    scene = make_scene(store)

    class Interrupted(WatchedStore):
        user_id = ""

        async def script(
            self, script: Script, keys: Sequence[str], args: Sequence[Argument]
        ) -> Any:
            await scene.users.remove(self.user_id)
            return await super().script(script, keys, args)

    interrupted = Interrupted(store)
    late = make_scene(interrupted)
    writes: list[Callable[[str], Awaitable[object]]] = [
        lambda uid: late.tokens.mint(uid, TokenRequest("x")),
        lambda uid: late.keys.put(uid, "openai", KeyChange(secret="sk-0123456789abcdef"), OFFER),
        lambda uid: late.users.change(uid, UserChange(name="x")),
    ]
    for write in writes:
        interrupted.user_id = (await scene.users.create(NewUser())).id
        with pytest.raises(NotFound):
            await write(interrupted.user_id)
        left = await store.run("KEYS", names.everything_of(interrupted.user_id))
        assert left == [names.user_gone(interrupted.user_id).encode()]


async def test_an_external_id_whose_user_was_half_removed_gets_a_new_user(
    store: RedisStore,
) -> None:
    scene = make_scene(store)
    user = await scene.users.create(NewUser(external_id="42"))
    claim = await store.run("GET", names.external_id("42"))
    await scene.users.remove(user.id)
    await store.run("SET", names.external_id("42"), claim)

    fresh, created = await scene.users.put_by_external_id("42", UserChange())
    await scene.users.remove(fresh.id)
    await store.run("SET", names.external_id("42"), claim)
    newest = await scene.users.create(NewUser(external_id="42"))

    assert created
    assert len({user.id, fresh.id, newest.id}) == 3
    assert [found.id for found in (await scene.users.index.page()).users] == [newest.id]
    assert [u.id for u in (await scene.users.index.page(prefix="4")).users] == [newest.id]


async def test_a_name_that_was_claimed_by_a_process_that_died_is_used(store: RedisStore) -> None:
    scene = make_scene(store)
    await store.run("SET", names.external_id("42"), f"{NOBODY} 1700000000")

    user, created = await scene.users.put_by_external_id("42", UserChange(name="Ann"))

    assert created
    assert (user.id, user.created) == (NOBODY, 1_700_000_000)


async def test_users_are_listed_oldest_first_page_by_page(store: RedisStore) -> None:
    scene = make_scene(store)
    made = []
    for number in range(7):
        scene.clock.pass_s(number % 2)
        made.append(await scene.users.create(NewUser(external_id=f"ext-{number}")))

    seen, cursor = [], None
    for _ in range(4):
        page = await scene.users.index.page(cursor, limit=2)
        seen += page.users
        cursor = page.next_cursor
        if cursor is None:
            break

    assert sorted(made, key=lambda user: (user.created, user.id)) == seen
    assert cursor is None


async def test_a_page_survives_a_removal_between_two_reads(store: RedisStore) -> None:
    scene = make_scene(store)
    for number in range(4):
        scene.clock.pass_s(1)
        await scene.users.create(NewUser(name=str(number)))
    first = await scene.users.index.page(limit=2)

    await scene.users.remove(first.users[1].id)
    rest = await scene.users.index.page(first.next_cursor, limit=2)

    assert [user.name for user in rest.users] == ["2", "3"]


async def test_a21_search_takes_a_prefix_of_external_ids_as_it_stands(store: RedisStore) -> None:
    scene = make_scene(store)
    externals = ["a", "ab", "abc", "a%", "a_", "a*", "b", "A", "[a", "ab日", "{u:x}"]
    for external in externals:
        await scene.users.create(NewUser(external_id=external))
    await scene.users.create(NewUser())

    async def found(prefix: str) -> set[str | None]:
        page = await scene.users.index.page(prefix=prefix)
        return {user.external_id for user in page.users}

    for prefix in ("a", "ab", "a%", "a_", "a*", "[", "A", "b", "ab日", "{u:", "*", "%", "nobody"):
        assert await found(prefix) == {e for e in externals if e.startswith(prefix)}


async def test_a21_a_search_is_paged(store: RedisStore) -> None:
    scene = make_scene(store)
    for number in range(5):
        await scene.users.create(NewUser(external_id=f"team-{number}"))
        await scene.users.create(NewUser(external_id=f"zzz-{number}"))

    first = await scene.users.index.page(limit=3, prefix="team-")
    rest = await scene.users.index.page(first.next_cursor, limit=3, prefix="team-")

    names_found = [user.external_id for user in first.users + rest.users]
    assert names_found == [f"team-{number}" for number in range(5)]
    assert rest.next_cursor is None


@pytest.mark.parametrize(
    ("cursor", "limit", "prefix", "param"),
    [
        ("not a cursor!", 5, None, "cursor"),
        ("a", 5, None, "cursor"),
        ("é", 5, None, "cursor"),
        ("=" * 10, 5, None, "cursor"),
        (None, 0, None, "limit"),
        (None, 201, None, "limit"),
        (None, 5, "x" * 10_000, "prefix"),
        (None, 5, "a\x00", "prefix"),
    ],
)
async def test_a21_other_searches_are_refused(
    store: RedisStore, cursor: str | None, limit: int, prefix: str | None, param: str
) -> None:
    with pytest.raises(InvalidRequest) as caught:
        await make_scene(store).users.index.page(cursor, limit, prefix)

    assert caught.value.param == param


async def test_a21_a_strange_cursor_is_only_a_place_in_the_list(store: RedisStore) -> None:
    scene = make_scene(store)
    await scene.users.create(NewUser(external_id="a"))

    page = await scene.users.index.page("_" * 2000)

    assert page.users == []


async def test_a21_a_search_among_thousands_reads_one_page_of_them(store: RedisStore) -> None:
    members = [part for n in range(5000) for part in ("0", f"ext{n:05d}\x00u_{n:022d}")]
    await store.run("ZADD", names.external_ids(), *members)
    scene = make_scene(store)

    page = await scene.users.index.page(prefix="ext02", limit=5)

    assert scene.store.asked == ["ZRANGE", *["HGET"] * 5]
    assert page.next_cursor is not None


async def test_a_spoilt_record_is_an_integrity_error(store: RedisStore) -> None:
    scene = make_scene(store)
    user = await scene.users.create(NewUser())
    await store.run("HSET", names.user(user.id), "record", b"\xff{")

    with pytest.raises(RecordIntegrity):
        await scene.users.get(user.id)
