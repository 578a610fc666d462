"""The rotation of the KEK, step by step, cut short anywhere, beside workers that serve."""

import asyncio
import hashlib
from pathlib import Path

import pytest

from gateway.errors import ConfigError, RecordIntegrity
from gateway.identity.minting import TokenRequest
from gateway.rotation.kek import RotationHeld, Step
from gateway.rotation.rewrap import Rewrapped
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.vault.codec import Kind, read_key_id
from gateway.vault.key_files import replace_secret
from gateway.vault.key_reports import KeyReport, write_report
from gateway.vault.registry import read_registry
from tests.rotation.scene import (
    Crash,
    MortalStore,
    ring_on_disk,
    rotate_kek,
    rotation,
    sources,
    worker,
)


async def kek_ids(store: RedisStore, user_ids: list[str]) -> set[int]:
    """The KEK ids that the data keys of these users are wrapped under."""
    found = await asyncio.gather(*(store.run("HVALS", names.user_deks(each)) for each in user_ids))
    return {read_key_id(wrapped, Kind.WRAPPED_DEK) for deks in found for wrapped in deks}


async def test_every_data_key_is_rewrapped_and_the_old_key_goes(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-10. Two workers serve meanwhile; both read and write under the new key afterwards."""
    async with worker(store, tmp_path, "one") as one, worker(store, tmp_path, "two") as two:
        users = [await one.new_user() for _ in range(12)]
        old = ring_on_disk(tmp_path)

        done = await rotate_kek(store, tmp_path, one, two)

        ring = ring_on_disk(tmp_path)
        assert done == Rewrapped(12)
        assert (old.ids, old.primary, ring.ids, ring.primary) == ((1,), 1, (2,), 2)
        assert await kek_ids(store, users) == {2}
        for each in (one, two):
            assert each.keeper.rings.ring.ids == (2,)
            assert all([await each.opens(user_id) for user_id in users])
        assert await kek_ids(store, [await one.new_user(), await two.new_user()]) == {2}
    registry = await read_registry(store)
    assert (set(registry.needed), set(registry.retired)) == ({2}, {1})
    assert not await store.run("EXISTS", names.kek_rotation())


async def test_it_works_with_no_gateway_running_and_again_after_that(
    store: RedisStore, tmp_path: Path
) -> None:
    async with worker(store, tmp_path) as one:
        users = [await one.new_user() for _ in range(3)]

    await rotate_kek(store, tmp_path)
    await rotate_kek(store, tmp_path)

    assert ring_on_disk(tmp_path).ids == (3,)
    async with worker(store, tmp_path) as again:
        assert all([await again.opens(user_id) for user_id in users])
    assert await kek_ids(store, users) == {3}


async def test_a_rotation_cut_short_anywhere_is_finished_by_the_next(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-10. Killed after every single call to the store: at any moment a gateway starts and opens
    everything, and the next run rewraps what is left, under the same new key."""
    crashes, begun_anew = 0, 0
    for calls in range(1, 500):
        home = tmp_path / str(calls)
        await store.run("FLUSHALL")
        async with worker(store, home) as one:
            users = [await one.new_user() for _ in range(3)]
        mortal = MortalStore(store)
        try:
            async with worker(mortal, home, "killed") as command:
                under_way = await rotation(mortal, command, home)
                mortal.calls_left = calls
                for step in Step:
                    await under_way.do(step)
                mortal.calls_left = None
        except Crash:
            crashes += 1
        else:
            break
        await store.run("DEL", names.key_reports())  # which would be waited for until stale

        async with worker(store, home, "after") as after:
            assert all([await after.opens(user_id) for user_id in users])
        await rotate_kek(store, home)

        assert ring_on_disk(home).ids in ((2,), (3,))
        begun_anew += ring_on_disk(home).ids == (3,)
        assert len(await kek_ids(store, users)) == 1
        async with worker(store, home, "again") as again:
            assert all([await again.opens(user_id) for user_id in users])
    assert crashes > 20
    assert begun_anew == 1  # the one that was killed when nothing was left to be done


async def test_promotion_waits_for_every_process_and_names_the_one_that_lags(
    store: RedisStore, tmp_path: Path
) -> None:
    async with worker(store, tmp_path, "command") as command:
        await write_report(store, KeyReport("worker 7 of far away", "p7", 1, {1: "aa"}))
        under_way = await rotation(store, command, tmp_path, wait_s=0.2)

        with pytest.raises(RotationHeld, match="worker 7 of far away"):
            await under_way.do(Step.ADD)
        with pytest.raises(RotationHeld, match="worker 7 of far away"):
            await under_way.do(Step.PROMOTE)

        assert ring_on_disk(tmp_path).primary == 1
        with pytest.raises(RotationHeld, match="promote it first"):
            await under_way.do(Step.REWRAP)
        with pytest.raises(RotationHeld, match="promote it first"):
            await under_way.do(Step.RETIRE)


async def test_a_process_that_wraps_under_the_old_key_holds_up_rewrapping_and_retirement(
    store: RedisStore, tmp_path: Path
) -> None:
    async with worker(store, tmp_path, "command") as command:
        under_way = await rotation(store, command, tmp_path, wait_s=0.2)
        await under_way.do(Step.ADD)
        await under_way.do(Step.PROMOTE)
        held = command.keeper.rings.ring.check_values()
        await write_report(store, KeyReport("a laggard", "p7", 1, held))

        for step in (Step.REWRAP, Step.RETIRE):
            with pytest.raises(RotationHeld, match="a laggard to wrap under key id 2"):
                await under_way.do(step)

        assert ring_on_disk(tmp_path).ids == (1, 2)
        assert set((await read_registry(store)).needed) == {1, 2}


async def test_a_data_key_left_under_the_old_id_is_found_before_it_is_retired(
    store: RedisStore, tmp_path: Path
) -> None:
    """Also one that is in no index: the keys themselves are counted, not the list of users."""
    async with worker(store, tmp_path, "command") as command:
        user_id = await command.new_user()
        under_way = await rotation(store, command, tmp_path)
        for step in (Step.ADD, Step.PROMOTE, Step.REWRAP):
            await under_way.do(step)
        old = ring_on_disk(tmp_path).with_primary(1)
        straggler = "u_" + "s" * 22
        wrapped = old.wrap(straggler, 1, b"n" * 12, bytes(range(32)))
        await store.run("HSET", names.user_deks(straggler), 1, wrapped)

        done = await under_way.do(Step.RETIRE)

        assert done == Rewrapped(1)
        assert await kek_ids(store, [user_id, straggler]) == {2}


async def test_a_data_key_that_was_altered_is_counted_and_holds_nothing_up(
    store: RedisStore, tmp_path: Path
) -> None:
    async with worker(store, tmp_path) as one:
        good, bad = await one.new_user(), await one.new_user()
        wrapped = bytearray(await store.run("HGET", names.user_deks(bad), 1))
        wrapped[-1] ^= 1
        await store.run("HSET", names.user_deks(bad), 1, bytes(wrapped))

        done = await rotate_kek(store, tmp_path, one)

        assert done == Rewrapped(1, frozenset([bad]))
        assert await store.run("HGET", names.user_deks(bad), 1) == bytes(wrapped)
        assert await one.opens(good)
        with pytest.raises(RecordIntegrity):
            await one.opens(bad)


async def test_a_request_that_began_before_the_rotation_ends_after_it(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-10. Its copy of the data key is wrapped under a key that has been retired since."""
    async with worker(store, tmp_path) as one:
        user_id = await one.new_user()
        in_flight = await one.accounts.load(user_id)

        await rotate_kek(store, tmp_path, one)

        assert one.keeper.rings.ring.ids == (2,)
        assert one.keys.open_key(in_flight, "openai").secret.reveal()


async def test_accounts_in_memory_are_read_again_once_their_data_key_was_rewrapped(
    store: RedisStore, tmp_path: Path
) -> None:
    """B-10. Or they would go on with copies that stop opening when the old key's time is over."""
    async with worker(store, tmp_path) as one:
        user_id = await one.new_user()
        minted = await one.tokens.mint(user_id, TokenRequest("app"))
        header = f"Bearer {minted.token.reveal()}"
        before = (await one.accounts.authenticate(header)).account.data_keys

        await rotate_kek(store, tmp_path, one)

        after = (await one.accounts.authenticate(header)).account.data_keys
        assert read_key_id(before.wrapped[1], Kind.WRAPPED_DEK) == 1
        assert read_key_id(after.wrapped[1], Kind.WRAPPED_DEK) == 2


async def test_two_rotations_at_the_same_moment_are_one(store: RedisStore, tmp_path: Path) -> None:
    async with worker(store, tmp_path, "a") as a, worker(store, tmp_path, "b") as b:
        users = [await a.new_user() for _ in range(30)]
        first = await rotation(store, a, tmp_path, [b])
        await first.do(Step.ADD)
        await first.do(Step.PROMOTE)
        second = await rotation(store, b, tmp_path, [a])

        done = await asyncio.gather(first.do(Step.REWRAP), second.do(Step.REWRAP))

        assert second.to == first.to == 2
        assert second.resumed
        assert sum(each.data_keys for each in done) == 30
        assert await kek_ids(store, users) == {2}


async def test_a_run_goes_on_where_the_last_one_was_cut(store: RedisStore, tmp_path: Path) -> None:
    async with worker(store, tmp_path) as one:
        for _ in range(5):
            await one.new_user()
        members = await store.run("ZRANGE", names.users(), 0, -1)
        told: list[tuple[int, int]] = []
        under_way = await rotation(
            store, one, tmp_path, told=lambda done, total: told.append((done, total))
        )
        await under_way.do(Step.ADD)
        await under_way.do(Step.PROMOTE)
        await store.run("HSET", names.kek_rotation(), "cursor:2", members[2])

        await under_way.do(Step.REWRAP)

        assert told[0] == (3, 5)
        assert told[-1] == (5, 5)
        assert await store.run("HGET", names.kek_rotation(), "cursor:2") == members[-1]


async def test_an_id_is_never_used_again(store: RedisStore, tmp_path: Path) -> None:
    """The ring of before the rotation is refused; and so is another key under a retired id."""
    async with worker(store, tmp_path) as one:
        await one.new_user()
    before = (tmp_path / "keys" / "kek.json").read_text()
    await rotate_kek(store, tmp_path)
    after = ring_on_disk(tmp_path)
    file = sources(tmp_path).kek.path
    assert file is not None

    replace_secret(file, before, "keys.kek")
    with pytest.raises(ConfigError, match="key id 2 is not given"):
        async with worker(store, tmp_path):
            pass
    both = ring_on_disk(tmp_path).with_keys_of(after)
    replace_secret(file, both.to_text(), "keys.kek")
    with pytest.raises(ConfigError, match="key id 1 was retired"):
        async with worker(store, tmp_path):
            pass
    replace_secret(file, after.with_key(1, hashlib.sha256(b"other").digest()).to_text(), "keys.kek")
    with pytest.raises(ConfigError, match="key id 1 is not the one"):
        async with worker(store, tmp_path):
            pass
    replace_secret(file, after.with_keys_of(both).to_text(), "keys.kek")
    async with worker(store, tmp_path) as one:  # harmless beside the new one
        assert one.keeper.rings.ring.primary == 2
