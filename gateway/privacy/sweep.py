"""What is left of an erased user after the first step: deleted, or stripped to what it cost."""

from typing import Final

import msgspec

from gateway.accounting.day_totals import KEEP_ERASED_S
from gateway.accounting.rows import LedgerRow, anonymous
from gateway.store import names
from gateway.store.base import Argument, Script, Store

_ROWS: Final = 200
_NO_EXPIRY: Final = -1

REPLACE_ROWS: Final = Script(
    "replace_rows",
    """
    for i = 1, #ARGV, 2 do
      local there = redis.call('XDEL', KEYS[1], ARGV[i]) == 1
      if there and ARGV[i + 1] ~= '' then redis.call('XADD', KEYS[1], '*', 'row', ARGV[i + 1]) end
    end
    """,
)
"""KEYS: the user's row log. ARGV: entry, its new content or '' to drop it, …"""


async def sweep(store: Store, user_id: str) -> None:
    """Delete every key of an erased user but those of usage, and strip those of what names anybody.

    Harmless when repeated, and when it is cut short. Raises StoreAway.
    """
    async for found in store.scan(names.everything_of(user_id)):
        for key in found:
            await _sweep_key(store, user_id, key.decode())


async def _sweep_key(store: Store, user_id: str, key: str) -> None:
    if key == names.user_gone(user_id):
        return
    if not key.startswith(names.usage_of(user_id)):
        await store.run("UNLINK", key)
        return
    if key == names.usage_rows(user_id):
        await _strip_log(store, key)
    elif key.startswith(names.usage_request(user_id, "")):
        await _strip_request(store, key)
    if await store.run("TTL", key) == _NO_EXPIRY:
        await store.run("EXPIRE", key, KEEP_ERASED_S)


async def _strip_log(store: Store, key: str) -> None:
    """Strip the entries there are now; later ones are stripped before they are booked."""
    newest = await store.run("XREVRANGE", key, "+", "-", "COUNT", 1)
    last = newest[0][0] if newest else b"0-0"
    start: bytes | str = "-"
    while True:
        entries = await store.run("XRANGE", key, start, last, "COUNT", _ROWS)
        changes: list[Argument] = []
        for entry_id, fields in entries:
            stripped = _stripped(fields[1])
            if stripped != fields[1]:
                changes += (entry_id, stripped)
        if changes:
            await store.script(REPLACE_ROWS, [key], changes)
        if len(entries) < _ROWS:
            return
        start = b"(" + entries[-1][0]


async def _strip_request(store: Store, key: str) -> None:
    flat = await store.run("HGETALL", key)
    for attempt, row in zip(flat[::2], flat[1::2], strict=True):
        stripped = _stripped(row)
        if not stripped:
            await store.run("HDEL", key, attempt)
        elif stripped != row:
            await store.run("HSET", key, attempt, stripped)


def _stripped(row: bytes) -> bytes:
    """Return a row without what names anybody, b"" for what is no row."""
    try:
        return msgspec.json.encode(anonymous(msgspec.json.decode(row, type=LedgerRow)))
    except msgspec.DecodeError:
        return b""
