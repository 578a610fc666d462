"""Records that somebody changed in the store: one error, of that user only, and nothing leaked."""

import traceback
from collections.abc import Awaitable, Callable
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from gateway.context.sealed import (
    HEAD_BYTES,
    place_of,
    plain_of,
    read_sealed,
    read_stored,
    value_of,
)
from gateway.errors import RecordIntegrity
from gateway.identity.provider_keys import KeyChange
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.types.context import Record
from gateway.vault.key_ring import KeyRing
from gateway.vault.vault import DataKeys, RecordType, Vault
from tests.context.scene import (
    ENTRIES,
    FEELS,
    HABITS,
    PILLARS,
    TODAY,
    ContextScene,
    Owner,
    draft,
    field,
    make_context,
    put_value,
    read_value,
)
from tests.identity.scene import KEK, OFFER

YESTERDAY = TODAY - timedelta(1)
WEEK = (TODAY - timedelta(6), TODAY)
ERROR = "A stored record could not be opened."


async def read_week(scene: ContextScene, user: Owner, kind: str = "entries") -> list[Record]:
    """Read as a request does."""
    fetched = await scene.source.fetch(user.id, {kind: WEEK})
    return scene.source.open(fetched.keys, kind, fetched.sealed[kind])


async def assert_broken(scene: ContextScene, user: Owner, kind: str = "entries") -> None:
    """The one error from every way of reading, which says nothing of its cause."""
    ways: list[Callable[[], Awaitable[object]]] = [
        lambda: read_week(scene, user, kind),
        lambda: scene.source.page(user.id, kind, WEEK, limit=100),
        lambda: scene.source.page(user.id, kind, WEEK, limit=100, newest_first=False),
    ]
    for way in ways:
        with pytest.raises(RecordIntegrity) as caught:
            await way()
        assert caught.value.message == ERROR
        assert "sekrit" not in "".join(traceback.format_exception(caught.value))


async def user_with_entries(scene: ContextScene) -> Owner:
    user = await scene.new_user()
    drafts = [
        draft("e0", TODAY, text="sekrit of today"),
        draft("e1", YESTERDAY, text="sekrit of yesterday"),
    ]
    await scene.source.put(user.keys, ENTRIES, drafts, TODAY)
    return user


async def test_b01_a_record_of_one_user_does_not_open_for_another(store: RedisStore) -> None:
    """B-01. Also where it lies under the very name that a record of the other has."""
    scene = make_context(store)
    alice, bob = await user_with_entries(scene), await user_with_entries(scene)
    stolen = await read_value(store, alice, ENTRIES, "e0")

    await put_value(store, bob, ENTRIES, "e0", stolen)

    await assert_broken(scene, bob)
    with pytest.raises(RecordIntegrity):
        await scene.source.get(bob.id, "entries", "e0")
    assert len(await read_week(scene, alice)) == 2


async def test_b01_the_names_of_one_user_lead_to_nothing_of_another(store: RedisStore) -> None:
    """D-22, A-17. The same id and kind is another record for each user, and is stored under another
    name."""
    scene = make_context(store)
    alice, bob = await user_with_entries(scene), await scene.new_user()

    assert await scene.source.get(bob.id, "entries", "e0") is None
    assert not await scene.source.delete(bob.id, "entries", "e0")
    assert field(alice, ENTRIES, "e0") != field(bob, ENTRIES, "e0")
    assert await read_week(scene, bob) == []
    assert len(await read_week(scene, alice)) == 2


async def test_b02_a_provider_key_and_a_record_do_not_open_in_each_others_place(
    store: RedisStore,
) -> None:
    """B-02. Between types: the kind byte tells them apart, and so do key and associated data."""
    scene = make_context(store)
    user = await user_with_entries(scene)
    await scene.identity.keys.put(user.id, "openai", KeyChange(secret="sk-0123456789abcdef"), OFFER)
    account = await scene.identity.accounts.load(user.id)
    value = await read_value(store, user, ENTRIES, "e0")
    key = account.sealed["openai"]

    for sealed in (key, key[:1] + value[9:10] + key[2:]):
        await put_value(store, user, ENTRIES, "e0", value[:HEAD_BYTES] + sealed)
        await assert_broken(scene, user)
    with pytest.raises(RecordIntegrity):
        scene.identity.vault.open(
            user.keys, RecordType.PROVIDER_KEY, "openai", value[HEAD_BYTES:], "openai"
        )


