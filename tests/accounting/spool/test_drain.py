"""From the spool to the store: exactly once, in order, whatever dies."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from msgspec.structs import replace

from gateway.accounting.rows import Status
from gateway.accounting.spool.apply import apply_rows
from gateway.accounting.spool.drain import Drainer
from gateway.accounting.spool.frames import Closed
from gateway.accounting.spool.place import SpoolDir
from gateway.accounting.spool.writer import SpoolWriter
from gateway.accounting.usage import read_request
from gateway.config.system_clock import SystemClock
from gateway.errors import StoreAway
from gateway.store import names
from gateway.store.base import Argument, Command, Script
from gateway.store.client import RedisStore
from gateway.types.usage import Usage
from tests.accounting.spool.scene import DAY, NOON, has_row, of_everyone, row, spool, totals
from tests.waiting import async_wait_until


@asynccontextmanager
async def draining(
    store: RedisStore, root: Path, own: SpoolDir, writer: SpoolWriter, life: list[int]
) -> AsyncIterator[Drainer]:
    drainer = Drainer(store, SystemClock(), root, own, writer, lambda: life[0])
    task = asyncio.create_task(drainer.run())
    try:
        yield drainer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.aclose()
        own.release()


async def test_what_is_written_is_booked_once(store: RedisStore, tmp_path: Path) -> None:
    own = spool(tmp_path)
    writer = SpoolWriter(own)
    async with draining(store, tmp_path, own, writer, [0]) as drainer:
        for number in range(200):
            opened = writer.open(row(f"u{number % 3}", number))
            writer.close_attempt(opened, row(f"u{number % 3}", number))
            drainer.wake()
        assert await drainer.settled(10)
    assert [await totals(store, f"u{n}") for n in range(3)] == [(67, 670), (67, 670), (66, 660)]
    assert await of_everyone(store) == (200, 2000)


async def test_a_dead_writers_spool_is_taken_over_and_what_it_left_open_is_closed(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-13, G-15. Written and never applied; open with and without a sign of life."""
    dead = spool(tmp_path, "w0-dead")
    old = SpoolWriter(dead)
    old.close_attempt(old.open(row("u", 1)), row("u", 1))
    old.open(row("u", 2))
    old.progress(old.open(row("u", 3)), Usage(input=3, output=4), 77)
    old.aclose()
    dead.release()
    own = spool(tmp_path, "w0-new")
    async with draining(store, tmp_path, own, SpoolWriter(own), [0]):
        await _until_booked(store, "u", 3)
    kept = (await read_request(store, "u", "req_3"))[0]
    assert (kept["status"], kept["certainty"], kept["failure"]) == (
        "cut", "estimated", "worker_lost",
    )  # fmt: skip
    assert kept["cost_usd"] == "0.000000077"
    assert (await read_request(store, "u", "req_2"))[0]["status"] == Status.CUT.value
    assert (await read_request(store, "u", "req_1"))[0]["status"] == Status.OK.value


async def test_applying_a_spool_again_changes_nothing(store: RedisStore, tmp_path: Path) -> None:
    """G-14. The note of how far it was drained is lost, so all of it is applied again."""
    first = spool(tmp_path, "w0-a")
    writer = SpoolWriter(first)
    async with draining(store, tmp_path, first, writer, [0]) as drainer:
        for number in range(50):
            writer.close_attempt(0, row("u", number))
        drainer.wake()
        assert await drainer.settled(10)
    (tmp_path / "w0-a" / "drained").unlink(missing_ok=True)
    own = spool(tmp_path, "w0-b")
    pen = SpoolWriter(own)
    async with draining(store, tmp_path, own, pen, [0]) as drainer:
        pen.close_attempt(0, row("u", 99))
        drainer.wake()
        await _until_booked(store, "u", 99)
        await async_wait_until(lambda: (tmp_path / "w0-a" / "drained").exists())
        assert await drainer.settled(10)
    assert await totals(store, "u") == await of_everyone(store) == (51, 510)


