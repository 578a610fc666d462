"""A data key that has sealed much is replaced by itself."""

from pathlib import Path

from gateway.rotation.dek import DekRotation
from gateway.rotation.wear import WearWatch
from gateway.store import names
from gateway.store.client import RedisStore
from tests.context.scene import ENTRIES, TODAY, draft
from tests.rotation.furnished import furnish, numbers
from tests.rotation.scene import worker
from tests.waiting import async_wait_until


async def test_a_worn_data_key_is_replaced_by_itself(store: RedisStore, tmp_path: Path) -> None:
    """B-16. With a limit of 200 seals in the place of 2**30; the count begins anew."""
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        watch = WearWatch(DekRotation(store, one.vault), worn_at=200)
        for turn in range(200):
            keys = (await one.accounts.load(user_id)).data_keys
            entry = draft(f"e{turn % 70}", TODAY, text="again")
            written = await one.context.put(keys, ENTRIES, [entry], TODAY)
            watch.note(user_id, written.seals)
            if written.seals >= 200:
                break
        await async_wait_until(lambda: not watch.busy)

        assert await numbers(store, user_id) == [2]
        assert int(await store.run("GET", names.user_seals(user_id))) == 74
        assert (await one.context.get(user_id, "entries", "e1")) is not None
        await watch.aclose()


async def test_a_key_that_is_not_worn_stays_and_a_failure_is_tried_at_the_next_write(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-16. The limit as delivered leaves room to 2**32."""
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        watch = WearWatch(DekRotation(store, one.vault))
        watch.note(user_id, (1 << 30) - 1)
        assert not watch.busy

        watch.note("u_" + "x" * 22, 1 << 30)
        await async_wait_until(lambda: not watch.busy)
        watch.note(user_id, 1 << 30)
        watch.note(user_id, 1 << 30)
        await async_wait_until(lambda: not watch.busy)

        assert await numbers(store, user_id) == [2]
