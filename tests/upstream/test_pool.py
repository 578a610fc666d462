"""The pool by itself: slots, idle connections, and what a cancel must not lose."""

import asyncio

import pytest

from gateway.upstream.origin import Origin
from gateway.upstream.pool import Pool, PoolKey
from gateway.upstream.transport import Limits

KEY = PoolKey(Origin("https", "a.example", 443), True)
OTHER = PoolKey(Origin("https", "a.example", 443), False)


class FakeConnection:
    def __init__(self) -> None:
        self.reusable = True
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True
        self.reusable = False

    async def wait_closed(self) -> None:
        assert self.aborted


class ManualClock:
    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Scene:
    """A pool over fake connections and a clock that the test moves."""

    def __init__(self, limits: Limits) -> None:
        self.clock = ManualClock()
        self.opened: list[FakeConnection] = []
        self.pool = Pool(self._open, limits, self.clock)

    async def _open(self, key: PoolKey, timeout_s: float) -> FakeConnection:
        self.opened.append(FakeConnection())
        return self.opened[-1]


async def test_the_connection_used_last_is_used_first() -> None:
    scene = Scene(Limits())
    first = await scene.pool.acquire(KEY, 1)
    second = await scene.pool.acquire(KEY, 1)
    scene.pool.release(first)
    scene.pool.release(second)
    again = await scene.pool.acquire(KEY, 1)
    assert again.connection is second.connection
    assert (first.reused, second.reused, again.reused) == (False, False, True)
    await scene.pool.aclose()


async def test_policies_have_connections_of_their_own() -> None:
    scene = Scene(Limits())
    scene.pool.release(await scene.pool.acquire(KEY, 1))
    assert not (await scene.pool.acquire(OTHER, 1)).reused
    await scene.pool.aclose()


async def test_an_expired_connection_is_closed_not_used() -> None:
    scene = Scene(Limits(keepalive_s=30))
    scene.pool.release(await scene.pool.acquire(KEY, 1))
    scene.clock.time += 30
    assert not (await scene.pool.acquire(KEY, 1)).reused
    assert scene.opened[0].aborted
    await scene.pool.aclose()


async def test_a_fresh_connection_is_opened_though_an_idle_one_is_there() -> None:
    scene = Scene(Limits())
    scene.pool.release(await scene.pool.acquire(KEY, 1))
    assert not (await scene.pool.acquire(KEY, 1, fresh=True)).reused
    assert len(scene.opened) == 2
    await scene.pool.aclose()


async def test_a_connection_that_cannot_serve_again_is_closed_on_release() -> None:
    scene = Scene(Limits())
    lease = await scene.pool.acquire(KEY, 1)
    lease.connection.reusable = False
    scene.pool.release(lease)
    scene.pool.release(lease)
    assert lease.connection.aborted
    await scene.pool.aclose()


async def test_a_full_origin_makes_wait_and_times_out_without_losing_the_slot() -> None:
    scene = Scene(Limits(max_connections=1))
    held = await scene.pool.acquire(KEY, 1)
    with pytest.raises(TimeoutError):
        await scene.pool.acquire(KEY, 0.01)
    scene.pool.release(held)
    assert (await scene.pool.acquire(KEY, 1)).reused
    await scene.pool.aclose()


async def test_a_waiter_cancelled_in_the_step_it_is_served_loses_no_slot() -> None:
    """httpcore 1.0.9's pool does: its slot count shrinks until nothing goes out any more."""
    scene = Scene(Limits(max_connections=1))
    for _ in range(3):
        held = await scene.pool.acquire(KEY, 1)
        waiter = asyncio.ensure_future(scene.pool.acquire(KEY, 1))
        await asyncio.sleep(0)
        scene.pool.release(held)
        waiter.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiter
    lease = await scene.pool.acquire(KEY, 1)
    scene.pool.release(lease)
    await scene.pool.aclose()


async def test_a_failed_connect_gives_its_slot_back() -> None:
    async def fail(key: PoolKey, timeout_s: float) -> FakeConnection:
        raise OSError

    pool = Pool(fail, Limits(max_connections=1), ManualClock())
    for _ in range(3):
        with pytest.raises(OSError):  # noqa: PT011  # our own, without text
            await pool.acquire(KEY, 1)
    await pool.aclose()


async def test_closing_the_pool_closes_idle_and_leased_connections() -> None:
    scene = Scene(Limits())
    idle, held = await scene.pool.acquire(KEY, 1), await scene.pool.acquire(KEY, 1)
    scene.pool.release(idle)
    await scene.pool.aclose()
    assert [connection.aborted for connection in scene.opened] == [True, True]
    scene.pool.release(held)
