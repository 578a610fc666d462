"""What is promised when somebody who can write to the store puts an older state back."""

from pathlib import Path

import pytest

from gateway.config.kinds import BUILTIN_KINDS
from gateway.errors import RecordIntegrity
from gateway.rotation.dek import DekRotation
from gateway.store import names
from gateway.store.client import RedisStore
from tests.context.scene import TODAY, draft
from tests.rotation.furnished import furnish
from tests.rotation.scene import WorkerScene, rotate_kek, worker

PILLARS = BUILTIN_KINDS["pillars"]


async def snapshot(store: RedisStore, user_id: str) -> dict[str, list[bytes]]:
    """Data keys and records of one kind, as a thief of the store would keep them."""
    keys = (names.user_deks(user_id), names.context(user_id, "pillars"))
    return {key: await store.run("HGETALL", key) for key in keys}


async def put_back(store: RedisStore, kept: dict[str, list[bytes]], *, data_keys: bool) -> None:
    for key, flat in kept.items():
        if data_keys or not key.endswith(":deks"):
            await store.run("HSET", key, *flat)


async def read(one: WorkerScene, user_id: str) -> object:
    record = await one.context.get(user_id, "pillars", "p0")
    return record.fields["name"] if record else None


async def change(one: WorkerScene, user_id: str) -> None:
    keys = (await one.accounts.load(user_id)).data_keys
    await one.context.put(keys, PILLARS, [draft("p0", name="changed")], TODAY)


async def test_b13_under_the_same_keys_an_older_value_opens(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-13. The documented limit: there is no counter that somebody with the store could not turn
    back as well."""
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        before = await snapshot(store, user_id)
        await change(one, user_id)

        await put_back(store, before, data_keys=False)

        assert await read(one, user_id) == "pillar 0"


async def test_b13_after_the_data_key_was_replaced_older_values_alone_do_not_open(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-13. With the wrapped data key of that time put back beside them, they still do."""
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        before = await snapshot(store, user_id)
        await DekRotation(store, one.vault).rotate(user_id)

        await put_back(store, before, data_keys=False)
        with pytest.raises(RecordIntegrity):
            await read(one, user_id)

        await put_back(store, before, data_keys=True)
        assert await read(one, user_id) == "pillar 0"


async def test_b13_after_data_key_and_kek_were_replaced_nothing_from_before_opens(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-13. A wrapped data key under a retired id opens nowhere; at once in every new process."""
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        before = await snapshot(store, user_id)
        await DekRotation(store, one.vault).rotate(user_id)
        await rotate_kek(store, tmp_path, one)

        await put_back(store, before, data_keys=True)

    async with worker(store, tmp_path) as again:
        with pytest.raises(RecordIntegrity):
            await read(again, user_id)
