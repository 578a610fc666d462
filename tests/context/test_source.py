"""Records in a real store: written, read back, listed, deleted."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from typing import Any

import pytest

from gateway.context.source import MOST_FETCHED, ContextSource
from gateway.errors import Conflict, NotFound, PayloadTooLarge
from gateway.store import names
from gateway.store.base import Argument, Command, Script, Server, Store
from gateway.store.client import RedisStore
from gateway.types.context import HistoryPoint, Record
from gateway.vault.vault import DataKeys
from tests.context.scene import (
    ENTRIES,
    FEELS,
    HABITS,
    NAME_KEY,
    PILLARS,
    PROFILE,
    TODAY,
    at_most,
    draft,
    drafts_of,
    make_context,
    read_value,
)


def days_ago(days: int) -> date:
    return TODAY - timedelta(days)


async def test_what_is_written_is_read_back(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    written = draft("e-1", TODAY, text="Zoë said: 你好 🙂", tags=["a", "b"], time="08:10")

    done = await scene.source.put(user.keys, ENTRIES, [written], TODAY)

    assert done.created == (True,)
    assert await scene.source.get(user.id, "entries", "e-1") == written.record
    assert await scene.source.get(user.id, "entries", "e-2") is None
    assert await scene.source.get(user.id, "feels", "e-1") is None


async def test_the_same_id_again_replaces_the_record_and_its_day(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    await scene.source.put(user.keys, ENTRIES, [draft("e", days_ago(3), text="old")], TODAY)

    done = await scene.source.put(user.keys, ENTRIES, [draft("e", TODAY, text="new")], TODAY)

    assert done.created == (False,)
    page = await scene.source.page(user.id, "entries", limit=10)
    assert page.records == [Record("e", TODAY, {"text": "new"})]
    old = await scene.source.fetch(user.id, {"entries": (days_ago(3), days_ago(3))})
    assert old.sealed["entries"] == ()


async def test_a_request_reads_its_windows_of_all_kinds_in_one_round_trip(
    store: RedisStore,
) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    for kind in (ENTRIES, FEELS):
        drafts = [draft(f"r{n}", days_ago(n), text=str(n), tokens=n) for n in range(10)]
        await scene.source.put(user.keys, kind, drafts, TODAY)
    await scene.source.put(user.keys, PILLARS, [draft("p", name="Health", score=7)], TODAY)
    await scene.source.put(user.keys, PROFILE, [draft("profile", name="Ada")], TODAY)
    scene.identity.store.asked.clear()

    fetched = await scene.source.fetch(
        user.id,
        {
            "profile": None,
            "pillars": None,
            "feels": (days_ago(6), TODAY),
            "entries": (days_ago(4), days_ago(2)),
            "habits": (days_ago(83), TODAY),
        },
    )

    assert scene.identity.store.asked == ["context_fetch"]
    assert {kind: len(found) for kind, found in fetched.sealed.items()} == {
        "profile": 1, "pillars": 1, "feels": 7, "entries": 3, "habits": 0,
    }  # fmt: skip
    assert not fetched.left_out
    entries = fetched.sealed["entries"]
    assert [each.day for each in entries] == [days_ago(n).toordinal() for n in (4, 3, 2)]
    assert [each.tokens for each in entries] == [4, 3, 2]
    opened = scene.source.open_all(fetched.keys, fetched.sealed)
    assert [record.fields["text"] for record in opened["entries"]] == ["4", "3", "2"]
    assert opened["profile"][0].fields == {"name": "Ada"}
    assert opened["habits"] == []


async def test_nothing_is_read_of_a_user_without_records(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()

    fetched = await scene.source.fetch(user.id, {"profile": None, "feels": (days_ago(6), TODAY)})

    assert fetched.sealed == {"profile": (), "feels": ()}
    assert scene.source.open_all(fetched.keys, fetched.sealed) == {"profile": [], "feels": []}


async def test_a_year_of_daily_records_is_written_in_one_call_and_repeated_without_harm(
    store: RedisStore,
) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    year = [
        draft(f"h{number}-{n}", days_ago(n), habit=f"h{number}", done=True)
        for n in range(365)
        for number in range(8)
    ]

    first = await scene.source.put(user.keys, HABITS, year, TODAY)
    again = await scene.source.put(user.keys, HABITS, year, TODAY)

    assert first.created == (True,) * 2_920
    assert again.created == (False,) * 2_920
    assert (first.seals, again.seals) == (2_920, 5_840)
    fetched = await scene.source.fetch(user.id, {"habits": (days_ago(83), TODAY)})
    opened = scene.source.open(fetched.keys, "habits", fetched.sealed["habits"])
    assert len(opened) == 84 * 8
    assert {record.day for record in opened} == {days_ago(n) for n in range(84)}


async def test_of_more_records_than_a_request_reads_the_newest_are_read(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    many = MOST_FETCHED + 5_000
    drafts = [draft(f"f{n}", days_ago(n // 50), mood=n) for n in range(many)]
    await scene.source.put(user.keys, FEELS, drafts, TODAY)

    fetched = await scene.source.fetch(user.id, {"feels": (days_ago(400), TODAY)})

    assert fetched.left_out == {"feels": 5_000}
    opened = scene.source.open(fetched.keys, "feels", fetched.sealed["feels"])
    assert len(opened) == MOST_FETCHED
    assert min(record.day for record in opened if record.day) == days_ago(MOST_FETCHED // 50 - 1)


async def test_large_records_do_not_make_a_reply_that_holds_up_the_store(
    store: RedisStore,
) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    drafts = [draft(f"e{n}", days_ago(n), text="x" * 60_000, tokens=8_000) for n in range(200)]
    await scene.source.put(user.keys, ENTRIES, drafts, TODAY)

    fetched = await scene.source.fetch(user.id, {"entries": (days_ago(300), TODAY)})

    read = fetched.sealed["entries"]
    assert 35 <= len(read) <= 100
    assert fetched.left_out == {"entries": 200 - len(read)}
    assert read[-1].day == TODAY.toordinal()


async def test_nothing_is_written_for_a_user_who_is_gone(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    await scene.identity.users.remove(user.id)

    with pytest.raises(NotFound):
        await scene.source.put(user.keys, ENTRIES, [draft("e", TODAY, text="late")], TODAY)
    with pytest.raises(NotFound):
        await scene.source.put(user.keys, PILLARS, [draft("p", name="Late", score=1)], TODAY)
    with pytest.raises(NotFound):
        await scene.source.put(DataKeys(user.id, {}), ENTRIES, [draft("e", TODAY, text="x")], TODAY)

    left = await store.run("KEYS", names.everything_of(user.id))
    assert not [key for key in left if b"context" in key or b"seals" in key]


async def test_a_data_key_alone_makes_no_user(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    await store.run("HDEL", names.user(user.id), "record")

    with pytest.raises(NotFound):
        await scene.source.put(user.keys, ENTRIES, [draft("e", TODAY, text="x")], TODAY)

    assert await store.run("EXISTS", names.context(user.id, "entries")) == 0


async def rotate(store: Store, scene: Any, keys: DataKeys, number: int) -> DataKeys:
    """Add a data key behind everybody's back, as a rotation does."""
    wrapped = scene.identity.vault.new_data_key(keys.user_id, number)
    await store.run("HSET", names.user_deks(keys.user_id), str(number), wrapped)
    return DataKeys(keys.user_id, {**keys.wrapped, number: wrapped})


