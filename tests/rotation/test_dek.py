"""The data key of one user is replaced while that user is served."""

import asyncio
from pathlib import Path

import pytest

from gateway.config.kinds import BUILTIN_KINDS
from gateway.errors import NotFound, RecordIntegrity
from gateway.identity.accounts import Accounts
from gateway.identity.provider_keys import KeyChange, ProviderKeys
from gateway.rotation.dek import DekRotated, DekRotation
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.types.context import Kind
from tests.context.scene import PILLARS, TODAY, draft
from tests.identity.scene import OFFER, PEPPER, ManualClock
from tests.rotation.furnished import (
    EXPECTED,
    RECORDS,
    Traffic,
    furnish,
    numbers,
    numbers_used,
    read_all,
)
from tests.rotation.scene import (
    SECRET,
    Crash,
    InterposedStore,
    MortalStore,
    rotate_kek,
    worker,
)


async def test_everything_is_sealed_under_a_new_data_key_and_the_old_one_is_gone(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-11. What was sealed before opens to the same; heads, days and order are as they were."""
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        before = await store.run("HGETALL", names.context(user_id, "entries"))
        days = await store.run(
            "ZRANGE", names.context_days(user_id, "entries"), 0, -1, "WITHSCORES"
        )
        old_keys = (await one.accounts.load(user_id)).data_keys

        done = await DekRotation(store, one.vault).rotate(user_id)

        assert done == DekRotated(user_id, 2, False, 2, 74, 0)
        assert await numbers(store, user_id) == [2]
        assert await read_all(one, user_id) == EXPECTED
        for kind in RECORDS:
            assert await numbers_used(store, user_id, kind) == {2}
        after = await store.run("HGETALL", names.context(user_id, "entries"))
        heads = [{f: v[:8] for f, v in zip(a[::2], a[1::2], strict=True)} for a in (before, after)]
        assert heads[0] == heads[1]
        assert days == await store.run(
            "ZRANGE", names.context_days(user_id, "entries"), 0, -1, "WITHSCORES"
        )
        sealed = after[1][8:]
        with pytest.raises(RecordIntegrity):
            one.vault.open(old_keys, "context", f"entries/{after[0].decode()}", sealed)


async def test_it_can_be_done_again_and_again(store: RedisStore, tmp_path: Path) -> None:
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        rotation = DekRotation(store, one.vault)

        assert [(await rotation.rotate(user_id)).number for _ in range(3)] == [2, 3, 4]

        assert await numbers(store, user_id) == [4]
        assert await read_all(one, user_id) == EXPECTED


async def test_the_epoch_rises_so_that_workers_read_the_new_key(
    store: RedisStore, tmp_path: Path
) -> None:
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        before = await one.accounts.admit(user_id)

        await DekRotation(store, one.vault).rotate(user_id)

        assert (await one.accounts.admit(user_id) or 0) > (before or 0)


async def test_requests_of_the_user_never_fail_meanwhile(store: RedisStore, tmp_path: Path) -> None:
    """B-11. One reads, one writes records, one changes a provider key, through another worker."""
    async with worker(store, tmp_path, "one") as one, worker(store, tmp_path, "two") as two:
        user_id = await furnish(one)
        traffic, ended = Traffic(two, user_id), asyncio.Event()

        async def rotate() -> None:
            rotation = DekRotation(store, one.vault)
            try:
                for _ in range(10):
                    await rotation.rotate(user_id)
                    await traffic.turn()
            finally:
                ended.set()

        await asyncio.gather(traffic.run(ended), rotate())

        assert await numbers(store, user_id) == [11]
        account = await two.accounts.load(user_id)
        opened = two.keys.open_key(account, "openai").secret.reveal()
        assert opened == f"{SECRET}{traffic.changes}"
        last = await two.context.get(user_id, "entries", f"e{(traffic.writes - 1) % 70}")
        assert last is not None
        assert last.fields["text"] == f"turn {traffic.writes - 1}"


async def test_a_request_in_flight_opens_what_it_has_read_before(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-11. It holds the old data key and what that sealed."""
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        account = await one.accounts.load(user_id)
        fetched = await one.context.fetch(user_id, {"entries": None})

        await DekRotation(store, one.vault).rotate(user_id)

        assert one.keys.open_key(account, "openai").secret.reveal() == SECRET
        assert len(one.context.open(fetched.keys, "entries", fetched.sealed["entries"])) == 70


async def test_a_rotation_cut_short_anywhere_leaves_everything_readable_and_is_finished(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-12. Killed after every single call to the store: each value is under the old key or under
    the new one, all of them open, and the next call finishes the same rotation."""
    crashes, mixed = 0, 0
    for calls in range(1, 200):
        await store.run("FLUSHALL")
        async with worker(store, tmp_path / str(calls)) as one:
            user_id = await furnish(one)
            mortal = MortalStore(store, calls)
            try:
                await DekRotation(mortal, one.vault).rotate(user_id)
            except Crash:
                crashes += 1
            else:
                break

            assert await read_all(one, user_id) == EXPECTED
            found = await numbers(store, user_id)
            used = await numbers_used(store, user_id, "entries")
            assert used <= set(found)
            mixed += used == {1, 2}
            done = await DekRotation(store, one.vault).rotate(user_id)

            assert done.resumed == (found == [1, 2])
            assert done.number == {(1,): 2, (1, 2): 2, (2,): 3}[tuple(found)]
            assert await numbers(store, user_id) == [done.number]
            assert await read_all(one, user_id) == EXPECTED
    assert crashes > 10
    assert mixed > 0


async def test_two_at_the_same_moment_make_one_new_key(store: RedisStore, tmp_path: Path) -> None:
    async with worker(store, tmp_path) as one, worker(store, tmp_path) as two:
        user_id = await furnish(one)

        done = await asyncio.gather(
            DekRotation(store, one.vault).rotate(user_id),
            DekRotation(store, two.vault).rotate(user_id),
        )

        assert {each.number for each in done} == {2}
        assert sum(each.records for each in done) == 74
        assert await numbers(store, user_id) == [2]
        assert await read_all(two, user_id) == EXPECTED


async def test_the_master_key_and_a_data_key_are_replaced_at_the_same_moment(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-10, B-11."""
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        rotation = DekRotation(store, one.vault)
        ended = asyncio.Event()

        async def replace_data_keys() -> int:
            number = 0
            while not ended.is_set():
                number = (await rotation.rotate(user_id)).number
            return number

        async def replace_kek() -> None:
            for _ in range(3):
                await rotate_kek(store, tmp_path, one)
            ended.set()

        number, _ = await asyncio.gather(replace_data_keys(), replace_kek())

        assert one.keeper.rings.ring.ids == (4,)
        assert await numbers(store, user_id) == [number]
        assert await read_all(one, user_id) == EXPECTED


async def test_what_was_altered_stays_as_it_is_and_is_counted(
    store: RedisStore, tmp_path: Path
) -> None:
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        place = names.context(user_id, "entries")
        field, value, *_ = await store.run("HGETALL", place)
        broken = value[:-1] + bytes([value[-1] ^ 1])
        await store.run("HSET", place, field, broken, "short", b"x")
        key = await store.run("HGET", names.user_keys(user_id), "azure")
        moved = key.replace(b'"azure_resource":"res"', b'"azure_resource":"evil"')
        await store.run("HSET", names.user_keys(user_id), "azure", moved, "noise", b"{")

        done = await DekRotation(store, one.vault).rotate(user_id)

        assert (done.provider_keys, done.records, done.unreadable) == (1, 73, 4)
        assert await store.run("HGET", place, field) == broken
        assert await store.run("HGET", names.user_keys(user_id), "azure") == moved
        assert await numbers(store, user_id) == [2]


async def test_records_of_kinds_that_the_config_does_not_name_any_more_are_resealed(
    store: RedisStore, tmp_path: Path
) -> None:
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        orders = Kind("orders", "Orders", PILLARS.dating)
        keys = (await one.accounts.load(user_id)).data_keys
        await one.context.put(keys, orders, [draft("o1", text="two bicycles")], TODAY)

        done = await DekRotation(store, one.vault).rotate(user_id)

        assert done.records == 75
        opened = await one.context.get(user_id, "orders", "o1")
        assert opened is not None
        assert opened.fields == {"text": "two bicycles"}


async def test_a_user_who_is_removed_meanwhile_gets_no_data_key(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-14. At every point of a rotation: nothing of an erased user comes back."""
    ended = 0
    for calls in range(1, 200):
        await store.run("FLUSHALL")
        async with worker(store, tmp_path / str(calls)) as one:
            user_id = await furnish(one)
            at, scene, victim = calls, one, user_id

            async def remove(what: str, call: int) -> None:
                if call == at:  # noqa: B023  # one turn of the loop
                    await scene.users.remove(victim, RECORDS)  # noqa: B023

            removing = InterposedStore(store, remove)
            try:
                await DekRotation(removing, one.vault).rotate(user_id)
            except NotFound:
                ended += 1
            if removing.calls < calls:
                break
            await one.users.finish_removal(user_id)
            assert not await store.run("EXISTS", names.user_deks(user_id))
            assert not await store.run("EXISTS", names.user(user_id))
            assert not await store.run("EXISTS", names.user_keys(user_id))
            assert await store.run("KEYS", names.context(user_id, "*")) == []
    assert ended > 5


async def test_an_unknown_user_is_not_found(store: RedisStore, tmp_path: Path) -> None:
    async with worker(store, tmp_path) as one:
        for user_id in ("u_" + "x" * 22, "nobody", "*"):
            with pytest.raises(NotFound):
                await DekRotation(store, one.vault).rotate(user_id)
        assert await store.run("EXISTS", names.user("u_" + "x" * 22)) == 0


async def test_a_key_sealed_under_a_data_key_that_was_replaced_is_sealed_again(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-11. The write whose sealing a rotation overtakes: the store refuses, nothing is lost."""
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        puts = 0

        async def overtake(what: str, call: int) -> None:
            nonlocal puts
            puts += what == "put_key"
            if what == "put_key" and puts == 1:
                await DekRotation(store, one.vault).rotate(user_id)

        keys = ProviderKeys(InterposedStore(store, overtake), one.vault, b"f" * 32, ManualClock())
        await keys.put(user_id, "anthropic", KeyChange(secret=SECRET), OFFER)

        assert puts == 2
        assert await numbers(store, user_id) == [2]
        account = await one.accounts.load(user_id)
        assert keys.open_key(account, "anthropic").secret.reveal() == SECRET


async def test_a_key_that_is_changed_while_it_is_sealed_again_keeps_the_change(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-11."""
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        tries = 0

        async def change(what: str, call: int) -> None:
            nonlocal tries
            tries += what == "reseal_key"
            if what == "reseal_key" and tries == 1:
                for name in ("openai", "azure"):
                    settings = {"azure_resource": "res"} if name == "azure" else {}
                    new = KeyChange(secret=f"{SECRET}-new", settings=settings)
                    await one.keys.put(user_id, name, new, OFFER)

        await DekRotation(InterposedStore(store, change), one.vault).rotate(user_id)

        account = await one.accounts.load(user_id)
        for name in ("openai", "azure"):
            assert one.keys.open_key(account, name).secret.reveal() == f"{SECRET}-new"
        assert await numbers(store, user_id) == [2]


async def test_a_record_that_is_changed_while_it_is_sealed_again_keeps_the_change(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-11. Also one that is deleted: it does not come back."""
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        keys = (await one.accounts.load(user_id)).data_keys
        pillars = BUILTIN_KINDS["pillars"]
        changed = False

        async def change(what: str, call: int) -> None:
            nonlocal changed
            if what == "reseal_records" and not changed:
                changed = True
                entry = draft("e1", TODAY, text="changed")
                await one.context.put(keys, BUILTIN_KINDS["entries"], [entry], TODAY)
                await one.context.put(keys, pillars, [draft("p1", name="changed")], TODAY)
                await one.context.delete(user_id, "entries", "e2")
                await one.context.delete(user_id, "pillars", "p2")

        await DekRotation(InterposedStore(store, change), one.vault).rotate(user_id)

        assert changed
        for kind, kept, member, gone in (
            ("entries", "e1", "text", "e2"),
            ("pillars", "p1", "name", "p2"),
        ):
            record = await one.context.get(user_id, kind, kept)
            assert record is not None
            assert record.fields[member] == "changed"
            assert await one.context.get(user_id, kind, gone) is None
        assert await numbers(store, user_id) == [2]


async def test_data_keys_without_a_user_get_no_successor(store: RedisStore, tmp_path: Path) -> None:
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        await store.run("DEL", names.user(user_id))

        with pytest.raises(NotFound):
            await DekRotation(store, one.vault).rotate(user_id)

        assert await numbers(store, user_id) == [1]
        assert not await store.run("EXISTS", names.user(user_id))


async def test_an_account_read_while_a_data_key_goes_is_read_once_more(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-11. Its parts are read one after the other: keys of before, data keys of after."""
    async with worker(store, tmp_path) as one:
        user_id = await furnish(one)
        reads = 0

        async def tear(what: str, call: int) -> None:
            nonlocal reads
            reads += what == f"HGETALL {names.user_deks(user_id)}"
            if reads == 1:
                await DekRotation(store, one.vault).rotate(user_id)

        accounts = Accounts(InterposedStore(store, tear), PEPPER, ManualClock())
        account = await accounts.load(user_id)

        assert reads == 2
        assert one.keys.open_key(account, "openai").secret.reveal() == SECRET