async def test_b02_two_records_do_not_open_in_each_others_place(store: RedisStore) -> None:
    """B-02. Also of one day, and of two kinds that have the same id on the same day."""
    scene = make_context(store)
    user = await user_with_entries(scene)
    await scene.source.put(user.keys, ENTRIES, [draft("e2", TODAY, text="sekrit")], TODAY)
    await scene.source.put(user.keys, FEELS, [draft("e0", TODAY, text="sekrit")], TODAY)
    mine = await read_value(store, user, ENTRIES, "e0")
    same_day = await read_value(store, user, ENTRIES, "e2")
    other_kind = await read_value(store, user, FEELS, "e0")

    for foreign in (same_day, other_kind):
        await put_value(store, user, ENTRIES, "e0", foreign)
        await assert_broken(scene, user)
    await put_value(store, user, ENTRIES, "e0", mine)
    assert len(await read_week(scene, user)) == 3


async def test_b02_a_record_does_not_open_as_one_of_another_kind(store: RedisStore) -> None:
    """B-02. Moved whole, name, index and all: the kind is part of what it is bound to."""
    scene = make_context(store)
    user = await user_with_entries(scene)
    name = field(user, ENTRIES, "e0")
    value = await read_value(store, user, ENTRIES, "e0")

    await store.run("HSET", names.context(user.id, "notes"), name, value)
    await store.run("ZADD", names.context_days(user.id, "notes"), TODAY.toordinal(), name)

    await assert_broken(scene, user, "notes")


async def test_b03_a_record_does_not_open_under_the_data_key_of_another_user(
    store: RedisStore,
) -> None:
    """B-03. A data key moved together with the record it opens opens nothing there."""
    scene = make_context(store)
    alice, bob = await user_with_entries(scene), await user_with_entries(scene)
    await store.run("HSET", names.user_deks(bob.id), "1", alice.keys.wrapped[1])
    await put_value(store, bob, ENTRIES, "e0", await read_value(store, alice, ENTRIES, "e0"))

    await assert_broken(scene, bob)


async def test_b05_a_truncated_or_longer_value_is_the_one_error(store: RedisStore) -> None:
    """B-05. In the store, at every length; the cipher alone is tested bit by bit in tests/vault."""
    scene = make_context(store)
    user = await user_with_entries(scene)
    value = await read_value(store, user, ENTRIES, "e0")

    for length in (*range(0, 60, 3), len(value) - 1):
        await put_value(store, user, ENTRIES, "e0", value[:length])
        await assert_broken(scene, user)
    await put_value(store, user, ENTRIES, "e0", value + b"\0")
    await assert_broken(scene, user)


async def test_b05_every_flipped_byte_is_the_one_error(store: RedisStore) -> None:
    """B-05. The head, which is not sealed, included: tokens and day are checked when opened."""
    scene = make_context(store)
    user = await user_with_entries(scene)
    value = await read_value(store, user, ENTRIES, "e0")

    for place in range(len(value)):
        altered = bytearray(value)
        altered[place] ^= 0x55
        await put_value(store, user, ENTRIES, "e0", bytes(altered))
        await assert_broken(scene, user)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(noise=st.binary(max_size=120), flip=st.integers(0, 8 * 8 - 1))
