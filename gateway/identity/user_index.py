"""The two indexes of all users: by time of creation, and by external id.

Members are sorted as bytes and found by range, so a search text is never a pattern and a page is
found without counting what came before it.
"""

import asyncio
import base64
import binascii
from typing import Any, Final

from msgspec import Struct

from gateway.errors import InvalidRequest
from gateway.identity.account import decode
from gateway.identity.ids import is_user_id
from gateway.identity.reading import check_text
from gateway.store import names
from gateway.store.base import Store
from gateway.types.account import UserRecord

DEFAULT_PAGE: Final = 50
_LARGEST_PAGE: Final = 200
_LONGEST_PREFIX: Final = 200
_LONGEST_CURSOR: Final = 1500
_AFTER_ALL: Final = b"\xff"  # no UTF-8 text holds this byte


class UserPage(Struct, frozen=True):
    """Some users in order; `next_cursor` is None at the end."""

    users: list[UserRecord]
    next_cursor: str | None


class UserIndex:
    """Finds users. Entries whose user does not exist are passed over."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, user_id: str, created: int, external_id: str | None) -> None:
        """Enter a user. Doing it again changes nothing. Raises StoreAway."""
        await self._store.run("ZADD", names.users(), 0, _by_time(user_id, created))
        if external_id is not None:
            await self._store.run("ZADD", names.external_ids(), 0, _by_name(user_id, external_id))

    async def remove(self, user_id: str, created: int, external_id: str | None) -> None:
        """Take a user out. Raises StoreAway."""
        await self._store.run("ZREM", names.users(), _by_time(user_id, created))
        if external_id is not None:
            await self._store.run("ZREM", names.external_ids(), _by_name(user_id, external_id))

    async def page(
        self, cursor: str | None = None, limit: int = DEFAULT_PAGE, prefix: str | None = None
    ) -> UserPage:
        """Return users, oldest first; or those whose external id begins with `prefix`, by that id.

        A page may hold fewer than `limit` users before the last one. Raises InvalidRequest,
        StoreAway, RecordIntegrity.
        """
        if not 1 <= limit <= _LARGEST_PAGE:
            raise InvalidRequest(f"Must be from 1 to {_LARGEST_PAGE}.", param="limit")
        after = None if cursor is None else _read_cursor(cursor)
        if prefix:
            check_text(prefix, "prefix", longest=_LONGEST_PREFIX)
            begin = prefix.encode()
            low = b"[" + begin if after is None or after < begin else b"(" + after
            found = await self._range(names.external_ids(), low, b"(" + begin + _AFTER_ALL, limit)
            ids = [member.rpartition(b"\x00")[2].decode() for member in found]
        else:
            low = b"-" if after is None else b"(" + after
            found = await self._range(names.users(), low, b"+", limit)
            ids = [member.rpartition(b":")[2].decode() for member in found]
        users = await asyncio.gather(*(self._read(user_id) for user_id in ids[:limit]))
        more = len(found) > limit
        return UserPage(
            [user for user in users if user is not None],
            _write_cursor(found[limit - 1]) if more else None,
        )

    async def _range(self, key: str, low: bytes, high: bytes, limit: int) -> list[bytes]:
        found: list[bytes] = await self._store.run(
            "ZRANGE", key, low, high, "BYLEX", "LIMIT", 0, limit + 1
        )
        return found

    async def _read(self, user_id: str) -> UserRecord | None:
        if not is_user_id(user_id):
            return None
        blob: Any = await self._store.run("HGET", names.user(user_id), "record")
        return None if blob is None else decode(blob, UserRecord)


def _by_time(user_id: str, created: int) -> str:
    return f"{created:011d}:{user_id}"


def _by_name(user_id: str, external_id: str) -> str:
    return f"{external_id}\x00{user_id}"


def _write_cursor(member: bytes) -> str:
    return base64.urlsafe_b64encode(member).decode().rstrip("=")


def _read_cursor(cursor: str) -> bytes:
    padded = cursor[:_LONGEST_CURSOR] + "=" * (-len(cursor) % 4)
    try:
        return base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest("Not a cursor of this list.", param="cursor") from None
