"""Disks that are full, broken or gone, and files that somebody has spoiled."""

import asyncio
import os
import resource
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from gateway.accounting.day_totals import DEFAULT_RULES
from gateway.accounting.ledger import open_ledger
from gateway.accounting.spool.drain import Drainer
from gateway.accounting.spool.frames import HEADER, Closed, pack
from gateway.accounting.spool.place import SpoolDir
from gateway.accounting.spool.writer import SpoolWriter
from gateway.config.system_clock import SystemClock
from gateway.errors import ConfigError
from gateway.store.client import RedisStore
from gateway.store.lock import FileLock
from tests.accounting.spool.scene import has_row, of_everyone, row, spool, totals
from tests.waiting import async_wait_until

SECOND_FRAME_BYTE = 30  # of a payload


@asynccontextmanager
async def draining(
    store: RedisStore, root: Path, own: SpoolDir, writer: SpoolWriter
) -> AsyncIterator[tuple[Drainer, "asyncio.Task[None]"]]:
    drainer = Drainer(store, SystemClock(), root, own, writer, lambda: 0)
    task = asyncio.create_task(drainer.run())
    try:
        yield drainer, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.aclose()
        own.release()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond a size: writes come short, then fail."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def counted(name: str) -> float:
    return REGISTRY.get_sample_value(f"gateway_spool_{name}_total") or 0.0


def closed(number: int) -> bytes:
    return pack(Closed(number, 0, row("u", number)))