def test_b05_noise_behind_any_head_is_the_one_error(noise: bytes, flip: int) -> None:
    """B-05. Whatever bytes are there: RecordIntegrity, never another exception."""
    vault = Vault(KeyRing({1: KEK}, 1))
    keys = DataKeys("u_a", {1: vault.new_data_key("u_a")})
    plain = plain_of(Record("e", TODAY, {"text": "sekrit"}), 7)
    name = "ab" * 16
    place = place_of("entries", name)
    good = value_of(plain, vault.seal(keys, RecordType.CONTEXT, place, plain))
    head = bytearray(good[:HEAD_BYTES])
    head[flip // 8] ^= 1 << flip % 8

    for value in (good[:HEAD_BYTES] + noise, bytes(head) + noise, bytes(head) + good[HEAD_BYTES:]):
        with pytest.raises(RecordIntegrity):
            sealed = read_sealed(name.encode(), value)
            opened = vault.open_many(keys, RecordType.CONTEXT, [(place, sealed.body)])
            read_stored(sealed, opened[0])
    whole = read_sealed(name.encode(), good)
    opened = vault.open_many(keys, RecordType.CONTEXT, [(place, whole.body)])
    assert read_stored(whole, opened[0]).id == "e"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"id": "e0"}', b"\xff", b"null"])
async def test_what_is_sealed_for_its_place_but_no_record_is_the_one_error(
    store: RedisStore, content: bytes
) -> None:
    scene = make_context(store)
    user = await user_with_entries(scene)
    head = (await read_value(store, user, ENTRIES, "e0"))[:HEAD_BYTES]
    place = place_of("entries", field(user, ENTRIES, "e0"))
    sealed = scene.identity.vault.seal(user.keys, RecordType.CONTEXT, place, head + content)

    await put_value(store, user, ENTRIES, "e0", head + sealed)

    await assert_broken(scene, user)


async def test_b06_an_unknown_version_or_data_key_is_refused(store: RedisStore) -> None:
    """B-06. No older format is tried, and a key that is not there is no reason to look for another."""
    scene = make_context(store)
    user = await user_with_entries(scene)
    value = await read_value(store, user, ENTRIES, "e0")

    for version in (0, 2, 255):
        await put_value(store, user, ENTRIES, "e0", value[:8] + bytes((version,)) + value[9:])
        await assert_broken(scene, user)
    await put_value(store, user, ENTRIES, "e0", value[:10] + b"\0\0\0\x09" + value[14:])
    await assert_broken(scene, user)


@pytest.mark.parametrize("tokens", [0, 1, 4, 6, 1 << 20, (1 << 20) + 1, (1 << 32) - 1])
async def test_tokens_that_somebody_changed_are_found_out(store: RedisStore, tokens: int) -> None:
    scene = make_context(store)
    user = await user_with_entries(scene)
    value = await read_value(store, user, ENTRIES, "e0")

    await put_value(store, user, ENTRIES, "e0", tokens.to_bytes(4, "big") + value[4:])

    await assert_broken(scene, user)


async def test_a_record_moved_to_another_day_in_the_index_is_found_out(store: RedisStore) -> None:
    scene = make_context(store)
    user = await user_with_entries(scene)
    old = draft("old", date(2020, 1, 1), text="sekrit of long ago")
    await scene.source.put(user.keys, ENTRIES, [old], TODAY)
    days = names.context_days(user.id, "entries")

    await store.run("ZADD", days, TODAY.toordinal(), field(user, ENTRIES, "old"))
    await assert_broken(scene, user)

    await store.run("ZREM", days, field(user, ENTRIES, "old"))
    assert len(await read_week(scene, user)) == 2


async def test_days_swapped_within_a_window_are_found_out(store: RedisStore) -> None:
    scene = make_context(store)
    user = await user_with_entries(scene)
    days = names.context_days(user.id, "entries")

    await store.run("ZADD", days, YESTERDAY.toordinal(), field(user, ENTRIES, "e0"))
    await store.run("ZADD", days, TODAY.toordinal(), field(user, ENTRIES, "e1"))

    await assert_broken(scene, user)


