"""A user's context records: written, read back, and opened just in time for one request."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from msgspec import Struct

from gateway.context.scripts import DELETE_RECORD, FETCH_RECORDS, PAGE_RECORDS, READ_RECORDS
from gateway.context.sealed import (
    Sealed,
    Window,
    bounds_of,
    field_of,
    place_of,
    read_cursor,
    read_index,
    read_sealed,
    read_stored,
    write_cursor,
)
from gateway.context.writing import (
    Draft,
    OnRead,
    RecordWriter,
    Written,
    data_keys_of,
    ready,
)
from gateway.store import names
from gateway.store.base import Store
from gateway.types.context import Kind, Record
from gateway.vault.vault import DataKeys, RecordType, Vault

MOST_FETCHED: Final = 4_000
MOST_FETCHED_BYTES: Final = 2 << 20
"""What a request reads of one kind, the newest first: far more than any budget has room for, and
little enough that one user's records cannot hold up the store for the others."""

_PAGE_BYTES: Final = 1 << 20
_SHOWN: Final = 16  # hex digits of a mark


class Fetched(Struct, frozen=True):
    """The sealed records of one request, oldest first, and the data keys they were read with.

    `keys` are of the same moment as the records: they open them also while keys are replaced.
    `left_out` counts, by kind, older records of the window that were not read for their number.
    """

    keys: DataKeys
    sealed: Mapping[str, tuple[Sealed, ...]]
    left_out: Mapping[str, int]

    def __repr__(self) -> str:
        return f"Fetched({ {kind: len(found) for kind, found in self.sealed.items()} })"


class Page(Struct, frozen=True):
    """Some records of a list; `next_cursor` is None at its end."""

    records: list[Record]
    next_cursor: str | None

    def __repr__(self) -> str:
        return f"Page({len(self.records)} records)"


class ContextSource:
    """The context records of all users. `name_key` makes the names they are stored under."""

    def __init__(
        self, store: Store, vault: Vault, name_key: bytes, on_read: OnRead = ready
    ) -> None:
        """`on_read` is called with data keys just read, before they are used: `vault/keeper.py`."""
        self._store = store
        self._vault = vault
        self._name_key = name_key
        self._on_read = on_read
        self._writer = RecordWriter(store, vault, name_key, on_read)

    async def put(
        self, keys: DataKeys, kind: Kind, drafts: Sequence[Draft], today: date
    ) -> Written:
        """Write records, new ones and in the place of those with their ids: see `RecordWriter`."""
        return await self._writer.write(keys, kind, drafts, today)

    async def delete(self, user_id: str, kind: str, record_id: str) -> bool:
        """Delete a record, readable or not; False if there was none. Raises StoreAway."""
        field = field_of(self._name_key, user_id, kind, record_id)
        keys = [names.context(user_id, kind), names.context_days(user_id, kind)]
        return bool(await self._store.script(DELETE_RECORD, keys, [field]))

    async def get(
        self, user_id: str, kind: str, record_id: str, oldest: date | None = None
    ) -> Record | None:
        """Open a record by its id, None if there is none, or none as young as `oldest`.

        Raises StoreAway, RecordIntegrity.
        """
        field = field_of(self._name_key, user_id, kind, record_id)
        flat, (value,) = await self._store.script(
            READ_RECORDS, [names.user_deks(user_id), names.context(user_id, kind)], [field]
        )
        if value is None:
            return None
        sealed = read_sealed(field.encode(), value)
        record = self.open(await self._keys_of(user_id, flat), kind, [sealed])[0]
        if oldest is not None and record.day is not None and record.day < oldest:
            return None
        return record

    async def page(  # what a list can be asked for
        self,
        user_id: str,
        kind: str,
        window: Window = None,
        *,
        limit: int,
        cursor: str | None = None,
        newest_first: bool = True,
    ) -> Page:
        """Open some records of a kind in the order of their days.

        A page ends early where its records are large. Those of one day, and of kinds not in time,
        are in an order of no meaning that stays. A record written or deleted meanwhile makes no
        other appear twice or not at all. Raises InvalidRequest for a cursor that is none of ours,
        StoreAway, RecordIntegrity.
        """
        after = ("", "") if cursor is None else read_cursor(cursor)
        first, last = bounds_of(window)
        order = "newest" if newest_first else "oldest"
        flat, more, fields, values = await self._store.script(
            PAGE_RECORDS,
            [
                names.user_deks(user_id),
                names.context(user_id, kind),
                names.context_days(user_id, kind),
            ],
            [order, first, last, limit, _PAGE_BYTES, *after],
        )
        found = read_index(fields, values, first, last, newest_first=newest_first)
        records = self.open(await self._keys_of(user_id, flat), kind, found)
        return Page(records, write_cursor(found[-1]) if more and found else None)

    async def fetch(self, user_id: str, windows: Mapping[str, Window]) -> Fetched:
        """Read what a request may need of each kind, sealed, in one round trip.

        The windows are within what is kept (`keeping.py`). Raises StoreAway; RecordIntegrity where
        the index and the records disagree.
        """
        bounds = {kind: bounds_of(window) for kind, window in windows.items()}
        keys = [names.user_deks(user_id)]
        arguments = [MOST_FETCHED, MOST_FETCHED_BYTES]
        for kind, (first, last) in bounds.items():
            keys += (names.context(user_id, kind), names.context_days(user_id, kind))
            arguments += (first, last)
        flat, *replies = await self._store.script(FETCH_RECORDS, keys, arguments)
        sealed: dict[str, tuple[Sealed, ...]] = {}
        left_out: dict[str, int] = {}
        for (kind, (first, last)), (count, fields, values) in zip(
            bounds.items(), replies, strict=True
        ):
            found = read_index(fields, values, first, last, newest_first=True)
            found.reverse()
            sealed[kind] = tuple(found)
            if count > len(found):
                left_out[kind] = count - len(found)
        return Fetched(await self._keys_of(user_id, flat), sealed, left_out)

    def open(self, keys: DataKeys, kind: str, sealed: Sequence[Sealed]) -> list[Record]:
        """Open records of one kind, in order. Raises RecordIntegrity if one of them does not."""
        return self.open_all(keys, {kind: sealed})[kind]

    def open_all(
        self, keys: DataKeys, sealed: Mapping[str, Sequence[Sealed]]
    ) -> dict[str, list[Record]]:
        """Open records of several kinds, unwrapping the user's data key once for all of them.

        Raises RecordIntegrity if one of them is not as it was written for this user, kind and id.
        """
        pairs = [
            (place_of(kind, each.field), each.body)
            for kind, found in sealed.items()
            for each in found
        ]
        if not pairs:
            return {kind: [] for kind in sealed}
        plains = iter(self._vault.open_many(keys, RecordType.CONTEXT, pairs))
        return {
            kind: [read_stored(each, plain) for each, plain in zip(found, plains, strict=False)]
            for kind, found in sealed.items()
        }

    def mark(self, keys: DataKeys, body: bytes) -> str:
        """Return the mark of a block: 16 hex digits that only this user's key makes of this body.

        It changes when the data key is replaced. Raises RecordIntegrity.
        """
        return self._vault.mac(keys, RecordType.CONTEXT, body).hex()[:_SHOWN]

    async def _keys_of(self, user_id: str, flat: Sequence[bytes]) -> DataKeys:
        keys = data_keys_of(user_id, flat)
        await self._on_read(keys)
        return keys
