"""Carries erasures to their end in the store's files: one job per worker, one at work at a time.

The deployment has its files written anew at most once a minute, however many users were erased in
between: whoever takes the lease, which nobody gives back, does it for all. Erasures wait in the
store, so that a restart or the death of a worker only delays them.
"""

import asyncio
import logging
import secrets
from typing import Final

from gateway import metrics
from gateway.errors import StoreAway
from gateway.privacy.erase import Erasure
from gateway.privacy.kinds import KindList
from gateway.privacy.receipts import Receipt, State
from gateway.store import names
from gateway.store.base import Store
from gateway.store.rewriting import RewriteFailed, RewriteRefused, rewrite_files
from gateway.store.server_files import Files
from gateway.types.clock import Clock

POLL_S: Final = 2.0
LEASE_S: Final = 60

log = logging.getLogger("gateway.privacy")


class StorageErasure:
    """The job of one worker."""

    def __init__(
        self,
        store: Store,
        erasure: Erasure,
        kinds: KindList,
        clock: Clock,
        files: Files | None,
    ) -> None:
        """`files` is where the embedded server keeps its files, None for a server elsewhere."""
        self._store = store
        self._erasure = erasure
        self._kinds = kinds
        self._clock = clock
        self._files = files

    async def run(self, poll_s: float = POLL_S) -> None:
        """Look for erasures to finish, until cancelled."""
        while True:
            try:
                await self.step()
            except StoreAway:
                log.debug("the store is away; erasures wait")
            except Exception:  # one bad round must not end the job
                log.exception("erasures could not be carried on")
            await asyncio.sleep(poll_s)

    async def step(self, *, limit_s: float = 3600.0) -> None:
        """Finish the erasures that wait, if it is time to. Raises StoreAway."""
        await self._kinds.remember()
        pending = await self._erasure.pending()
        metrics.ERASURES_PENDING.set(len(pending))
        ready = {
            user_id: each for user_id, each in pending.items() if await self._erasure.is_ready(each)
        }
        if not ready or not await self._may_begin():
            return
        receipts = [
            receipt
            for user_id, each in ready.items()
            if (receipt := await self._erasure.finish_live(user_id, each))
        ]
        if receipts:
            await self._finish(receipts, limit_s)

    async def _may_begin(self) -> bool:
        """Take the lease, which ends by itself."""
        mine = secrets.token_hex(8)
        taken = await self._store.run("SET", names.rewrite_lease(), mine, "NX", "EX", LEASE_S)
        return taken is not None

    async def _finish(self, receipts: list[Receipt], limit_s: float) -> None:
        """Write the files anew, and say so in the receipts of users who were swept before."""
        state, reason = State.STORAGE, None
        try:
            await rewrite_files(self._store, self._files, now=self._clock.now(), limit_s=limit_s)
        except RewriteRefused as refused:
            state, reason = State.AGE_OUT, str(refused)
        except RewriteFailed as failed:
            log.warning("the store's files still hold erased data: %s; trying again", failed)
            return
        for receipt in receipts:
            await self._erasure.conclude(receipt, state, reason)
        log.info("erasures concluded", extra={"fields": {"n": len(receipts), "state": state.value}})
