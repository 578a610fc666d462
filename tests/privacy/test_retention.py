"""The retention sweep: what is past its time goes, once a day, whoever dies meanwhile."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.config.kinds import BUILTIN_KINDS
from gateway.errors import StoreAway
from gateway.privacy.retention import RetentionSweep, Sweep
from gateway.store import names
from gateway.store.base import Argument, Command, Script, Server, Store
from gateway.store.client import RedisStore
from gateway.types.context import Kind
from tests.context.scene import ENTRIES, FEELS, PILLARS, ContextScene, Owner, draft, make_context
from tests.waiting import async_wait_until


def kept(**days: int) -> Mapping[str, Kind]:
    said = {name: replace(BUILTIN_KINDS[name], retention_days=n) for name, n in days.items()}
    return {**BUILTIN_KINDS, **said}


def sweeper(scene: ContextScene, store: Store, kinds: Mapping[str, Kind]) -> RetentionSweep:
    return RetentionSweep(store, lambda: kinds, scene.identity.clock)


async def user_with_days(scene: ContextScene, days: Sequence[int]) -> Owner:
    """Make a user with an entry and a feeling so many days ago each."""
    user = await scene.new_user()
    today = datetime.fromtimestamp(scene.identity.clock.now(), UTC).date()
    for kind in (ENTRIES, FEELS):
        drafts = [draft(str(n), today - timedelta(n), text="x") for n in days]
        await scene.source.put(user.keys, kind, drafts, today)
    return user


async def days_left(scene: ContextScene, user: Owner, kind: str) -> list[int]:
    page = await scene.source.page(user.id, kind, limit=500)
    return [int(record.id) for record in page.records]


async def test_records_past_their_kinds_retention_are_deleted_whole(store: RedisStore) -> None:
    scene = make_context(store)
    users = [await user_with_days(scene, (0, 29, 30, 31, 400)) for _ in range(3)]
    pillar = draft("p", name="old as the hills")
    await scene.source.put(users[0].keys, PILLARS, [pillar], date(2020, 1, 1))

    done = await sweeper(scene, store, kept(entries=30, pillars=1)).sweep_once()

    assert done == Sweep(users=3, records=6)
    for user in users:
        assert await days_left(scene, user, "entries") == [0, 29, 30]
        assert await days_left(scene, user, "feels") == [0, 29, 30, 31, 400]
        assert await store.run("HLEN", names.context(user.id, "entries")) == 3
        assert await store.run("ZCARD", names.context_days(user.id, "entries")) == 3
    assert await scene.source.get(users[0].id, "pillars", "p") is not None


async def test_thousands_of_old_records_of_one_user_go_in_one_sweep(store: RedisStore) -> None:
    scene = make_context(store)
    user = await user_with_days(scene, range(1_300))

    done = await sweeper(scene, store, kept(entries=10, feels=1_299)).sweep_once()

    assert done == Sweep(users=1, records=1_289)
    assert await days_left(scene, user, "entries") == list(range(11))


async def test_without_a_retention_nothing_is_asked_of_the_store(store: RedisStore) -> None:
    scene = make_context(store)
    await user_with_days(scene, (9_999,))
    scene.identity.store.asked.clear()

    assert await sweeper(scene, scene.identity.store, BUILTIN_KINDS).sweep_once() is None

    assert scene.identity.store.asked == []


async def test_a_sweep_is_done_once_a_day_in_the_whole_deployment(store: RedisStore) -> None:
    scene = make_context(store)
    user = await user_with_days(scene, (0, 1, 2))
    kinds = kept(entries=1)
    first, second = sweeper(scene, store, kinds), sweeper(scene, store, kinds)

    assert await first.sweep_once() == Sweep(users=1, records=1)
    assert await second.sweep_once() is None
    assert await first.sweep_once() is None

    scene.identity.clock.pass_s(86_400)
    assert await second.sweep_once() == Sweep(users=1, records=1)
    assert await days_left(scene, user, "entries") == [0]


async def test_other_rules_are_swept_by_on_the_same_day(store: RedisStore) -> None:
    scene = make_context(store)
    user = await user_with_days(scene, range(10))

    await sweeper(scene, store, kept(entries=8)).sweep_once()
    again = await sweeper(scene, store, kept(entries=2)).sweep_once()

    assert again == Sweep(users=1, records=6)
    assert await days_left(scene, user, "entries") == [0, 1, 2]


async def test_while_one_worker_sweeps_another_does_not(store: RedisStore) -> None:
    scene = make_context(store)
    await user_with_days(scene, (0, 9))
    await store.run("SET", names.retention_lease(), "another worker", "PX", 60_000)
    mine = sweeper(scene, store, kept(entries=1))

    assert await mine.sweep_once() is None

    await store.run("DEL", names.retention_lease())  # it died, and its lease ended
    assert await mine.sweep_once() == Sweep(users=1, records=1)
    assert await store.run("EXISTS", names.retention_lease()) == 0


async def test_a_lease_ends_by_itself(store: RedisStore) -> None:
    scene = make_context(store)
    await user_with_days(scene, (0, 9))
    dying = Dying(store, after=1)

    with pytest.raises(StoreAway):
        await sweeper(scene, dying, kept(entries=1)).sweep_once()

    left_ms = await store.run("PTTL", names.retention_lease())
    assert 0 < left_ms <= 60_000


class Dying:
    """A store that goes away for a worker when it has dropped the records of so many users."""

    def __init__(self, store: Store, after: int) -> None:
        self._store = store
        self._left = after

    async def run(self, *command: Argument) -> Any:
        self._check()
        return await self._store.run(*command)

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        return await self._store.run_many(commands)

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        self._check()
        reply = await self._store.script(script, keys, args)
        self._left -= script.name == "retention_drop"
        return reply

    async def servers(self) -> Sequence[Server]:
        return await self._store.servers()

    async def scan(self, pattern: str, kind: str | None = None) -> AsyncIterator[list[bytes]]:
        self._check()
        async for page in self._store.scan(pattern, kind):
            yield page

    async def aclose(self) -> None:
        await self._store.aclose()

    def _check(self) -> None:
        if self._left <= 0:
            raise StoreAway("The store is away.")


async def test_a_sweep_cut_short_is_gone_on_with_by_another_worker(store: RedisStore) -> None:
    scene = make_context(store)
    users = [await user_with_days(scene, (0, 9)) for _ in range(200)]
    kinds = kept(entries=1)

    with pytest.raises(StoreAway):
        await sweeper(scene, Dying(store, after=130), kinds).sweep_once()
    await store.run("DEL", names.retention_lease())
    rest = await sweeper(scene, store, kinds).sweep_once()

    assert rest is not None
    assert rest.finished
    assert rest.users == 200 - 128  # whole batches that were done are not done again
    for user in users:
        assert await days_left(scene, user, "entries") == [0]


async def test_a_worker_that_is_told_to_stop_leaves_the_rest_to_the_next(
    store: RedisStore,
) -> None:
    scene = make_context(store)
    for _ in range(100):
        await user_with_days(scene, (0, 9))
    stop = asyncio.Event()
    stop.set()
    kinds = kept(entries=1)

    first = await sweeper(scene, store, kinds).sweep_once(stop)
    second = await sweeper(scene, store, kinds).sweep_once()

    assert first == Sweep(users=64, records=64, finished=False)
    assert second == Sweep(users=36, records=36)


async def test_a_user_whose_keys_were_tampered_with_does_not_save_the_others(
    store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    scene = make_context(store)
    broken, fine = await user_with_days(scene, (9,)), await user_with_days(scene, (9,))
    await store.run("SET", names.context_days(broken.id, "entries"), "no sorted set")

    with caplog.at_level(logging.ERROR):
        done = await sweeper(scene, store, kept(entries=1)).sweep_once()

    assert done == Sweep(users=2, records=1)
    assert await days_left(scene, fine, "entries") == []
    assert broken.id in caplog.text


async def test_the_job_sweeps_at_its_start_and_ends_when_told(store: RedisStore) -> None:
    scene = make_context(store)
    user = await user_with_days(scene, (0, 9))
    stop = asyncio.Event()
    watched = scene.identity.store
    job = asyncio.create_task(sweeper(scene, watched, kept(entries=1)).run(stop))

    await async_wait_until(lambda: "retention_give" in watched.asked)
    assert await days_left(scene, user, "entries") == [0]
    assert not job.done()
    stop.set()
    await asyncio.wait_for(job, 5)


async def test_a_job_that_is_cancelled_gives_its_lease_back(store: RedisStore) -> None:
    scene = make_context(store)
    for _ in range(300):
        await user_with_days(scene, (0,))
    watched = scene.identity.store
    job = asyncio.create_task(sweeper(scene, watched, kept(entries=1)).run())

    await async_wait_until(lambda: "retention_drop" in watched.asked)
    assert "retention_give" not in watched.asked
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job

    assert await store.run("EXISTS", names.retention_lease()) == 0


async def test_the_job_outlives_a_store_that_is_away(
    store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    scene = make_context(store)
    scene.identity.store.away = True
    stop = asyncio.Event()
    job = asyncio.create_task(sweeper(scene, scene.identity.store, kept(entries=1)).run(stop))

    await async_wait_until(lambda: "waits for the store" in caplog.text)
    assert not job.done()
    stop.set()
    await asyncio.wait_for(job, 5)


async def test_the_job_outlives_a_round_that_fails(
    store: RedisStore, caplog: pytest.LogCaptureFixture
) -> None:
    scene = make_context(store)
    stop = asyncio.Event()

    def no_kinds() -> Mapping[str, Kind]:
        raise LookupError("a bug")

    job = asyncio.create_task(RetentionSweep(store, no_kinds, scene.identity.clock).run(stop))

    await async_wait_until(lambda: "tried again later" in caplog.text)
    assert not job.done()
    stop.set()
    await asyncio.wait_for(job, 5)
