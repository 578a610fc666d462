"""What stays of an erased user: what they used and what it cost, under their random id alone."""

import msgspec
from msgspec.structs import replace

from gateway.accounting.day_totals import KEEP_ERASED_S, KEEP_REQUEST_S
from gateway.accounting.rows import LedgerRow
from gateway.accounting.usage import read_request, read_totals
from gateway.privacy.sweep import sweep
from gateway.store import names
from gateway.store.client import RedisStore
from tests.accounting.booking import book
from tests.privacy.scene import ROW, PrivacyScene, furnish, make_privacy
from tests.privacy.test_erase import keys_of

DAY = "2026-09-21"


async def erased(scene: PrivacyScene, store: RedisStore, *rows: LedgerRow) -> str:
    """Book rows for a new user, and erase them."""
    ann = await furnish(scene, "ann")
    await book(store, *(replace(row, user_id=ann.id) for row in rows))
    await scene.privacy.erasure.erase(ann.id, "self")
    return ann.id


async def log_of(store: RedisStore, user_id: str) -> list[LedgerRow]:
    entries = await store.run("XRANGE", names.usage_rows(user_id), "-", "+")
    return [msgspec.json.decode(fields[1], type=LedgerRow) for _, fields in entries]


async def test_rows_keep_their_cost_and_lose_what_could_name_a_person(store: RedisStore) -> None:
    scene = make_privacy(store)
    rows = [replace(ROW, request_id=f"req_{n}", feature_id=f"Ann {n}") for n in range(450)]
    user_id = await erased(scene, store, *rows)
    [before] = await read_totals(store, user_id, [DAY], ["feature"])

    await sweep(store, user_id)

    kept = await log_of(store, user_id)
    assert [row.request_id for row in kept] == [row.request_id for row in rows]
    bare = replace(
        ROW, user_id=user_id, token_id="", feature_id=None, scope="none", kinds={}, context_tokens=0
    )
    assert kept[7] == replace(bare, request_id="req_7")
    [shown] = await read_request(store, user_id, "req_7")
    assert shown["feature_id"] is None
    assert shown["cost_usd"] == "0.0000015"
    assert await read_totals(store, user_id, [DAY], ["feature"]) == [before]


async def test_everything_that_is_kept_expires(store: RedisStore) -> None:
    scene = make_privacy(store)
    user_id = await erased(scene, store, ROW)

    await sweep(store, user_id)

    lives = {key: await store.run("TTL", key) for key in await keys_of(store, user_id)}
    assert lives.pop(names.user_gone(user_id)) == -1
    assert 0 < lives.pop(names.usage_request(user_id, "req_1")) <= KEEP_REQUEST_S
    assert 0 < lives.pop(names.usage_marks(user_id)) <= KEEP_REQUEST_S + 5 * 86_400
    assert lives.keys() == {names.usage_rows(user_id), names.usage_day(user_id, DAY)}
    assert all(0 < life <= KEEP_ERASED_S for life in lives.values())


async def test_a_row_that_is_booked_after_the_erasure_says_no_more_than_the_others(
    store: RedisStore,
) -> None:
    """The last call of an erased user is cut seconds later, and booked; its row may wait longer."""
    scene = make_privacy(store)
    user_id = await erased(scene, store, ROW)
    await sweep(store, user_id)
    late = replace(ROW, user_id=user_id, request_id="req_2", time=ROW.time + 86_400)

    await book(store, late)

    newest = (await log_of(store, user_id))[-1]
    assert (newest.request_id, newest.feature_id, newest.kinds) == ("req_2", None, {})
    [total] = await read_totals(store, user_id, ["2026-09-22"], ["feature"])
    assert total["requests"] == 1
    key = names.usage_day(user_id, "2026-09-22")
    assert 0 < await store.run("TTL", key) <= KEEP_ERASED_S


async def test_what_does_not_belong_goes_and_others_are_left_alone(store: RedisStore) -> None:
    scene = make_privacy(store)
    bea = await furnish(scene, "bea")
    user_id = await erased(scene, store, ROW)
    await store.run("SET", names.user_probes(user_id, 1), "1")
    await store.run("HSET", names.context(user_id, "of-no-kind"), "a", "sealed")
    await store.run("HSET", names.usage_request(user_id, "req_bad"), "1", "no row")
    await store.run("XADD", names.usage_rows(user_id), "*", "row", "no row")
    others = {key: await store.run("DUMP", key) for key in await keys_of(store, bea.id)}

    for _ in range(2):
        await sweep(store, user_id)

    assert await keys_of(store, user_id) == sorted(
        (
            names.user_gone(user_id),
            names.usage_day(user_id, DAY),
            names.usage_marks(user_id),
            names.usage_request(user_id, "req_1"),
            names.usage_rows(user_id),
        )
    )
    assert len(await log_of(store, user_id)) == 1
    assert {key: await store.run("DUMP", key) for key in await keys_of(store, bea.id)} == others
