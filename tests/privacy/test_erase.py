"""Erasure over a real store: what goes, what stays, and what happens when it is cut short."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.errors import AuthenticationFailed, NotFound, RecordIntegrity
from gateway.identity.removal import Destroyed
from gateway.privacy.receipts import State
from gateway.store import names
from gateway.store.base import Argument, Command, Script, Server, Store
from gateway.store.client import RedisStore
from gateway.vault.vault import DataKeys, RecordType
from tests.accounting.booking import book
from tests.identity.scene import bearer
from tests.privacy.scene import ROW, furnish, make_privacy


async def test_b14_what_is_erased_does_not_answer_open_or_come_back(store: RedisStore) -> None:
    """B-14. From the next request in every worker; old ciphertext opens nothing any more."""
    here, there = make_privacy(store), make_privacy(store)
    ann = await furnish(here, "ann")
    header = bearer(ann.token.reveal())
    for worker in (here, there):
        assert (await worker.parts.accounts.authenticate(header)).user_id == ann.id
    before = await here.parts.accounts.load(ann.id)
    sealed = await store.run("HGETALL", names.context(ann.id, "entries"))

    await here.privacy.erasure.erase(ann.id, "self")

    for worker in (here, there):
        with pytest.raises(AuthenticationFailed):
            await worker.parts.accounts.authenticate(header)
        with pytest.raises(NotFound):
            await worker.parts.accounts.load(ann.id)
    left = DataKeys(ann.id, {})
    for record_type, record_id, body in (
        (RecordType.CONTEXT, f"entries/{sealed[0].decode()}", sealed[1][8:]),
        (RecordType.PROVIDER_KEY, "openai", before.sealed["openai"]),
    ):
        audience = "openai" if record_type is RecordType.PROVIDER_KEY else None
        assert here.parts.vault.open(before.data_keys, record_type, record_id, body, audience)
        with pytest.raises(RecordIntegrity):
            here.parts.vault.open(left, record_type, record_id, body, audience)


async def test_the_receipt_counts_what_was_destroyed_and_is_the_same_when_asked_again(
    store: RedisStore,
) -> None:
    scene = make_privacy(store)
    ann = await furnish(scene, "ann", days=4)

    receipt = await scene.privacy.erasure.erase(ann.id, "t_admin", "192.0.2.1")

    assert receipt.state is State.LIVE
    assert receipt.erased_at == receipt.state_time == int(scene.clock.now())
    assert receipt.destroyed == Destroyed(
        data_keys=1,
        tokens=1,
        provider_keys=1,
        records={"entries": 4, "pillars": 4, "weekly_recaps": 4, "habits": 4},
    )
    scene.clock.pass_s(100)
    assert await scene.privacy.erasure.erase(ann.id, "t_admin") == receipt
    assert await make_privacy(store).privacy.erasure.load(receipt.id) == receipt
    [line] = (await scene.audit.list_entries()).entries
    assert (line.actor, line.action, line.target) == ("t_admin", "user.remove", ann.id)
    assert line.detail == {"receipt": receipt.id}


async def test_who_never_was_is_not_found_and_leaves_nothing(store: RedisStore) -> None:
    scene = make_privacy(store)

    for user_id in ("u_" + "0" * 22, "", "u_}*", "../x"):
        with pytest.raises(NotFound):
            await scene.privacy.erasure.erase(user_id, "t_admin")

    assert await store.run("KEYS", "*") == []


async def test_nothing_of_the_user_is_left_outside_their_slot(store: RedisStore) -> None:
    scene = make_privacy(store)
    ann, bea = await furnish(scene, "ann"), await furnish(scene, "bea")
    await book(store, replace(ROW, user_id=ann.id))
    others = {key: await store.run("DUMP", key) for key in await keys_of(store, bea.id)}

    await scene.privacy.erasure.erase(ann.id, "self")

    assert ann.external_id not in await everything_in(store)
    assert set(await keys_of(store, ann.id)) == {
        names.user_gone(ann.id),
        names.usage_marks(ann.id),
        names.usage_rows(ann.id),
        names.usage_day(ann.id, "2026-09-21"),
        names.usage_request(ann.id, "req_1"),
    }
    assert {key: await store.run("DUMP", key) for key in await keys_of(store, bea.id)} == others
    with pytest.raises(NotFound):
        await scene.parts.users.find(ann.external_id)


async def test_kinds_that_were_configured_once_go_in_the_first_step_too(store: RedisStore) -> None:
    scene = make_privacy(store)
    ann = await furnish(scene, "ann")
    await store.run("ZADD", names.kinds(), 0, "orders")
    await store.run("HSET", names.context(ann.id, "orders"), "a", "sealed")

    receipt = await scene.privacy.erasure.erase(ann.id, "self")

    assert receipt.destroyed.records["orders"] == 1
    assert names.context(ann.id, "orders") not in await keys_of(store, ann.id)


async def test_what_somebody_broke_in_the_store_does_not_keep_a_user_from_being_erased(
    store: RedisStore,
) -> None:
    scene = make_privacy(store)
    ann = await furnish(scene, "ann")
    await store.run("HSET", names.user_tokens(ann.id), "t_broken", "{no json")
    await store.run("HSET", names.user(ann.id), "record", "[1]")
    await store.run("DEL", names.user_keys(ann.id))
    await store.run("SET", names.user_keys(ann.id), "a text where a hash should be")

    receipt = await scene.privacy.erasure.erase(ann.id, "t_admin")

    assert receipt.destroyed.tokens == 2
    assert await keys_of(store, ann.id) == [names.user_gone(ann.id)]
    assert await store.run("KEYS", names.token_index("*")) == []


class Dying:
    """A store whose process dies after so many calls."""

    def __init__(self, store: Store, calls: int) -> None:
        self._store = store
        self._left = calls

    async def run(self, *command: Argument) -> Any:
        self._count()
        return await self._store.run(*command)

    async def run_many(self, commands: Sequence[Command]) -> list[Any]:
        self._count()
        return await self._store.run_many(commands)

    async def script(self, script: Script, keys: Sequence[str], args: Sequence[Argument]) -> Any:
        self._count()
        return await self._store.script(script, keys, args)

    async def servers(self) -> Sequence[Server]:
        return await self._store.servers()

    async def scan(self, pattern: str, kind: str | None = None) -> AsyncIterator[list[bytes]]:
        self._count()
        async for page in self._store.scan(pattern, kind):
            yield page

    async def aclose(self) -> None:
        await self._store.aclose()

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise ConnectionError("the process died here")


@pytest.mark.parametrize("calls", range(3, 18))
async def test_an_erasure_that_is_cut_short_anywhere_is_finished_by_another_process(
    store: RedisStore, calls: int
) -> None:
    scene = make_privacy(store)
    ann = await furnish(scene, "ann")
    dying = make_privacy(Dying(store, calls), scene.clock)
    with contextlib.suppress(ConnectionError):
        await dying.privacy.erasure.erase(ann.id, "t_admin")
    other = make_privacy(store, scene.clock)
    waiting = await other.privacy.erasure.pending()
    if not waiting:  # it died before it had noted anything: nothing has happened
        assert (await other.parts.users.get(ann.id)).id == ann.id
        return
    other.clock.pass_s(60)

    job = other.privacy.storage_job(None)
    await job.step()

    receipt = await other.privacy.erasure.erase(ann.id, "t_admin")
    assert receipt.id == waiting[ann.id].receipt
    assert receipt.destroyed.records == dict.fromkeys(
        ("entries", "pillars", "weekly_recaps", "habits"), 3
    )
    assert await keys_of(store, ann.id) == [names.user_gone(ann.id)]
    assert ann.external_id not in await everything_in(store)
    actions = [entry.action for entry in (await other.audit.list_entries()).entries]
    assert set(actions) == {"user.remove"}
    assert receipt.state is State.STORAGE
    assert await other.privacy.erasure.pending() == {}


async def test_several_who_erase_one_user_at_once_get_one_receipt(store: RedisStore) -> None:
    workers = [make_privacy(store) for _ in range(4)]
    ann = await furnish(workers[0], "ann")

    receipts = await asyncio.gather(
        *(worker.privacy.erasure.erase(ann.id, "t_admin") for worker in workers),
        return_exceptions=True,
    )

    assert all(receipt == receipts[0] for receipt in receipts)


async def keys_of(store: RedisStore, user_id: str) -> list[str]:
    """Return the user's keys, sorted."""
    return sorted(key.decode() for key in await store.run("KEYS", names.everything_of(user_id)))


async def everything_in(store: RedisStore) -> str:
    """Return all names and values of the store as one text."""
    found = []
    for key in await store.run("KEYS", "*"):
        kind = await store.run("TYPE", key)
        read = {
            b"string": ("GET", key),
            b"hash": ("HGETALL", key),
            b"zset": ("ZRANGE", key, 0, -1),
            b"stream": ("XRANGE", key, "-", "+"),
        }[kind]
        found.append(f"{key!r}: {await store.run(*read)!r}")
    return "\n".join(found)
