"""The ring of a running process: what a reload takes, what it refuses, when a new key wraps."""

import asyncio
import base64
import hashlib
import logging
import os
import sys
from pathlib import Path

import pytest

from gateway.errors import RecordIntegrity, StoreAway
from gateway.store import names
from gateway.store.client import RedisStore
from gateway.vault.codec import Kind, read_key_id
from gateway.vault.keeper import RingKeeper
from gateway.vault.key_files import KeySources, SecretSource, replace_secret
from gateway.vault.key_reports import KeyReport, pid_space, read_reports, write_report
from gateway.vault.key_ring import KeyRing
from gateway.vault.registry import read_registry, retire_key
from gateway.vault.vault import DataKeys, RecordType, Vault
from tests.identity.scene import ManualClock, WatchedStore
from tests.rotation.scene import (
    GRACE_S,
    InterposedStore,
    WorkerScene,
    ring_on_disk,
    sources,
    worker,
)
from tests.vault.rings import KEYS, OTHER, RINGS, put_ring
from tests.waiting import async_wait_until


def ids_of(scene: WorkerScene) -> list[int]:
    return list(scene.keeper.rings.ring.ids)


def wrapped_under(vault: Vault) -> int:
    """The id of the key that wraps a new data key now."""
    return read_key_id(vault.new_data_key("u_a"), Kind.WRAPPED_DEK)


async def test_an_id_is_added_promoted_and_taken_away_by_reloads(
    store: RedisStore, tmp_path: Path
) -> None:
    put_ring(tmp_path, RINGS["1"])
    async with worker(store, tmp_path) as one:
        seen = []
        for ring in ("1,2", "1,2 promoted"):
            put_ring(tmp_path, RINGS[ring])
            await one.keeper.reload()
            seen.append((one.keeper.rings.ring.ids, wrapped_under(one.vault)))
        await retire_key(store, 1)
        put_ring(tmp_path, RINGS["2"])
        await one.keeper.reload()
        seen.append((one.keeper.rings.ring.ids, wrapped_under(one.vault)))

        assert seen == [((1, 2), 1), ((1, 2), 2), ((2,), 2)]
        (report,) = await read_reports(store)
        assert (report.primary, set(report.held)) == (2, {2})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (KeyRing({1: OTHER}, 1).to_text(), "the bytes of key id 1 have changed"),
        (KeyRing({1: OTHER, 2: KEYS[2]}, 2).to_text(), "the bytes of key id 1 have changed"),
        (KeyRing({2: KEYS[2]}, 2).to_text(), "key id 1 is not given"),
        ("", "is empty"),
        ("{", "not a key ring"),
        ('{"primary": 3, "keys": {}}', "names a key id that is not in"),
    ],
)
async def test_a_ring_that_may_not_be_taken_changes_nothing_and_is_logged(
    store: RedisStore, tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, why: str
) -> None:
    """B-07. Changed bytes, and a key that data keys still use, are refused while serving, too."""
    put_ring(tmp_path, RINGS["1"])
    async with worker(store, tmp_path) as one:
        before = await store.run("HGETALL", names.keyring_check())
        file = sources(tmp_path).kek.path
        assert file is not None
        replace_secret(file, text, "keys.kek")

        with caplog.at_level(logging.INFO, "gateway.vault"):
            await one.keeper.reload()

        assert why in caplog.text
        assert base64.b64encode(OTHER).decode() not in caplog.text
        assert caplog.records[-1].levelno == logging.ERROR
        assert one.keeper.rings.ring.check_values() == RINGS["1"].check_values()
        assert await store.run("HGETALL", names.keyring_check()) == before
        assert wrapped_under(one.vault) == 1