async def test_an_index_that_leads_to_no_record_is_found_out(store: RedisStore) -> None:
    scene = make_context(store)
    user = await user_with_entries(scene)
    days = names.context_days(user.id, "entries")

    for stray in (field(user, ENTRIES, "none"), "short", "\u00e9" * 16):
        await store.run("ZADD", days, TODAY.toordinal(), stray)
        await assert_broken(scene, user)
        await store.run("ZREM", days, stray)
    assert len(await read_week(scene, user)) == 2


async def test_a_broken_record_harms_neither_others_nor_its_owners_other_kinds(
    store: RedisStore,
) -> None:
    scene = make_context(store)
    alice, bob = await user_with_entries(scene), await user_with_entries(scene)
    await scene.source.put(alice.keys, HABITS, [draft("h", TODAY, habit="run")], TODAY)
    await put_value(store, alice, ENTRIES, "e0", b"\0" * 80)

    await assert_broken(scene, alice)

    assert [record.id for record in await read_week(scene, bob)] == ["e1", "e0"]
    assert [record.id for record in await read_week(scene, alice, "habits")] == ["h"]


async def test_a_broken_record_can_be_deleted_or_written_anew_by_its_owner(
    store: RedisStore,
) -> None:
    scene = make_context(store)
    user = await user_with_entries(scene)
    await scene.source.put(user.keys, PILLARS, [draft("p", name="Health", score=1)], TODAY)
    for kind, record_id in ((ENTRIES, "e0"), (ENTRIES, "e1"), (PILLARS, "p")):
        await put_value(store, user, kind, record_id, b"\0" * 80)

    await scene.source.put(user.keys, ENTRIES, [draft("e0", TODAY, text="again")], TODAY)
    assert await scene.source.delete(user.id, "entries", "e1")
    with pytest.raises(RecordIntegrity):  # its history would be lost without a word
        await scene.source.put(user.keys, PILLARS, [draft("p", name="Health", score=2)], TODAY)
    assert await scene.source.delete(user.id, "pillars", "p")
    await scene.source.put(user.keys, PILLARS, [draft("p", name="Health", score=2)], TODAY)

    assert [record.fields for record in await read_week(scene, user)] == [{"text": "again"}]


async def test_b13_an_earlier_value_of_a_record_opens_and_nothing_else_does(
    store: RedisStore,
) -> None:
    """B-13. What is promised about a rollback: whoever can write to the store can put back an
    earlier value of a record, whole, in its own place, or take a record away; that is not found out.
    He can make it neither a value that its owner never wrote, nor one of another record or day."""
    scene = make_context(store)
    user = await user_with_entries(scene)
    earlier = await read_value(store, user, ENTRIES, "e0")
    await scene.source.put(user.keys, ENTRIES, [draft("e0", TODAY, text="sekrit, later")], TODAY)

    await put_value(store, user, ENTRIES, "e0", earlier)
    restored = await read_week(scene, user)
    assert [record.fields["text"] for record in restored] == [
        "sekrit of yesterday", "sekrit of today",
    ]  # fmt: skip

    moved = draft("e0", TODAY - timedelta(3), text="sekrit, moved")
    await scene.source.put(user.keys, ENTRIES, [moved], TODAY)
    await put_value(store, user, ENTRIES, "e0", earlier)  # its day is not the index's any more
    with pytest.raises(RecordIntegrity):
        await read_week(scene, user)


async def test_b13_a_rotation_ends_what_can_be_put_back(store: RedisStore) -> None:
    """B-13. An earlier value opens only while the data key that sealed it is there."""
    scene = make_context(store)
    user = await user_with_entries(scene)
    earlier = await read_value(store, user, ENTRIES, "e0")
    second = scene.identity.vault.new_data_key(user.id, 2)
    await store.run("HSET", names.user_deks(user.id), "2", second)
    rewritten = [draft("e0", TODAY, text="new"), draft("e1", YESTERDAY, text="new")]
    await scene.source.put(user.keys, ENTRIES, rewritten, TODAY)
    await store.run("HDEL", names.user_deks(user.id), "1")

    await put_value(store, user, ENTRIES, "e0", earlier)

    await assert_broken(scene, user)