async def test_a_writer_with_old_data_keys_seals_again_under_the_new_one(
    store: RedisStore,
) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    both = await rotate(store, scene, user.keys, 2)
    await store.run("HDEL", names.user_deks(user.id), "1")  # the rotation is over

    await scene.source.put(user.keys, ENTRIES, [draft("e", TODAY, text="x")], TODAY)
    await scene.source.put(user.keys, PILLARS, [draft("p", name="Health", score=1)], TODAY)

    value = await read_value(store, user, ENTRIES, "e")
    only_new = DataKeys(user.id, {2: both.wrapped[2]})
    assert value[10:14] == b"\x00\x00\x00\x02"
    fetched = await scene.source.fetch(user.id, {"entries": None})
    assert fetched.keys == only_new
    assert scene.source.open(only_new, "entries", fetched.sealed["entries"])[0].id == "e"


async def test_b11_records_open_whatever_moment_of_a_rotation_a_request_meets(
    store: RedisStore,
) -> None:
    """B-11. The data keys of the same moment come with the records: old ones in hand do no harm."""
    scene = make_context(store)
    user = await scene.new_user()
    old = draft("old", days_ago(1), text="under 1")
    await scene.source.put(user.keys, ENTRIES, [old], TODAY)
    both = await rotate(store, scene, user.keys, 2)
    await scene.source.put(both, ENTRIES, [draft("new", TODAY, text="under 2")], TODAY)

    half_way = await scene.source.fetch(user.id, {"entries": None})
    texts = scene.source.open(half_way.keys, "entries", half_way.sealed["entries"])
    await scene.source.put(both, ENTRIES, [old], TODAY)
    await store.run("HDEL", names.user_deks(user.id), "1")

    assert [record.fields["text"] for record in texts] == ["under 1", "under 2"]
    listed = await scene.source.page(user.id, "entries", limit=10)
    assert [record.id for record in listed.records] == ["new", "old"]
    assert await scene.source.get(user.id, "entries", "old") == old.record


