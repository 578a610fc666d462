"""Wraps the data keys of all users under the primary KEK. No record is touched.

Users are taken in the order of the index, many at a time; how far it came is stored, so that a run
that was cut short goes on there. The index is not what a KEK is retired by: before that, every data
key there is in the store is looked at, whatever any index says.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from typing import Final

from msgspec import Struct

from gateway.errors import RecordIntegrity
from gateway.rotation.scripts import REPLACE_DEKS
from gateway.store import names
from gateway.store.base import Argument, Store
from gateway.vault.vault import Vault, read_data_keys

Progress = Callable[[int, int], None]
"""Told how many of how many users are done."""

_PAGE: Final = 500
_MOST_ROUNDS: Final = 10
_USER_OF_KEY: Final = re.compile(r"gw:\{u:([^}]+)\}:deks")


class Rewrapped(Struct, frozen=True):
    """What was done: data keys rewrapped, and the users with a data key that no KEK opens.

    Such a data key was altered in the store: its records are lost with any KEK.
    """

    data_keys: int = 0
    unreadable: frozenset[str] = frozenset()

    def __add__(self, other: "Rewrapped") -> "Rewrapped":
        return Rewrapped(self.data_keys + other.data_keys, self.unreadable | other.unreadable)


class KeysKeepComing(Exception):
    """Data keys under another KEK go on appearing: some process wraps under an old primary."""


async def rewrap_users(store: Store, vault: Vault, user_ids: Iterable[str]) -> Rewrapped:
    """Rewrap the data keys of these users, all at the same time. Raises StoreAway."""
    done = await asyncio.gather(*(_rewrap_user(store, vault, user_id) for user_id in user_ids))
    return sum(done, Rewrapped())


async def rewrap_all(store: Store, vault: Vault, primary: int, progress: Progress) -> Rewrapped:
    """Rewrap all users of the index, from where the last run came to. Raises StoreAway.

    `primary` is the id that the vault wraps under.
    """
    place = f"cursor:{primary}"
    cursor = (await store.run("HGET", names.kek_rotation(), place) or b"").decode()
    total = await store.run("ZCARD", names.users())
    before = await store.run("ZLEXCOUNT", names.users(), "-", f"[{cursor}") if cursor else 0
    tally = Rewrapped()
    while True:
        low = f"({cursor}" if cursor else "-"
        page = await store.run("ZRANGE", names.users(), low, "+", "BYLEX", "LIMIT", 0, _PAGE)
        progress(before, max(total, before))
        if not page:
            return tally
        members = [member.decode() for member in page]
        tally += await rewrap_users(store, vault, (each.partition(":")[2] for each in members))
        before += len(members)
        cursor = members[-1]
        await store.run("HSET", names.kek_rotation(), place, cursor)


async def rewrap_rest(store: Store, vault: Vault) -> Rewrapped:
    """Look at every data key in the store until none is left that is not under the primary.

    Those that no KEK opens are left as they are and counted. Raises KeysKeepComing, StoreAway.
    """
    tally = Rewrapped()
    for _ in range(_MOST_ROUNDS):
        found = Rewrapped()
        async for user_ids in _all_users_with_keys(store):
            found += await rewrap_users(store, vault, user_ids)
        tally += found
        if not found.data_keys:
            return tally
    raise KeysKeepComing


async def count_left(store: Store, vault: Vault) -> int:
    """Return how many data keys are not under the primary but open. Raises StoreAway."""
    left = 0
    async for user_ids in _all_users_with_keys(store):
        plans = await asyncio.gather(*(_plan(store, vault, user_id) for user_id in user_ids))
        left += sum(len(changes) for changes, _ in plans)
    return left


async def _all_users_with_keys(store: Store) -> AsyncIterator[list[str]]:
    async for keys in store.scan(names.all_user_deks(), "hash"):
        found = (_USER_OF_KEY.fullmatch(key.decode(errors="replace")) for key in keys)
        yield [match[1] for match in found if match is not None]


async def _rewrap_user(store: Store, vault: Vault, user_id: str) -> Rewrapped:
    changes, unreadable = await _plan(store, vault, user_id)
    broken = frozenset([user_id]) if unreadable else frozenset[str]()
    if not changes:
        return Rewrapped(0, broken)
    arguments: list[Argument] = []
    for number, (old, new) in changes.items():
        arguments += (number, old, new)
    keys = [names.user(user_id), names.user_deks(user_id)]
    return Rewrapped(await store.script(REPLACE_DEKS, keys, arguments), broken)


async def _plan(
    store: Store, vault: Vault, user_id: str
) -> tuple[Mapping[int, tuple[bytes, bytes]], bool]:
    """Return what is to be put in the place of what, by number; and whether a key does not open."""
    flat = await store.run("HGETALL", names.user_deks(user_id))
    data_keys = read_data_keys(user_id, dict(zip(flat[::2], flat[1::2], strict=True)))
    changes: dict[int, tuple[bytes, bytes]] = {}
    unreadable = False
    for number, wrapped in data_keys.wrapped.items():
        try:
            new = vault.rewrap(user_id, number, wrapped)
        except RecordIntegrity:
            unreadable = True
        else:
            if new is not None:
                changes[number] = (wrapped, new)
    return changes, unreadable
