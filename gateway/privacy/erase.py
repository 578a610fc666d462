"""Erasure: a user is taken out, and a receipt says what was destroyed and how far it has come.

    noted      in the list of erasures, so that it is finished whatever dies in between
    removed    one step: keys, tokens and records are gone; then what leads to them from outside
    receipt    kept, `erased_live`; the workers are told to drop what they hold
    swept      the rest of the user's keys; booked rows are stripped (`sweep.py`)   } in the
    rewritten  the store's files hold none of it any more                           } background

Every step may be done again. Whoever calls `erase` again gets the receipt there is.
"""

import os
from typing import Final

import msgspec
from msgspec import Struct

from gateway import metrics
from gateway.errors import NotFound
from gateway.identity.audit import AuditLog
from gateway.identity.ids import RandomBytes, is_user_id
from gateway.identity.removal import Gone
from gateway.identity.users import Users
from gateway.privacy.kinds import KindList
from gateway.privacy.receipts import Receipt, State, new_receipt_id
from gateway.privacy.sweep import sweep
from gateway.store import names
from gateway.store.base import Store
from gateway.types.clock import Clock

_ID_BYTES: Final = 16
_MOST_TOLD: Final = 10_000
_RESUME_AFTER_S: Final = 10


class Pending(Struct, frozen=True, omit_defaults=True):
    """An erasure that has not come to its end: its receipt's id, since when, asked for by whom."""

    receipt: str
    since: int
    actor: str


class Erasure:
    """Erases users and keeps their receipts."""

    def __init__(
        self,
        store: Store,
        users: Users,
        audit: AuditLog,
        clock: Clock,
        kinds: KindList,
        random_bytes: RandomBytes = os.urandom,
    ) -> None:
        self._store = store
        self._users = users
        self._audit = audit
        self._clock = clock
        self._kinds = kinds
        self._random_bytes = random_bytes

    async def erase(self, user_id: str, actor: str, address: str = "") -> Receipt:
        """Erase a user, or return the receipt of one who is erased already.

        `actor` and `address` are for the audit log. Raises NotFound for a user who never was,
        StoreAway.
        """
        gone = await self._users.finish_removal(user_id)
        if gone is None:
            if not is_user_id(user_id):
                raise NotFound("No such user.")
            if not await self._store.run("HEXISTS", names.user(user_id), "record"):
                raise NotFound("No such user.")
            pending = await self._note(user_id, actor)
            # Before the deed: a line too many is better than an erasure without one.
            detail = {"receipt": pending.receipt}
            await self._audit.record(actor, "user.remove", user_id, address=address, detail=detail)
            gone = await self._remove(user_id, pending.receipt)
        return await self._receipt_for(user_id, gone)

    async def pending(self) -> dict[str, Pending]:
        """Return the erasures that have not come to their end, by user. Raises StoreAway."""
        flat = await self._store.run("HGETALL", names.erasures())
        return {
            user_id.decode(): msgspec.json.decode(blob, type=Pending)
            for user_id, blob in zip(flat[::2], flat[1::2], strict=True)
        }

    async def is_ready(self, pending: Pending) -> bool:
        """Whether an erasure has its receipt, or whoever began it must have died before.

        Raises StoreAway.
        """
        if self._clock.now() - pending.since >= _RESUME_AFTER_S:
            return True
        return bool(await self._store.run("EXISTS", names.receipt(pending.receipt)))

    async def finish_live(self, user_id: str, pending: Pending) -> Receipt | None:
        """Do what is left to do before the files; None if there was no such user after all.

        Raises StoreAway.
        """
        try:
            receipt = await self.load(pending.receipt)
            receipt = receipt or await self.erase(user_id, pending.actor)
        except NotFound:
            await self._store.run("HDEL", names.erasures(), user_id)
            return None
        await sweep(self._store, user_id)
        return receipt

    async def conclude(self, receipt: Receipt, state: State, reason: str | None = None) -> None:
        """Write down the state that an erasure ends in, once. Raises StoreAway."""
        now = await self.load(receipt.id)
        if now is None or now.state is State.LIVE:
            ended = msgspec.structs.replace(
                receipt, state=state, state_time=int(self._clock.now()), state_reason=reason
            )
            await self._store.run("SET", names.receipt(receipt.id), msgspec.json.encode(ended))
            metrics.ERASURES.labels(state.value).inc()
        await self._store.run("HDEL", names.erasures(), receipt.user_id)

    async def load(self, receipt_id: str) -> Receipt | None:
        """Return a receipt as it stands, None if this store has no such. Raises StoreAway."""
        blob = await self._store.run("GET", names.receipt(receipt_id))
        return None if blob is None else msgspec.json.decode(blob, type=Receipt)

    async def _note(self, user_id: str, actor: str) -> Pending:
        """Note what is about to happen; of several at once all get the note of the first."""
        receipt_id = new_receipt_id(self._random_bytes(_ID_BYTES))
        mine = Pending(receipt_id, int(self._clock.now()), actor)
        await self._store.run("HSETNX", names.erasures(), user_id, msgspec.json.encode(mine))
        noted = await self._store.run("HGET", names.erasures(), user_id)
        return mine if noted is None else msgspec.json.decode(noted, type=Pending)

    async def _remove(self, user_id: str, receipt_id: str) -> Gone:
        try:
            return await self._users.remove(user_id, await self._kinds.read(), receipt_id)
        except NotFound:
            gone = await self._users.finish_removal(user_id)
            if gone is None:
                raise
            return gone  # another was faster

    async def _receipt_for(self, user_id: str, gone: Gone) -> Receipt:
        known = await self.load(gone.receipt)
        if known is not None:
            return known
        receipt = Receipt(gone.receipt, user_id, gone.at, gone.destroyed, State.LIVE, gone.at)
        await self._store.run(
            "XADD", names.erased(), "MAXLEN", "~", _MOST_TOLD, "*", "user", user_id
        )
        blob = msgspec.json.encode(receipt)
        if await self._store.run("SET", names.receipt(receipt.id), blob, "NX"):
            metrics.ERASURES.labels(State.LIVE.value).inc()
        return await self.load(receipt.id) or receipt
