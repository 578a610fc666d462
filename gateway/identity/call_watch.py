"""Sees to it that nobody goes on being served after the end of their token or account.

Every request is judged when it comes in. This is for what outlives that: calls that are still being
answered, looked at every two seconds, and what a worker holds in memory of users who were erased.
While the store is away nothing is cut.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from gateway.errors import AuthenticationFailed, RecordIntegrity, StoreAway
from gateway.identity.accounts import Accounts
from gateway.identity.open_calls import OpenCalls
from gateway.store import names
from gateway.store.base import Store
from gateway.types.clock import Clock

PERIOD_S: Final = 2.0
_SLACK_S: Final = 60.0  # clocks differ, and what was erased before we began does no harm here
_BATCH: Final = 1000

log = logging.getLogger("gateway.identity")


class CallWatch:
    """The watch of one worker. Each of `forget` drops what the worker holds of a user."""

    def __init__(
        self,
        store: Store,
        accounts: Accounts,
        calls: OpenCalls,
        clock: Clock,
        forget: Sequence[Callable[[str], None]],
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._calls = calls
        self._forget = forget
        self._seen = f"{max(0, int((clock.now() - _SLACK_S) * 1000))}-0"

    async def run(self, period_s: float = PERIOD_S) -> None:
        """Look again and again, until cancelled."""
        while True:
            try:
                await self.step()
            except StoreAway:
                log.debug("the store is away; no call is cut")
            except Exception:  # one bad round must not end the watch
                log.exception("open calls could not be judged")
            await asyncio.sleep(period_s)

    async def step(self) -> None:
        """Judge every open call once. Raises StoreAway."""
        await self._learn_of_erased()
        await asyncio.gather(*(self._judge(user_id) for user_id in self._calls.users))

    async def _learn_of_erased(self) -> None:
        while True:
            found = await self._store.run(
                "XRANGE", names.erased(), f"({self._seen}", "+", "COUNT", _BATCH
            )
            for place, fields in found:
                self._seen = place.decode()
                for forget in self._forget:
                    forget(fields[1].decode())
            if len(found) < _BATCH:
                return

    async def _judge(self, user_id: str) -> None:
        # A record that does not open, or a store that stays silent, says nothing of a revocation.
        with suppress(StoreAway, RecordIntegrity):
            epoch = await self._accounts.admit(user_id)
            for call in self._calls.of(user_id):
                if call.caller.account.epoch == epoch:
                    continue
                if await self._accounts.is_revoked(call.caller, epoch):
                    call.interrupt(AuthenticationFailed())