async def test_a_lost_ring_file_is_refused(
    store: RedisStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with worker(store, tmp_path) as one:
        (tmp_path / "keys" / "kek.json").unlink()

        await one.keeper.reload()

        assert "keys.kek: is gone: expected the file" in caplog.text
        assert wrapped_under(one.vault) == 1


async def test_a_new_primary_waits_until_every_process_holds_it(
    store: RedisStore, tmp_path: Path
) -> None:
    """Each replica has a file of its own here, and is given the promoted ring at once."""
    homes = [tmp_path / "a", tmp_path / "b"]
    put_ring(homes[0], RINGS["1"])
    put_ring(homes[1], RINGS["1"])
    for name in ("pepper", "receipt.key"):
        secret = base64.b64encode(hashlib.sha256(name.encode()).digest()).decode()
        for home in homes:
            (home / "keys" / name).write_text(secret)
            (home / "keys" / name).chmod(0o600)
    async with worker(store, homes[0]) as a, worker(store, homes[1]) as b:
        put_ring(homes[0], RINGS["1,2 promoted"])
        await a.keeper.reload()

        assert ids_of(a) == [1, 2]
        assert wrapped_under(a.vault) == 1
        assert set((await read_registry(store)).needed) == {1}

        put_ring(homes[1], RINGS["1,2 promoted"])
        await b.keeper.reload()
        assert wrapped_under(b.vault) == 2  # a holds it already
        await async_wait_until(lambda: wrapped_under(a.vault) == 2)


async def test_a_process_that_is_just_starting_is_waited_for(
    store: RedisStore, tmp_path: Path
) -> None:
    """It announced itself and may have read the ring of before."""
    put_ring(tmp_path, RINGS["1"])
    async with worker(store, tmp_path) as one:
        await write_report(store, KeyReport("starting", "p2"))
        put_ring(tmp_path, RINGS["1,2 promoted"])
        await one.keeper.reload()
        assert wrapped_under(one.vault) == 1

        held = one.keeper.rings.ring.check_values()
        await write_report(store, KeyReport("starting", "p2", 1, held))
        await async_wait_until(lambda: wrapped_under(one.vault) == 2)


async def test_a_process_announces_itself_before_it_reads_its_ring(
    store: RedisStore, tmp_path: Path
) -> None:
    """Or a promotion could pass between the reading and the first report."""
    seen: list[tuple[bool, list[int]]] = []

    async def look(what: str, call: int) -> None:
        reports = await read_reports(store)
        seen.append(((tmp_path / "keys" / "kek.json").exists(), [each.primary for each in reports]))

    async with worker(InterposedStore(store, look), tmp_path):
        pass

    assert seen[0] == (False, [])  # the announcement itself
    assert seen[1] == (False, [0])  # the first look at the store, before the ring is made or read


async def test_a_process_that_starts_with_a_promoted_ring_waits_likewise(
    store: RedisStore, tmp_path: Path
) -> None:
    put_ring(tmp_path, RINGS["1"])
    async with worker(store, tmp_path) as one:
        put_ring(tmp_path, RINGS["1,2 promoted"])
        async with worker(store, tmp_path) as two:
            assert (wrapped_under(one.vault), wrapped_under(two.vault)) == (1, 1)
            await one.keeper.reload()
            await async_wait_until(
                lambda: (wrapped_under(one.vault), wrapped_under(two.vault)) == (2, 2)
            )


async def test_another_key_under_the_new_id_is_not_the_new_key(
    store: RedisStore, tmp_path: Path
) -> None:
    put_ring(tmp_path, RINGS["1"])
    async with worker(store, tmp_path) as one:
        other = KeyRing({1: KEYS[1], 2: OTHER}, 1).check_values()
        await write_report(store, KeyReport("mistaken", "p2", 1, other))
        put_ring(tmp_path, RINGS["1,2 promoted"])

        await one.keeper.reload()

        assert wrapped_under(one.vault) == 1


async def test_a_retired_key_opens_what_is_in_flight_for_a_while_and_then_no_more(
    store: RedisStore, tmp_path: Path
) -> None:
    clock = ManualClock()
    put_ring(tmp_path, RINGS["1"])
    async with worker(store, tmp_path, clock=clock) as one:
        keys = DataKeys("u_a", {1: one.vault.new_data_key("u_a")})
        sealed = one.vault.seal(keys, RecordType.CONTEXT, "r", b"dear diary")
        for ring in ("1,2", "1,2 promoted"):
            put_ring(tmp_path, RINGS[ring])
            await one.keeper.reload()
        await retire_key(store, 1)
        put_ring(tmp_path, RINGS["2"])
        await one.keeper.reload()
        clock.pass_s(GRACE_S - 1)
        await one.keeper.reload()  # the same ring again does not give it more time

        assert one.vault.open(keys, RecordType.CONTEXT, "r", sealed) == b"dear diary"
        clock.pass_s(1)
        with pytest.raises(RecordIntegrity):
            one.vault.open(keys, RecordType.CONTEXT, "r", sealed)


async def test_a_data_key_under_an_unknown_id_has_the_ring_read_again_first(
    store: RedisStore, tmp_path: Path
) -> None:
    """A worker that slept through the reload: its file has the new key already."""
    clock = ManualClock()
    put_ring(tmp_path, RINGS["1"])
    async with worker(store, tmp_path, clock=clock) as one:
        user_id = await one.new_user()
        put_ring(tmp_path, RINGS["1,2"])
        dek = RINGS["1,2"].unwrap(
            user_id, 1, await store.run("HGET", names.user_deks(user_id), "1")
        )
        moved = RINGS["2"].wrap(user_id, 1, b"n" * 12, dek)
        await store.run("HSET", names.user_deks(user_id), "1", moved)

        assert await one.opens(user_id)


async def test_an_id_that_no_ring_has_is_not_looked_for_at_every_request(
    store: RedisStore, tmp_path: Path
) -> None:
    clock = ManualClock()
    async with worker(store, tmp_path, clock=clock) as one:
        user_id = await one.new_user()
        foreign = KeyRing({9: OTHER}, 9).wrap(user_id, 1, b"n" * 12, bytes(32))
        keys = DataKeys(user_id, {1: foreign})
        await one.keeper.catch_up(keys)
        added = ring_on_disk(tmp_path).with_key(2, KEYS[2])
        put_ring(tmp_path, added)

        await one.keeper.catch_up(keys)
        assert ids_of(one) == [1]
        clock.pass_s(6)
        await one.keeper.catch_up(keys)
        assert ids_of(one) == [1, 2]


async def test_a_process_that_lost_the_store_makes_no_data_key_until_it_is_heard_of(
    store: RedisStore, tmp_path: Path
) -> None:
    """Its report may have been passed over, and the key it wraps under retired meanwhile."""
    clock, watched = ManualClock(), WatchedStore(store)
    put_ring(tmp_path, RINGS["1"])
    async with worker(watched, tmp_path, clock=clock) as one:
        wrapped_under(one.vault)
        watched.away = True
        clock.pass_s(26)

        with pytest.raises(StoreAway):
            one.vault.new_data_key("u_a")
        with pytest.raises(StoreAway):
            await one.keeper.look()
        put_ring(tmp_path, RINGS["1,2 promoted"])
        watched.away = False
        await one.keeper.look()

        assert wrapped_under(one.vault) == 2  # it read its ring before it reported again


async def test_a_process_whose_primary_was_retired_meanwhile_makes_no_data_key(
    store: RedisStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody gave it the new ring: it cannot have been asked, so it must have been away."""
    clock = ManualClock()
    put_ring(tmp_path, RINGS["1"])
    async with worker(store, tmp_path, clock=clock) as one:
        await retire_key(store, 1)
        clock.pass_s(26)

        await one.keeper.look()

        assert "key id 1 was retired" in caplog.text
        with pytest.raises(StoreAway):
            one.vault.new_data_key("u_a")


async def test_a_reload_while_the_store_is_away_is_made_up_for(
    store: RedisStore, tmp_path: Path
) -> None:
    watched = WatchedStore(store)
    put_ring(tmp_path, RINGS["1"])
    async with worker(watched, tmp_path) as one:
        put_ring(tmp_path, RINGS["1,2"])
        watched.away = True
        await one.keeper.reload()
        assert ids_of(one) == [1]

        watched.away = False
        await one.keeper.look()

        assert ids_of(one) == [1, 2]


async def test_a_key_that_others_have_been_given_is_looked_for(
    store: RedisStore, tmp_path: Path
) -> None:
    """Two gateways over one ring file, of which a command can signal but one."""
    put_ring(tmp_path, RINGS["1"])
    async with worker(store, tmp_path) as one, worker(store, tmp_path) as two:
        put_ring(tmp_path, RINGS["1,2"])
        await one.keeper.reload()

        await two.keeper.look()

        assert ids_of(two) == [1, 2]


async def test_a_ring_from_a_variable_stays_as_it_is(store: RedisStore, tmp_path: Path) -> None:
    base = sources(tmp_path)
    from_variable = KeySources(
        kek=SecretSource("keys.kek_env", variable="RING"), pepper=base.pepper, receipt=base.receipt
    )
    keeper = RingKeeper(store, from_variable, ManualClock(), "worker", lambda: GRACE_S)
    await keeper.open({"RING": RINGS["1"].to_text()})

    await keeper.reload()

    assert keeper.ring_file is None
    assert keeper.rings.ring.ids == (1,)
    await keeper.aclose()


async def test_a_ring_from_a_program_is_asked_for_again(store: RedisStore, tmp_path: Path) -> None:
    """B-09."""
    put_ring(tmp_path, RINGS["1"])
    base = sources(tmp_path)
    program = ("/bin/cat", str(base.kek.path))
    from_program = KeySources(
        kek=SecretSource("keys.kek_command", command=program),
        pepper=base.pepper,
        receipt=base.receipt,
    )
    keeper = RingKeeper(store, from_program, ManualClock(), "worker", lambda: GRACE_S)
    await keeper.open({})
    put_ring(tmp_path, RINGS["1,2"])

    await keeper.reload()

    assert keeper.ring_file is None
    assert keeper.rings.ring.ids == (1, 2)
    await keeper.aclose()


async def test_a_process_that_ends_takes_its_report_away(store: RedisStore, tmp_path: Path) -> None:
    async with worker(store, tmp_path, "one"):
        assert [report.who for report in await read_reports(store)] == ["one"]

    assert await read_reports(store) == []


async def test_a_start_that_is_refused_leaves_no_report(store: RedisStore, tmp_path: Path) -> None:
    put_ring(tmp_path, RINGS["1"])
    async with worker(store, tmp_path):
        pass
    put_ring(tmp_path, RINGS["2"])

    with pytest.raises(Exception, match="key id 1 is not given"):
        async with worker(store, tmp_path):
            pass

    assert await read_reports(store) == []


async def test_a_report_that_is_not_renewed_is_passed_over_and_dropped(store: RedisStore) -> None:
    await write_report(store, KeyReport("old", "p1"))
    await write_report(store, KeyReport("new", "p2"))
    stale = await store.run("HGET", names.key_reports(), "p1")
    at, _, report = stale.partition(b" ")
    await store.run("HSET", names.key_reports(), "p1", b"%d %s" % (int(at) - 30_000_001, report))

    assert [each.who for each in await read_reports(store)] == ["new"]
    await write_report(store, KeyReport("new", "p2"))
    assert await store.run("HKEYS", names.key_reports()) == [b"p2"]


async def test_a_process_that_was_killed_is_not_waited_for_where_its_end_can_be_seen(
    store: RedisStore,
) -> None:
    ended = await asyncio.create_subprocess_exec(sys.executable, "-c", "")
    await ended.wait()
    here = pid_space()
    if not here:
        pytest.skip("this machine does not tell pid spaces apart")
    for who, pid, space in (
        ("ended here", ended.pid, here),
        ("lives here", os.getpid(), here),
        ("the same pid elsewhere", ended.pid, "elsewhere"),
        ("unknown", ended.pid, ""),
    ):
        await write_report(store, KeyReport(who, who, pid=pid, pid_space=space))

    alive = {report.who for report in await read_reports(store)}
    assert alive == {"lives here", "the same pid elsewhere", "unknown"}