async def test_data_keys_just_read_are_shown_to_the_key_ring_before_they_are_used(
    store: RedisStore,
) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    seen: list[DataKeys] = []

    async def note(keys: DataKeys) -> None:
        seen.append(keys)

    source = ContextSource(store, scene.identity.vault, NAME_KEY, note)
    both = await rotate(store, scene, user.keys, 2)

    await source.put(user.keys, ENTRIES, [draft("e", TODAY, text="x")], TODAY)
    await source.put(user.keys, PILLARS, [draft("p", name="x", score=1)], TODAY)
    await source.get(user.id, "entries", "e")
    await source.page(user.id, "entries", limit=1)
    await source.fetch(user.id, {"entries": None})

    assert seen == [both] * 5


async def test_seals_are_counted_for_each_user(store: RedisStore) -> None:
    """B-16. The count that a rotation is started by: every sealing counts, replacements too."""
    scene = make_context(store)
    user, other = await scene.new_user(), await scene.new_user()

    first = await scene.source.put(
        user.keys, ENTRIES, [draft(f"e{n}", TODAY, text="x") for n in range(300)], TODAY
    )
    second = await scene.source.put(user.keys, FEELS, [draft("f", TODAY, mood=1)], TODAY)
    third = await scene.source.put(other.keys, FEELS, [draft("f", TODAY, mood=1)], TODAY)

    assert (first.seals, second.seals, third.seals) == (300, 301, 1)
    assert await store.run("GET", names.user_seals(user.id)) == b"301"


