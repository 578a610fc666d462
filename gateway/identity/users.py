"""Users: create, find, list, change, remove.

A user's own slot is the truth. Two indexes outside it lead there: all users by time of creation,
and external ids. An entry is made before its user and deleted after it, so that a crash between
the two leaves at most an entry that leads nowhere, which every reader passes over.
"""

import os
from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from gateway.errors import Conflict, NotFound
from gateway.identity.account import decode, encode
from gateway.identity.changes import (
    LimitChange,
    NewUser,
    OwnChange,
    UserChange,
    apply_change,
    check_external_id,
)
from gateway.identity.ids import RandomBytes, is_user_id, new_user_id
from gateway.identity.removal import Gone, claim_text, read_gone, remove_slot, remove_traces
from gateway.identity.scripts import CREATE_USER, RELEASE_NAME, REPLACE_RECORD
from gateway.identity.user_index import UserIndex
from gateway.store import names
from gateway.store.base import Store
from gateway.types.account import UserRecord
from gateway.types.clock import Clock
from gateway.vault.vault import Vault

_MOST_TRIES: Final = 20


class Users:
    """The users of this gateway. `configured` arguments are the names of configured providers."""

    def __init__(
        self, store: Store, vault: Vault, clock: Clock, random_bytes: RandomBytes = os.urandom
    ) -> None:
        self._store = store
        self._vault = vault
        self._clock = clock
        self._random_bytes = random_bytes
        self.index = UserIndex(store)

    async def create(self, new: NewUser, configured: Collection[str] = ()) -> UserRecord:
        """Create a user with an id and a data key of their own.

        Raises Conflict if the external id is taken; InvalidRequest, StoreAway.
        """
        draft = apply_change(self._empty(new.external_id), new, configured)
        if new.external_id is None:
            await self._write_new(draft)
            return draft
        for _ in range(_MOST_TRIES):
            record = _as_claimed(draft, await self._claim(draft))
            verdict = await self._write_new(record)
            if verdict == b"created":
                return record
            if verdict == b"exists":
                raise Conflict("A user with this external id exists.", param="external_id")
            await self._release(record)
        raise _busy()

    async def put_by_external_id(
        self, external_id: str, change: UserChange, configured: Collection[str] = ()
    ) -> tuple[UserRecord, bool]:
        """Create the user with this external id or change the one there is; True if created.

        Idempotent, and safe to call from several places at once: there is never a second user.
        Raises InvalidRequest, StoreAway, Conflict (changed again and again meanwhile).
        """
        empty = self._empty(external_id)
        for _ in range(_MOST_TRIES):
            claimed = _as_claimed(empty, await self._claim(empty))
            try:
                return await self.change(claimed.id, change, configured), False
            except NotFound:
                record = apply_change(claimed, change, configured)
            verdict = await self._write_new(record)
            if verdict == b"created":
                return record, True
            if verdict == b"gone":  # a removal was cut short, or is still under way
                await self._release(record)
        raise _busy()

    async def get(self, user_id: str) -> UserRecord:
        """Return a user. Raises NotFound, StoreAway."""
        return decode((await self._read(user_id))[0], UserRecord)

    async def find(self, external_id: str) -> UserRecord:
        """Return the user with an external id. Raises NotFound, InvalidRequest, StoreAway."""
        claim = await self._store.run("GET", names.external_id(check_external_id(external_id)))
        return await self.get((claim or b"").decode().partition(" ")[0])

    async def change(
        self,
        user_id: str,
        change: UserChange | OwnChange | LimitChange,
        configured: Collection[str] = (),
    ) -> UserRecord:
        """Change a user's record; what is not in the change stays, whoever else writes meanwhile.

        Raises NotFound, InvalidRequest, StoreAway, Conflict (changed again and again meanwhile).
        """
        for _ in range(_MOST_TRIES):
            blob, key_names = await self._read(user_id)
            old = decode(blob, UserRecord)
            new = apply_change(old, change, {*configured, *key_names})
            if new == old:
                return old
            verdict = await self._store.script(
                REPLACE_RECORD, [names.user(user_id)], [blob, encode(new)]
            )
            if verdict == b"ok":
                return new
            if verdict == b"missing":
                raise NotFound("No such user.")
        raise _busy()

    async def remove(self, user_id: str, kinds: Iterable[str] = (), receipt: str = "") -> Gone:
        """Remove a user: keys, tokens and records of `kinds` at once, then what leads to them.

        Records of other kinds are unreadable from then on and stay to be swept; what was booked
        stays. Raises NotFound, StoreAway.
        """
        now = int(self._clock.now())
        gone = await remove_slot(self._store, user_id, kinds, receipt, now)
        await remove_traces(self._store, self.index, user_id, gone)
        return gone

    async def finish_removal(self, user_id: str) -> Gone | None:
        """Finish a removal that may have been cut short; None if the user was never removed.

        Raises StoreAway.
        """
        gone = await read_gone(self._store, user_id)
        if gone is not None:
            await remove_traces(self._store, self.index, user_id, gone)
        return gone

    def _empty(self, external_id: str | None) -> UserRecord:
        return UserRecord(
            id=new_user_id(self._random_bytes),
            created=int(self._clock.now()),
            external_id=None if external_id is None else check_external_id(external_id),
        )

    async def _claim(self, draft: UserRecord) -> bytes:
        """Return the claim an external id stands for, made now if there was none.

        All who come at the same moment get the same one, so they agree on the id of the user that
        one of them then creates.
        """
        key = names.external_id(draft.external_id or "")
        while True:
            claim: bytes | None = await self._store.run("GET", key)
            if claim is not None:
                return claim
            await self._store.run("SET", key, claim_text(draft.id, draft.created), "NX")

    async def _release(self, record: UserRecord) -> None:
        key = names.external_id(record.external_id or "")
        await self._store.script(RELEASE_NAME, [key], [claim_text(record.id, record.created)])

    async def _write_new(self, record: UserRecord) -> bytes:
        await self.index.add(record.id, record.created, record.external_id)
        keys = [names.user(record.id), names.user_deks(record.id), names.user_gone(record.id)]
        wrapped = self._vault.new_data_key(record.id)
        verdict: bytes = await self._store.script(CREATE_USER, keys, [encode(record), wrapped])
        if verdict == b"gone":
            await self.index.remove(record.id, record.created, record.external_id)
        return verdict

    async def _read(self, user_id: str) -> tuple[bytes, list[str]]:
        """Return the record's bytes and the names of the user's provider keys."""
        if not is_user_id(user_id):
            raise NotFound("No such user.")
        blob, key_names = await self._store.run_many(
            [("HGET", names.user(user_id), "record"), ("HKEYS", names.user_keys(user_id))]
        )
        if blob is None:
            raise NotFound("No such user.")
        return blob, [name.decode() for name in key_names]


def _as_claimed(draft: UserRecord, claim: bytes) -> UserRecord:
    user_id, _, created = claim.decode().partition(" ")
    return msgspec.structs.replace(draft, id=user_id, created=int(created))


def _busy() -> Conflict:
    return Conflict("The user is being changed by others; try again.")