async def test_g17_good_records_are_booked_and_the_rest_is_set_aside_and_counted(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-17. Bad CRC in the middle, a foreign version, zero bytes, an empty file, a torn end."""
    dead = spool(tmp_path, "w0-dead")
    spoiled = bytearray(closed(2))
    spoiled[SECOND_FRAME_BYTE] ^= 0xFF
    segments = (
        HEADER + closed(1) + bytes(spoiled) + closed(3),
        b"gwspool\x02" + closed(4),
        HEADER + closed(5) + bytes(64),
        b"",
        HEADER + closed(6) + closed(7)[:-5],
    )
    for number, data in enumerate(segments, 1):
        dead.segment(number).write_bytes(data)
    dead.release()
    before = counted("unreadable_frames")
    own = spool(tmp_path, "w0-new")
    async with draining(store, tmp_path, own, SpoolWriter(own)):
        async with asyncio.timeout(15):
            while not await has_row(store, "u", 6):  # noqa: ASYNC110  # the store tells nobody
                await asyncio.sleep(0.01)
        await async_wait_until((dead.path / "drained").exists)
    assert await totals(store, "u") == await of_everyone(store) == (4, 40)
    assert counted("unreadable_frames") - before == 5
    kept = (dead.path / "unreadable").read_bytes()
    assert kept == bytes(spoiled) + b"gwspool\x02" + bytes(64) + closed(7)[:-5]


async def test_g18_a_full_disk_costs_nothing_and_leaves_no_corrupt_file_in_the_way(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-18. Files that may not grow, then none at all, then room again."""
    own = spool(tmp_path)
    writer = SpoolWriter(own)
    before = counted("failures")
    with largest_file(4096):
        for number in range(60):
            writer.close_attempt(0, row("u", number))
    torn = len(own.segments()) - 1
    assert torn >= 3
    with largest_file(0):
        for number in range(60, 70):
            writer.close_attempt(0, row("u", number))
        assert writer.held == 10
    assert len(own.segments()) == torn + 1
    assert counted("failures") - before >= torn + 10
    async with draining(store, tmp_path, own, writer) as (drainer, _):
        writer.close_attempt(0, row("u", 70))
        drainer.wake()
        assert await drainer.settled(10)
    assert writer.held == 0
    assert await totals(store, "u") == await of_everyone(store) == (71, 710)


async def test_g19_a_spool_that_cannot_be_written_refuses_the_start(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-19. A file stands where the directory should be: that stops root as well."""
    (tmp_path / "spool").write_text("in the way")
    with pytest.raises(ConfigError, match="cannot be written"):
        open_ledger(tmp_path / "spool", 0, store, SystemClock(), lambda: DEFAULT_RULES)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_g19_a_read_only_spool_refuses_the_start(store: RedisStore, tmp_path: Path) -> None:
    """G-19."""
    root = tmp_path / "spool"
    root.mkdir(mode=0o500)
    with pytest.raises(ConfigError, match="cannot be written"):
        open_ledger(root, 0, store, SystemClock(), lambda: DEFAULT_RULES)


async def test_g19_memory_for_what_no_disk_takes_has_an_end_and_an_alarm(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-19. The directory is gone and cannot be made again; then it can."""
    root = tmp_path / "spool"
    own = spool(root)
    writer = SpoolWriter(own, most_held=20)
    writer.begin()
    shutil.rmtree(root)
    root.write_text("in the way")
    before, lost = counted("failures"), counted("records_lost")
    async with draining(store, root, own, writer) as (drainer, task):
        await async_wait_until(lambda: counted("failures") > before)  # noticed before any write
        for number in range(25):
            writer.close_attempt(0, row("u", number))
        drainer.wake()
        assert (writer.held, counted("records_lost") - lost) == (20, 5)
        assert not await drainer.settled(0.6)
        assert not task.done()
        root.unlink()
        await async_wait_until(lambda: writer.held == 0)
        drainer.wake()
        assert await drainer.settled(10)
    assert await totals(store, "u") == await of_everyone(store) == (20, 200)


async def test_g19_a_removed_folder_is_made_again_and_nobody_else_takes_it_for_a_dead_ones(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-19."""
    own = spool(tmp_path)
    writer = SpoolWriter(own)
    async with draining(store, tmp_path, own, writer) as (drainer, _):
        opened = writer.open(row("u", 1))
        shutil.rmtree(own.path)
        before = counted("failures")
        await async_wait_until(lambda: counted("failures") > before)
        writer.close_attempt(opened, row("u", 1))
        drainer.wake()
        assert await drainer.settled(10)
        with FileLock(own.path / "lock") as lock:
            assert not lock.try_exclusive()
    assert await totals(store, "u") == await of_everyone(store) == (1, 10)


@pytest.mark.parametrize("always", [True, False])
async def test_g20_after_a_failed_flush_a_new_file_is_begun(
    store: RedisStore, tmp_path: Path, *, always: bool
) -> None:
    """G-20. A disk says only once that it has lost something; what it was given counts once."""
    failures = [True]

    def flush(descriptor: int) -> None:
        if failures and failures.pop():
            raise OSError(5, "Input/output error")
        os.fdatasync(descriptor)

    own = spool(tmp_path)
    writer = SpoolWriter(own, always_flush=always, flush=flush)
    before = counted("failures")
    async with draining(store, tmp_path, own, writer) as (drainer, _):
        writer.close_attempt(0, row("u", 1))
        await async_wait_until(lambda: counted("failures") == before + 1)
        await async_wait_until(lambda: writer.held == 0)
        writer.close_attempt(0, row("u", 2))
        drainer.wake()
        assert await drainer.settled(10)
        assert own.segments() == [1, 2]
    assert await totals(store, "u") == await of_everyone(store) == (2, 20)


async def test_g16_a_spool_that_two_adopt_at_once_is_booked_once(
    store: RedisStore, tmp_path: Path
) -> None:
    """G-16. The lock lets one in; and were there no lock, the watermarks would do."""
    dead = spool(tmp_path / "a", "w0-dead")
    old = SpoolWriter(dead, max_segment_bytes=4096)
    for number in range(300):
        old.close_attempt(old.open(row(f"u{number % 3}", number)), row(f"u{number % 3}", number))
    old.aclose()
    dead.release()
    (tmp_path / "b").mkdir()
    os.symlink(dead.path, tmp_path / "b" / "w0-dead")
    shutil.copytree(dead.path, tmp_path / "c" / "w0-dead")
    owns = {name: spool(tmp_path / name, f"w1-{name}") for name in "abc"}
    pens = {name: SpoolWriter(owns[name]) for name in "abc"}
    async with (
        draining(store, tmp_path / "a", owns["a"], pens["a"]),
        draining(store, tmp_path / "b", owns["b"], pens["b"]),
        draining(store, tmp_path / "c", owns["c"], pens["c"]),
    ):
        notes = (tmp_path / "a" / "w0-dead" / "drained", tmp_path / "c" / "w0-dead" / "drained")
        await async_wait_until(lambda: all(note.exists() for note in notes))
    assert [await totals(store, f"u{n}") for n in range(3)] == [(100, 1000)] * 3
    assert await of_everyone(store) == (300, 3000)


async def test_g09_a_store_that_was_emptied_is_told_of_loudly_and_given_its_usage_again(
    store: RedisStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """G-09. The server goes on, nobody connects anew, and the users concerned do nothing more."""
    own = spool(tmp_path)
    writer = SpoolWriter(own)
    before = REGISTRY.get_sample_value("gateway_store_emptied_total") or 0.0
    async with draining(store, tmp_path, own, writer) as (drainer, _):
        for number in range(30):
            writer.close_attempt(0, row("u", number))
        drainer.wake()
        assert await drainer.settled(10)
        await async_wait_until((tmp_path / "store.mark").exists)
        await store.run("FLUSHALL")
        async with asyncio.timeout(15):
            while await of_everyone(store) != (30, 300):  # noqa: ASYNC110  # the store tells nobody
                await asyncio.sleep(0.01)
    assert await totals(store, "u") == (30, 300)
    assert REGISTRY.get_sample_value("gateway_store_emptied_total") == before + 1
    told = [record for record in caplog.records if "emptied" in record.message]
    assert [record.levelname for record in told] == ["ERROR"]
