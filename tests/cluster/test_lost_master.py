"""A master of a Cluster that comes back without its data: what was booked there is booked again."""

import asyncio
import contextlib
import shutil
from pathlib import Path

import pytest

from gateway.accounting.spool.drain import Drainer
from gateway.accounting.spool.writer import SpoolWriter
from gateway.config.system_clock import SystemClock
from gateway.errors import StoreAway
from gateway.store.client import RedisStore, connect
from tests.accounting.spool.scene import of_everyone, row, spool, totals
from tests.store.cluster_scene import ClusterMaker
from tests.waiting import async_wait_until

USERS = [f"u{n}" for n in range(12)]


@pytest.mark.slow
async def test_g09_a_master_that_lost_everything_is_given_its_bookings_again(
    make_cluster: ClusterMaker, tmp_path: Path
) -> None:
    cluster = make_cluster(coverage=False)
    dead = cluster.owner_of("{u:}")  # of everyone's totals too
    own = spool(tmp_path / "spool")
    writer = SpoolWriter(own)
    async with await connect(cluster.url, timeout_s=2.0) as store:
        drainer = Drainer(
            store, SystemClock(), tmp_path / "spool", own, writer, lambda: store.epoch
        )
        running = asyncio.create_task(drainer.run())
        for number, user in enumerate(USERS * 3):
            writer.close_attempt(0, row(user, number))
        drainer.wake()
        assert await drainer.settled(15)
        lost = {user for user in USERS if cluster.owner_of(f"{{u:{user}}}") is dead}
        assert 0 < len(lost) < len(USERS)

        dead.kill()
        shutil.rmtree(dead.home / "appendonlydir")
        await async_wait_until(lambda: not store.healthy)
        await asyncio.to_thread(dead.start)
        await async_wait_until(lambda: store.healthy)
        await _until_booked(store)

        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert await _booked(store) == dict.fromkeys(USERS, (3, 30))
        assert await of_everyone(store) == (36, 360)
    writer.aclose()
    own.release()


async def _booked(store: RedisStore) -> dict[str, tuple[int, int]]:
    return {user: await totals(store, user) for user in USERS}


async def _until_booked(store: RedisStore) -> None:
    """Nothing new is written: the other life of the store is what tells."""
    async with asyncio.timeout(20):
        while True:
            with contextlib.suppress(StoreAway):  # a node that came back is not let in at once
                if await of_everyone(store) == (36, 360):
                    return
            await asyncio.sleep(0.02)
