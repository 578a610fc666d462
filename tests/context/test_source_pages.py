"""Lists of records: their order, their days, and what happens to them between two pages."""

from datetime import date, timedelta

import pytest

from gateway.context.sealed import Window
from gateway.errors import InvalidRequest
from gateway.store.client import RedisStore
from tests.context.scene import (
    ENTRIES,
    FEELS,
    PILLARS,
    TODAY,
    ContextScene,
    Owner,
    draft,
    make_context,
)


def days_ago(days: int) -> date:
    return TODAY - timedelta(days)


async def ids_of_all_pages(
    scene: ContextScene, user: Owner, kind: str, limit: int, window: Window = None, **options: bool
) -> list[str]:
    """Follow the cursors to the end; every page but the last is full."""
    ids: list[str] = []
    cursor = None
    while True:
        page = await scene.source.page(user.id, kind, window, limit=limit, cursor=cursor, **options)
        ids += [record.id for record in page.records]
        cursor = page.next_cursor
        if cursor is None:
            return ids
        assert len(page.records) == limit


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 30, 500])
async def test_pages_hold_every_record_once_newest_first_or_oldest_first(
    store: RedisStore, limit: int
) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    drafts = [draft(f"f{n}", days_ago(n // 4), mood=n) for n in range(30)]
    await scene.source.put(user.keys, FEELS, drafts, TODAY)

    newest = await ids_of_all_pages(scene, user, "feels", limit)
    oldest = await ids_of_all_pages(scene, user, "feels", limit, newest_first=False)

    assert sorted(newest) == sorted(each.record.id for each in drafts)
    assert [int(each[1:]) // 4 for each in newest] == sorted(n // 4 for n in range(30))
    assert oldest == newest[::-1]


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_window_limits_a_list_at_both_ends(store: RedisStore, newest_first: bool) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    drafts = [draft(f"f{n}", days_ago(n), mood=n) for n in range(10)]
    await scene.source.put(user.keys, FEELS, drafts, TODAY)

    found = await ids_of_all_pages(
        scene, user, "feels", 2, (days_ago(6), days_ago(3)), newest_first=newest_first
    )

    assert found == (["f3", "f4", "f5", "f6"] if newest_first else ["f6", "f5", "f4", "f3"])
    nothing = await scene.source.page(user.id, "feels", (days_ago(30), days_ago(20)), limit=5)
    assert (nothing.records, nothing.next_cursor) == ([], None)


async def test_records_without_days_are_listed_in_an_order_that_stays(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    drafts = [draft(f"p{n}", name=f"area {n}") for n in range(20)]
    await scene.source.put(user.keys, PILLARS, drafts, TODAY)

    whole = await ids_of_all_pages(scene, user, "pillars", 100)
    await scene.source.put(user.keys, PILLARS, drafts[:7], TODAY)

    assert sorted(whole) == sorted(each.record.id for each in drafts)
    assert await ids_of_all_pages(scene, user, "pillars", 3) == whole


@pytest.mark.parametrize("newest_first", [True, False])
async def test_a_list_goes_on_where_its_last_record_was_although_it_is_gone(
    store: RedisStore, newest_first: bool
) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    drafts = [draft(f"f{n}", days_ago(n // 5), mood=n) for n in range(20)]
    await scene.source.put(user.keys, FEELS, drafts, TODAY)
    whole = await ids_of_all_pages(scene, user, "feels", 100, newest_first=newest_first)
    for cut in range(1, 19):
        first = await scene.source.page(user.id, "feels", limit=cut, newest_first=newest_first)
        last = next(each for each in drafts if each.record.id == whole[cut - 1])
        if cut % 2:
            await scene.source.delete(user.id, "feels", last.record.id)
        else:  # moved to another day
            moved = draft(last.record.id, days_ago(100), mood=0)
            await scene.source.put(user.keys, FEELS, [moved], TODAY)

        rest = await scene.source.page(
            user.id, "feels", (days_ago(50), TODAY),
            limit=100, cursor=first.next_cursor, newest_first=newest_first,
        )  # fmt: skip

        assert [record.id for record in rest.records] == whole[cut:]
        await scene.source.put(user.keys, FEELS, [last], TODAY)


async def test_a_new_record_makes_no_other_appear_twice(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    drafts = [draft(f"f{n}", days_ago(n + 1), mood=n) for n in range(6)]
    await scene.source.put(user.keys, FEELS, drafts, TODAY)

    first = await scene.source.page(user.id, "feels", limit=3)
    await scene.source.put(user.keys, FEELS, [draft("newest", TODAY, mood=1)], TODAY)
    second = await scene.source.page(user.id, "feels", limit=3, cursor=first.next_cursor)

    assert [each.id for each in (*first.records, *second.records)] == [f"f{n}" for n in range(6)]


async def test_a_page_of_large_records_ends_early_and_goes_on(store: RedisStore) -> None:
    scene = make_context(store)
    user = await scene.new_user()
    drafts = [draft(f"e{n}", days_ago(n), text="x" * 80_000) for n in range(40)]
    await scene.source.put(user.keys, ENTRIES, drafts, TODAY)

    first = await scene.source.page(user.id, "entries", limit=500)
    ids = [record.id for record in first.records]
    cursor = first.next_cursor
    while cursor is not None:
        page = await scene.source.page(user.id, "entries", limit=500, cursor=cursor)
        ids += [record.id for record in page.records]
        cursor = page.next_cursor

    assert 10 < len(first.records) < 20
    assert ids == [f"e{n}" for n in range(40)]


@pytest.mark.parametrize(
    "cursor", ["x", "AAAA", "A" * 26, "é", "A" * 28, "=" * 27, "A" * 5_000, "AAAA AAAA"]
)
async def test_what_is_no_cursor_is_refused(store: RedisStore, cursor: str) -> None:
    scene = make_context(store)
    user = await scene.new_user()

    with pytest.raises(InvalidRequest) as refused:
        await scene.source.page(user.id, "feels", limit=5, cursor=cursor)

    assert refused.value.param == "cursor"


async def test_a_cursor_tells_nothing_of_an_id_and_opens_no_other_list(store: RedisStore) -> None:
    """A-17. Somebody else's cursor is only a place in one's own list."""
    scene = make_context(store)
    user, other = await scene.new_user(), await scene.new_user()
    for each in (user, other):
        drafts = [draft(f"{each.id}-{n}", days_ago(n), mood=n) for n in range(4)]
        await scene.source.put(each.keys, FEELS, drafts, TODAY)

    page = await scene.source.page(user.id, "feels", limit=2)
    assert page.next_cursor is not None
    others = await scene.source.page(other.id, "feels", limit=9, cursor=page.next_cursor)

    assert user.id not in page.next_cursor
    assert {record.id for record in others.records} <= {f"{other.id}-{n}" for n in range(4)}
