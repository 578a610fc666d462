"""Seals records and puts them into the store, many at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import date
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from gateway.context.record import with_history
from gateway.context.scripts import COUNT_NEW, READ_RECORDS, WRITE_RECORDS
from gateway.context.sealed import (
    IDENTITY_BYTES,
    day_of,
    field_of,
    place_of,
    plain_of,
    read_sealed,
    read_stored,
    value_of,
)
from gateway.errors import Conflict, NotFound
from gateway.store import names
from gateway.store.base import Argument, Store
from gateway.types.context import Kind, Record
from gateway.vault.vault import DataKeys, RecordType, Vault, read_data_keys

_CHUNK: Final = 250
_CHUNK_BYTES: Final = 1 << 19
_MOST_TRIES: Final = 10
_WHATEVER: Final = "*"


OnRead = Callable[[DataKeys], Awaitable[None]]
"""Makes sure that data keys which were just read can be unwrapped."""


class Draft(Struct, frozen=True):
    """A validated record to be written, and the tokens of its line in the block."""

    record: Record
    tokens: int

    def __repr__(self) -> str:
        return f"Draft(tokens={self.tokens})"


class Written(Struct, frozen=True):
    """What a write did: for each draft whether its record is new.

    `seals` is how many context records the user's current data key has sealed so far.
    """

    created: tuple[bool, ...]
    seals: int


class _Placed(Struct, frozen=True):
    """A draft, and where it goes."""

    field: str
    draft: Draft


class RecordWriter:
    """Writes records of one kind. `name_key` makes the fields (`context/sealed.py`)."""

    def __init__(self, store: Store, vault: Vault, name_key: bytes, on_read: OnRead) -> None:
        self._store = store
        self._vault = vault
        self._name_key = name_key
        self._on_read = on_read

    async def write(
        self, keys: DataKeys, kind: Kind, drafts: Sequence[Draft], today: date
    ) -> Written:
        """Write records, new ones and in the place of those with their ids. Ids are not repeated.

        Doing it again changes nothing. Each chunk of a few hundred is written whole or not at all.
        `today` is the user's: the day of a value whose history is kept. Raises PayloadTooLarge, and
        Conflict for more than the kind may have: then nothing was written, unless somebody else
        took the room meanwhile. Raises NotFound (the user is gone), StoreAway, RecordIntegrity.
        """
        placed = await self._place(keys.user_id, kind, drafts)
        chunks = list(_chunks(placed))
        if len(chunks) > 1:
            await self._check_room(keys.user_id, kind, placed)
        created: list[bool] = []
        seals = 0
        for chunk in chunks:
            keys, new, seals = await self._write_chunk(keys, kind, chunk, today)
            created += new
            await asyncio.sleep(0)
        return Written(tuple(created), seals)

    async def _place(self, user_id: str, kind: Kind, drafts: Sequence[Draft]) -> list[_Placed]:
        placed: list[_Placed] = []
        for start in range(0, len(drafts), _CHUNK):
            placed += [
                _Placed(field_of(self._name_key, user_id, kind.name, draft.record.id), draft)
                for draft in drafts[start : start + _CHUNK]
            ]
            await asyncio.sleep(0)  # others' requests, in between
        return placed

    async def _check_room(self, user_id: str, kind: Kind, placed: Sequence[_Placed]) -> None:
        """Refuse what cannot fit before the first chunk of it is written."""
        fields = [each.field for each in placed]
        held, new = await self._store.script(COUNT_NEW, [names.context(user_id, kind.name)], fields)
        if new and held + new > kind.max_records:
            raise _full(kind, held)

    async def _write_chunk(
        self, keys: DataKeys, kind: Kind, chunk: Sequence[_Placed], today: date
    ) -> tuple[DataKeys, list[bool], int]:
        """Write one chunk; the data keys it was sealed under come back, for the next."""
        for _ in range(_MOST_TRIES):
            replaced: Sequence[bytes | None] | None = None
            placed = chunk
            if kind.keeps_history_of is not None:
                keys, replaced = await self._read(keys.user_id, kind, chunk)
                placed = self._with_history(keys, kind, chunk, replaced, today)
            verdict, number, text = await self._send(keys, kind, placed, replaced)
            if verdict == b"ok":
                return keys, [digit == ord("1") for digit in text], number
            if verdict == b"full":
                raise _full(kind, number)
            if verdict == b"missing":  # erased meanwhile
                raise _gone()
            if verdict == b"rekeyed":
                flat = await self._store.run("HGETALL", names.user_deks(keys.user_id))
                keys = data_keys_of(keys.user_id, flat)
                await self._on_read(keys)
        raise Conflict("These records are being changed by others; try again.")

    async def _send(
        self,
        keys: DataKeys,
        kind: Kind,
        placed: Sequence[_Placed],
        replaced: Sequence[bytes | None] | None,
    ) -> tuple[bytes, int, bytes]:
        if not keys.wrapped:  # erased, as one who read the keys just now sees it
            raise _gone()
        plains = [plain_of(each.draft.record, each.draft.tokens) for each in placed]
        places = [place_of(kind.name, each.field) for each in placed]
        sealed = self._vault.seal_many(
            keys, RecordType.CONTEXT, list(zip(places, plains, strict=True))
        )
        arguments: list[Argument] = [keys.current, kind.max_records, IDENTITY_BYTES]
        for at, each in enumerate(placed):
            was = _WHATEVER if replaced is None else (replaced[at] or b"")[:IDENTITY_BYTES]
            value = value_of(plains[at], sealed[at])
            arguments += (each.field, day_of(each.draft.record), was, value)
        user_id = keys.user_id
        verdict: tuple[bytes, int, bytes] = await self._store.script(
            WRITE_RECORDS,
            [
                names.user(user_id),
                names.user_deks(user_id),
                names.user_seals(user_id),
                names.context(user_id, kind.name),
                names.context_days(user_id, kind.name),
            ],
            arguments,
        )
        return verdict

    async def _read(
        self, user_id: str, kind: Kind, chunk: Sequence[_Placed]
    ) -> tuple[DataKeys, Sequence[bytes | None]]:
        """Read the values that are there, and the data keys of the same moment."""
        flat, values = await self._store.script(
            READ_RECORDS,
            [names.user_deks(user_id), names.context(user_id, kind.name)],
            [each.field for each in chunk],
        )
        keys = data_keys_of(user_id, flat)
        await self._on_read(keys)
        return keys, values

    def _with_history(
        self,
        keys: DataKeys,
        kind: Kind,
        chunk: Sequence[_Placed],
        replaced: Sequence[bytes | None],
        today: date,
    ) -> list[_Placed]:
        """Return the drafts with the history of the records they replace, and their own value."""
        old = [
            (place_of(kind.name, each.field), read_sealed(each.field.encode(), value))
            for each, value in zip(chunk, replaced, strict=True)
            if value is not None
        ]
        plains = self._vault.open_many(
            keys, RecordType.CONTEXT, [(place, sealed.body) for place, sealed in old]
        )
        records = {
            sealed.field: read_stored(sealed, plain)
            for (_, sealed), plain in zip(old, plains, strict=True)
        }
        return [
            replace(
                each,
                draft=replace(
                    each.draft,
                    record=with_history(kind, each.draft.record, records.get(each.field), today),
                ),
            )
            for each in chunk
        ]


async def ready(_keys: DataKeys) -> None:
    """Do nothing: for a key ring that never changes."""


def data_keys_of(user_id: str, flat: Sequence[bytes]) -> DataKeys:
    """Return the data keys in a flat reply of HGETALL."""
    return read_data_keys(user_id, dict(zip(flat[::2], flat[1::2], strict=True)))


def _chunks(placed: Sequence[_Placed]) -> Iterator[list[_Placed]]:
    """Cut what is to be written into pieces that hold up neither the loop nor the store."""
    chunk: list[_Placed] = []
    size = 0
    for each in placed:
        chunk.append(each)
        size += len(plain_of(each.draft.record, each.draft.tokens))
        if len(chunk) == _CHUNK or size > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _gone() -> NotFound:
    return NotFound("No such user.")


def _full(kind: Kind, held: int) -> Conflict:
    return Conflict(
        f"There are {held} records of kind '{kind.name}' and there may be {kind.max_records} at "
        "most. Delete some first.",
        code="too_many_records",
    )
