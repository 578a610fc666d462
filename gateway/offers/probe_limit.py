"""How often a user may have keys tested: a fixed number in a minute, over all workers."""

from typing import Final

from gateway.errors import RateLimited
from gateway.store import names
from gateway.store.base import Script, Store
from gateway.types.clock import Clock

MOST_A_MINUTE: Final = 10
_MINUTE_S: Final = 60

_COUNT: Final = Script(
    "count_probe",
    """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end
return count
""",
)
"""KEYS: the user's probes of this minute. ARGV: seconds to keep it. Returns the count so far."""


class ProbeLimit:
    """Counts tests in the store; the minute is part of the key's name, so nothing is ever reset."""

    def __init__(self, store: Store, clock: Clock, most: int = MOST_A_MINUTE) -> None:
        self._store = store
        self._clock = clock
        self._most = most

    async def admit(self, user_id: str) -> None:
        """Count one test. Raises RateLimited, with the seconds to wait, and StoreAway."""
        minute, passed_s = divmod(self._clock.now(), _MINUTE_S)
        key = names.user_probes(user_id, int(minute))
        count = await self._store.script(_COUNT, [key], [2 * _MINUTE_S])
        if count > self._most:
            raise RateLimited(
                f"At most {self._most} tests of provider keys in a minute.",
                retry_after_s=_MINUTE_S - passed_s,
            )