async def test_a_store_that_lost_its_tail_is_given_it_again_before_anything_new(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-03, G-06. The watermark went back with the totals; the store's life did not change."""
    own = spool(tmp_path)
    writer = SpoolWriter(own, max_segment_bytes=4096)
    async with draining(store, tmp_path, own, writer, [0]) as drainer:
        await _book(writer, drainer, range(100))
        saved = [await store.run("DUMP", key) for key in await _keys(store)]
        keys = await _keys(store)
        await _book(writer, drainer, range(100, 200))
        await store.run("FLUSHALL")
        for key, dump in zip(keys, saved, strict=True):
            await store.run("RESTORE", key, 0, dump)
        await _book(writer, drainer, range(200, 201))
    assert await totals(store, "u") == await of_everyone(store) == (201, 2010)


async def test_totals_of_everyone_that_alone_went_back_are_made_up_for(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-06. They lie elsewhere than a user's, so they may be all that was lost."""
    own = spool(tmp_path)
    writer = SpoolWriter(own, max_segment_bytes=4096)
    async with draining(store, tmp_path, own, writer, [0]) as drainer:
        await _book(writer, drainer, range(50))
        saved = await store.run("DUMP", names.totals_day(DAY))
        await _book(writer, drainer, range(50, 120))
        await store.run("RESTORE", names.totals_day(DAY), 0, saved, "REPLACE")
        await _book(writer, drainer, range(120, 121))
    assert await totals(store, "u") == await of_everyone(store) == (121, 1210)


async def test_a_writer_that_died_between_the_user_and_everyone_is_completed(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-14."""
    dead = spool(tmp_path, "w0-dead")
    old = SpoolWriter(dead)
    numbers = [old.close_attempt(0, row("u", number)) for number in range(3)]
    old.aclose()
    bookings = [Closed(seq, 0, row("u", number)) for number, seq in enumerate(numbers)]
    await apply_rows(store, "w0-dead", bookings, now=NOON)
    assert (await totals(store, "u"), await of_everyone(store)) == ((3, 30), (0, 0))
    dead.release()
    own = spool(tmp_path, "w0-new")
    async with draining(store, tmp_path, own, SpoolWriter(own), [0]):
        async with asyncio.timeout(15):
            while await of_everyone(store) == (0, 0):  # noqa: ASYNC110  # the store tells nobody
                await asyncio.sleep(0.01)
    assert await totals(store, "u") == await of_everyone(store) == (3, 30)


async def test_a_new_life_of_the_store_gets_back_what_no_new_row_would_have_told_of(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-03, G-09. All is lost, and the users concerned do nothing more."""
    own = spool(tmp_path)
    writer = SpoolWriter(own, max_segment_bytes=2048)
    life = [1]
    async with draining(store, tmp_path, own, writer, life) as drainer:
        await _book(writer, drainer, range(60))
        await store.run("FLUSHALL")
        life[0] = 2
        drainer.wake()
        assert await drainer.settled(10)
    assert await totals(store, "u") == await of_everyone(store) == (60, 600)


async def test_nothing_is_lost_or_overtaken_while_the_store_fails_at_random(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-02, G-05. Calls fail before they are sent, and after they were carried out."""
    own = spool(tmp_path)
    writer = SpoolWriter(own)
    shaky = ShakyStore(store)
    async with draining(shaky, tmp_path, own, writer, [0]) as drainer:  # type: ignore[arg-type]
        for number in range(300):
            writer.close_attempt(0, row(f"u{number % 7}", number))
            drainer.wake()
            if number % 20 == 0:
                await asyncio.sleep(0.005)
        assert await drainer.settled(60)
    assert sum([(await totals(store, f"u{n}"))[0] for n in range(7)]) == 300
    assert (await of_everyone(store))[0] == 300
    assert shaky.failed > 0


async def test_a_user_whose_place_in_the_store_is_broken_does_not_hold_up_others(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-12."""
    await store.run("SET", names.usage_rows("bad"), "not a stream")
    own = spool(tmp_path)
    writer = SpoolWriter(own)
    async with draining(store, tmp_path, own, writer, [0]) as drainer:
        writer.close_attempt(0, row("bad", 1))
        writer.close_attempt(0, row("good", 2))
        drainer.wake()
        assert await drainer.settled(10)
    assert await totals(store, "good") == (1, 10)


async def test_totals_that_are_broken_do_not_hold_up_users(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-12."""
    await store.run("SET", names.totals_day(DAY), "not a hash")
    own = spool(tmp_path)
    writer = SpoolWriter(own)
    life = [0]
    async with draining(store, tmp_path, own, writer, life) as drainer:
        await _book(writer, drainer, range(3))
        life[0] = 1
        await _book(writer, drainer, range(3, 5))
    assert await totals(store, "u") == (5, 50)


async def test_rows_of_a_user_who_is_gone_are_booked_without_what_names_anybody(
    store: RedisStore, tmp_path: Path
) -> None:
    await store.run("SET", names.user_gone("u"), "{}")
    own = spool(tmp_path)
    writer = SpoolWriter(own)
    async with draining(store, tmp_path, own, writer, [0]) as drainer:
        writer.close_attempt(0, replace(row("u", 1), feature_id="for Ann", kinds={"profile": 3}))
        drainer.wake()
        assert await drainer.settled(10)
    [kept] = await read_request(store, "u", "req_1")
    assert (kept["feature_id"], kept["context"]["kinds"]) == (None, {})
    assert await totals(store, "u") == await of_everyone(store) == (1, 10)


class ShakyStore:
    """A store whose calls fail in turns: not sent, or sent and not answered."""

    def __init__(self, store: RedisStore) -> None:
        self._store = store
        self._calls = 0
        self.failed = 0

    async def script(self, script: Script, keys: list[str], args: list[Argument]) -> object:
        self._calls += 1
        if self._calls % 5 == 1:
            self.failed += 1
            raise StoreAway("not sent")
        reply = await self._store.script(script, keys, args)
        if self._calls % 5 == 3:
            self.failed += 1
            raise StoreAway("not answered")
        return reply

    async def run(self, *command: Argument) -> object:
        return await self._store.run(*command)

    async def run_many(self, commands: list[Command]) -> list[object]:
        return await self._store.run_many(commands)


async def _book(writer: SpoolWriter, drainer: Drainer, numbers: range) -> None:
    for number in numbers:
        writer.close_attempt(0, row("u", number))
    drainer.wake()
    assert await drainer.settled(10)


async def _until_booked(store: RedisStore, user: str, number: int) -> None:
    async with asyncio.timeout(15):
        while not await has_row(store, user, number):  # noqa: ASYNC110  # the store tells nobody
            await asyncio.sleep(0.01)


async def _keys(store: RedisStore) -> list[bytes]:
    found: list[bytes] = await store.run("KEYS", "gw:*")
    return found