async def test_a_kind_holds_at_most_its_records_and_says_so(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    few = at_most(ENTRIES, 3)
    three = [draft(f"e{n}", TODAY, text="x") for n in range(3)]

    with pytest.raises(Conflict) as refused:
        await scene.source.put(user.keys, few, [*three, draft("e3", TODAY, text="x")], TODAY)
    assert (await scene.source.page(user.id, "entries", limit=10)).records == []
    assert refused.value.code == "too_many_records"

    await scene.source.put(user.keys, few, three, TODAY)
    replaced = await scene.source.put(user.keys, few, three, TODAY)
    with pytest.raises(Conflict, match=r"There are 3 .* may be 3"):
        await scene.source.put(user.keys, few, [draft("e3", TODAY, text="x")], TODAY)

    assert replaced.created == (False,) * 3
    assert len((await scene.source.page(user.id, "entries", limit=10)).records) == 3


async def test_a_long_bulk_that_does_not_fit_writes_nothing(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    many = [draft(f"e{n}", TODAY, text="x") for n in range(1_000)]

    with pytest.raises(Conflict):
        await scene.source.put(user.keys, at_most(ENTRIES, 999), many, TODAY)

    assert await store.run("HLEN", names.context(user.id, "entries")) == 0
    done = await scene.source.put(user.keys, at_most(ENTRIES, 1_000), many, TODAY)
    assert sum(done.created) == 1_000


async def test_a_record_above_what_is_sealed_is_refused(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()

    with pytest.raises(PayloadTooLarge):
        await scene.source.put(user.keys, ENTRIES, [draft("e", TODAY, text="x" * (1 << 20))], TODAY)


async def test_a_deleted_record_is_gone_from_every_place(store: RedisStore) -> None:
    scene = make_context(store)
    user, other = await scene.new_user(), await scene.new_user()
    for each in (user, other):
        await scene.source.put(each.keys, ENTRIES, [draft("e", TODAY, text="x")], TODAY)

    assert await scene.source.delete(user.id, "entries", "e")

    assert not await scene.source.delete(user.id, "entries", "e")
    assert await scene.source.get(user.id, "entries", "e") is None
    assert await store.run("EXISTS", names.context(user.id, "entries")) == 0
    assert await store.run("EXISTS", names.context_days(user.id, "entries")) == 0
    assert await scene.source.get(other.id, "entries", "e") is not None


async def test_a_pillar_remembers_a_score_a_day(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    for day, score in ((0, 5), (1, 6), (1, 7), (2, 8)):
        pillar = draft("p", name="Health", score=score)
        await scene.source.put(user.keys, PILLARS, [pillar], TODAY + timedelta(day))

    found = await scene.source.get(user.id, "pillars", "p")

    assert found is not None
    assert found.fields["score"] == 8
    assert found.history == tuple(
        HistoryPoint(TODAY + timedelta(day), score) for day, score in ((0, 5), (1, 7), (2, 8))
    )


class Interfering:
    """A store where somebody else writes right after each of the first reads of a record."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.others: list[Any] = []
        self.reads = 0

    async def run(self, *command: Argument) -> Any:
        return await self._store.run(*command)

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        return await self._store.run_many(commands)

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        reply = await self._store.script(script, keys, args)
        if script.name == "context_read":
            self.reads += 1
            if self.others:
                await self.others.pop(0)()
        return reply

    async def servers(self) -> Sequence[Server]:
        return await self._store.servers()

    def scan(self, pattern: str, kind: str | None = None) -> AsyncIterator[list[bytes]]:
        return self._store.scan(pattern, kind)

    async def aclose(self) -> None:
        await self._store.aclose()


async def test_scores_written_at_the_same_moment_are_all_remembered(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    interfering = Interfering(store)
    mine = ContextSource(interfering, scene.identity.vault, NAME_KEY)

    def other(score: int, day: int) -> Any:
        pillar = draft("p", name="Health", score=score)
        when = TODAY - timedelta(day)
        return lambda: scene.source.put(user.keys, PILLARS, [pillar], when)

    interfering.others = [other(1, 3), other(2, 2), other(3, 1)]
    await mine.put(user.keys, PILLARS, [draft("p", name="Health", score=4)], TODAY)

    found = await scene.source.get(user.id, "pillars", "p")
    assert found is not None
    assert [point.value for point in found.history] == [1, 2, 3, 4]
    assert interfering.reads == 4


async def test_a_write_gives_up_after_losing_again_and_again(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    interfering = Interfering(store)
    mine = ContextSource(interfering, scene.identity.vault, NAME_KEY)

    async def other() -> None:
        await scene.source.put(user.keys, PILLARS, [draft("p", name="x", score=1)], TODAY)

    interfering.others = [other] * 50
    with pytest.raises(Conflict, match="try again"):
        await mine.put(user.keys, PILLARS, [draft("p", name="Health", score=4)], TODAY)


async def test_the_mark_of_a_block_is_the_users_own_and_stays(store: RedisStore) -> None:
    scene = make_context(store)
    user, other = await scene.new_user(), await scene.new_user()

    mark = scene.source.mark(user.keys, b"body")

    assert len(mark) == 16
    assert int(mark, 16) >= 0
    assert scene.source.mark(user.keys, b"body") == mark
    assert scene.source.mark(user.keys, b"body!") != mark
    assert scene.source.mark(other.keys, b"body") != mark


def test_values_that_hold_records_show_none_of_them() -> None:
    one = draft("secret-id", TODAY, text="secret")

    assert "secret" not in repr(one)
    assert "secret" not in repr(drafts_of([one.record]))
