"""Replaces the data key of one user while that user is served.

    add      data key n + 1; the epoch rises, so workers read both from the next request on
    reseal   every provider key and every record that another data key sealed, one by one
    drop     the old data keys; the epoch rises again

Readers never miss a key: the new one is there before anything is sealed under it, records are read
together with the data keys of the same moment, and an account read in between is read once more.
Requests in flight hold the data keys they began with. Nothing is lost: a value is replaced only if
it still is what was opened, and whoever writes says which data key it was sealed under and is
refused if that is not the current one any more. So once a pass has found nothing under an old data
key, nothing ever comes to be under it again, and it may go.

A rotation that is cut short leaves several data keys behind; the next call finishes it. A type of
record that joins `RecordType` must be resealed here, too.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from gateway import metrics
from gateway.context.sealed import HEAD_BYTES, place_of
from gateway.errors import Conflict, NotFound, RecordIntegrity
from gateway.identity.account import StoredKey, decode, encode, read_fields
from gateway.identity.ids import is_user_id
from gateway.identity.key_settings import audience_for
from gateway.rotation.scripts import (
    ADD_DEK,
    DROP_OLD_DEKS,
    FIND_OLD_RECORDS,
    RESEAL_KEY,
    RESEAL_RECORDS,
)
from gateway.store import names
from gateway.store.base import Argument, Store
from gateway.vault.codec import Kind, read_key_id
from gateway.vault.vault import DataKeys, RecordType, Vault, read_data_keys

_NUMBER_AT: Final = HEAD_BYTES + 3  # Lua counts from 1; before it: version and kind
_LOOK_AT: Final = 50
_MOST_ROUNDS: Final = 20


class DekRotated(Struct, frozen=True):
    """What was done. `number` is of the data key that is now the only one.

    `unreadable` counts provider keys and records that did not open: altered in the store, they
    were left as they are, and no data key would open them.
    """

    user_id: str
    number: int
    resumed: bool
    provider_keys: int
    records: int
    unreadable: int


class _Tally(Struct):
    """Counts of one run; `unreadable` of its last pass."""

    provider_keys: int = 0
    records: int = 0
    unreadable: int = 0


class _Rekeyed(Exception):
    """Another data key has become the current one meanwhile."""


class DekRotation:
    """Replaces data keys, one user at a call."""

    def __init__(self, store: Store, vault: Vault) -> None:
        self._store = store
        self._vault = vault

    async def rotate(self, user_id: str, why: str = "asked") -> DekRotated:
        """Give a user a new data key, or finish what an earlier call has begun.

        `why` is for the metric: asked or worn. Raises NotFound, Conflict (replaced by others again
        and again meanwhile), StoreAway.
        """
        outcome = "failed"
        try:
            done = await self._rotate(user_id)
            outcome = "done"
        finally:
            metrics.DEK_ROTATIONS.labels(why, outcome).inc()
        return done

    async def _rotate(self, user_id: str) -> DekRotated:
        if not is_user_id(user_id):
            raise NotFound("No such user.")
        resumed, tally = False, _Tally()
        for attempt in range(_MOST_ROUNDS):
            keys, unfinished = await self._begin(user_id)
            resumed = resumed or (unfinished and attempt == 0)
            try:
                await self._reseal_all(keys, tally)
                await self._drop(keys)
            except _Rekeyed:
                continue
            return DekRotated(
                user_id,
                keys.current,
                resumed,
                tally.provider_keys,
                tally.records,
                tally.unreadable,
            )
        raise Conflict("The data key is being replaced by others; try again.")

    async def _begin(self, user_id: str) -> tuple[DataKeys, bool]:
        """Return the data keys, the new one among them; True if it was there already."""
        for _ in range(_MOST_ROUNDS):
            keys = read_data_keys(
                user_id, read_fields(await self._store.run("HGETALL", names.user_deks(user_id)))
            )
            if len(keys.wrapped) > 1:
                return keys, True
            number = keys.current + 1
            wrapped = self._vault.new_data_key(user_id, number)
            verdict = await self._store.script(
                ADD_DEK,
                [names.user(user_id), names.user_deks(user_id), names.user_seals(user_id)],
                [keys.current, wrapped],
            )
            if verdict == b"missing":
                raise NotFound("No such user.")
            if verdict == b"ok":
                return DataKeys(user_id, {**keys.wrapped, number: wrapped}), False
        raise Conflict("The data key is being replaced by others; try again.")

    async def _drop(self, keys: DataKeys) -> None:
        slot = [names.user(keys.user_id), names.user_deks(keys.user_id)]
        if await self._store.script(DROP_OLD_DEKS, slot, [keys.current]) < 0:
            raise _Rekeyed

    async def _reseal_all(self, keys: DataKeys, tally: _Tally) -> None:
        """Reseal everything; returns after a pass that found nothing more to do."""
        tally.unreadable = 0
        while await self._reseal_provider_keys(keys, tally):
            tally.unreadable = 0
        unreadable = tally.unreadable
        async for kind in self._kinds(keys.user_id):
            tally.unreadable = 0
            while await self._reseal_kind(keys, kind, tally):
                tally.unreadable = 0
            unreadable += tally.unreadable
        tally.unreadable = unreadable

    async def _reseal_provider_keys(self, keys: DataKeys, tally: _Tally) -> bool:
        """Reseal what is under an old data key; True if there was any."""
        user_id, found = keys.user_id, False
        stored = read_fields(await self._store.run("HGETALL", names.user_keys(user_id)))
        for name, blob in stored.items():
            try:
                key = decode(blob, StoredKey)
                if read_key_id(key.sealed, Kind.PROVIDER_KEY) == keys.current:
                    continue
                new = self._resealed(keys, name.decode(), key)
            except (RecordIntegrity, ValueError):
                tally.unreadable += 1
                continue
            found = True
            verdict = await self._store.script(
                RESEAL_KEY,
                [names.user(user_id), names.user_keys(user_id), names.user_deks(user_id)],
                [keys.current, name, blob, encode(new)],
            )
            if verdict == b"rekeyed":
                raise _Rekeyed
            tally.provider_keys += verdict == b"ok"
        return found

    def _resealed(self, keys: DataKeys, name: str, key: StoredKey) -> StoredKey:
        """Return the key under the current data key. Raises RecordIntegrity, ValueError."""
        audience = audience_for(key.info.type, key.info.settings)
        plain = self._vault.open(keys, RecordType.PROVIDER_KEY, name, key.sealed, audience)
        sealed = self._vault.seal(keys, RecordType.PROVIDER_KEY, name, plain, audience)
        return StoredKey(key.info, sealed)

    async def _kinds(self, user_id: str) -> AsyncIterator[str]:
        """Yield the kinds this user has records of, also those the config does not name any more."""
        prefix = names.context(user_id, "").encode()
        async for found in self._store.scan(names.everything_of(user_id)):
            for key in found:
                if key.startswith(prefix):
                    yield key.removeprefix(prefix).decode()

    async def _reseal_kind(self, keys: DataKeys, kind: str, tally: _Tally) -> bool:
        """Reseal the records of a kind under an old data key; True if there were any."""
        found, cursor = False, b"0"
        number = keys.current.to_bytes(4, "big")
        while True:
            cursor, old = await self._store.script(
                FIND_OLD_RECORDS,
                [names.context(keys.user_id, kind)],
                [cursor, _LOOK_AT, number, _NUMBER_AT],
            )
            changes = self._resealed_records(keys, kind, old, tally)
            if changes:
                found = True
                await self._replace_records(keys, kind, changes, tally)
            if int(cursor) == 0:
                return found

    def _resealed_records(
        self, keys: DataKeys, kind: str, old: Sequence[bytes], tally: _Tally
    ) -> list[Argument]:
        """Return field, old and new value of each record that opens."""
        values = dict(zip(old[::2], old[1::2], strict=True))
        places = {field: place_of(kind, field.decode(errors="replace")) for field in values}
        opened = self._opened(
            keys, {field: (places[field], value[HEAD_BYTES:]) for field, value in values.items()}
        )
        tally.unreadable += len(values) - len(opened)
        if not opened:
            return []
        plains = [(places[field], plain) for field, plain in opened.items()]
        sealed = self._vault.seal_many(keys, RecordType.CONTEXT, plains)
        changes: list[Argument] = []
        for field, new in zip(opened, sealed, strict=True):
            changes += (field, values[field], values[field][:HEAD_BYTES] + new)
        return changes

    def _opened(
        self, keys: DataKeys, sealed: Mapping[bytes, tuple[str, bytes]]
    ) -> dict[bytes, bytes]:
        """Open what opens, by field."""
        try:
            plains = self._vault.open_many(keys, RecordType.CONTEXT, list(sealed.values()))
        except RecordIntegrity:
            if len(sealed) == 1:
                return {}
            return {
                name: plain
                for field, record in sealed.items()
                for name, plain in self._opened(keys, {field: record}).items()
            }
        return dict(zip(sealed, plains, strict=True))

    async def _replace_records(
        self, keys: DataKeys, kind: str, changes: Sequence[Argument], tally: _Tally
    ) -> None:
        changed = await self._store.script(
            RESEAL_RECORDS,
            [
                names.context(keys.user_id, kind),
                names.user_deks(keys.user_id),
                names.user_seals(keys.user_id),
            ],
            [keys.current, *changes],
        )
        if changed < 0:
            raise _Rekeyed
        tally.records += changed
